// The legend: a button for each optimizer, which hides it and shows it in all views; two clicks leave it alone.
optbench.legend = (() => {
  "use strict";
  const { make } = optbench.controls;

  // A short piece of an optimizer's line with its mark, as a drawing.
  const sample = (look) => optbench.chart.sample(optbench.theme.colorOf(look), look);

  // The name at the end of an optimizer's line, for `ends` of a layout.
  const end = (data, optimizer, problem, more) => {
    const look = data.look(optimizer, problem);
    const name = optbench.text.shorten(data.short(optimizer), optbench.theme.narrow() ? 10 : 22);
    return { name, color: optbench.theme.colorOf(look, optbench.theme.colors().soft), shape: look && look.marker, ...more };
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
        button.append(make("span", "", { class: "explore-sample" }), make("bdi", short));
        box.append(button);
      }
      // The first click of two hides, the second shows again; the double click then finds all as it was.
      button.onclick = (event) => (event.shiftKey ? isolate(place) : toggle(place));
      button.ondblclick = () => isolate(place);
      button.setAttribute("aria-pressed", String(!hidden.has(place)));
      button.querySelector(".explore-sample").innerHTML = `<svg width="26" height="12" aria-hidden="true">${sample(data.look(place, problem))}</svg>`;
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
  return { draw, end };
})();
