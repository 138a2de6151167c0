// The legend: a button for each optimizer, which hides it and shows it in all views; two clicks leave it alone.
optbench.legend = (() => {
  "use strict";
  const { make } = optbench.controls;

  // A short piece of an optimizer's line.
  const sample = (look) => {
    const space = "http://www.w3.org/2000/svg";
    const box = document.createElementNS(space, "svg");
    const line = document.createElementNS(space, "line");
    for (const [name, value] of Object.entries({ width: 26, height: 10, "aria-hidden": "true" })) box.setAttribute(name, value);
    const color = optbench.theme.colorOf(look);
    const dash = look && look.dash !== "solid" ? look.dash.replace(/px/g, "") : "none";
    const facts = { x1: 1, x2: 25, y1: 5, y2: 5, stroke: color, "stroke-width": look ? 2.4 : 1.2, "stroke-dasharray": dash };
    for (const [name, value] of Object.entries(facts)) line.setAttribute(name, value);
    box.append(line);
    return box;
  };

  // change: hears the set of those that are hidden.
  const draw = (box, data, problem, hidden, change) => {
    const all = data.optimizers.map((_, place) => place);
    const isolate = (place) => {
      const alone = hidden.size === all.length - 1 && !hidden.has(place);
      change(new Set(alone ? [] : all.filter((other) => other !== place)));
    };
    const toggle = (place) => {
      const next = new Set(hidden);
      if (!next.delete(place)) next.add(place);
      change(next);
    };
    all.forEach((place) => {
      let button = box.querySelector(`button[data-place="${place}"]`);
      if (!button) {
        const { name, short } = data.optimizers[place];
        button = make("button", "", { type: "button", "data-place": place, title: name });
        button.append(make("span", "", { class: "explore-sample" }), make("span", short));
        box.append(button);
      }
      // The first click of two hides, the second shows again; the double click then finds all as it was.
      button.onclick = (event) => (event.shiftKey ? isolate(place) : toggle(place));
      button.ondblclick = () => isolate(place);
      button.setAttribute("aria-pressed", String(!hidden.has(place)));
      button.querySelector(".explore-sample").replaceChildren(sample(data.look(place, problem)));
    });
    let every = box.querySelector(".explore-all");
    if (!every) {
      every = make("button", "Show all", { type: "button", class: "explore-all" });
      box.append(every);
    }
    every.onclick = () => change(new Set());
    every.hidden = !hidden.size;
    box.hidden = all.length < 2;
  };
  return { draw };
})();
