// The controls above a chart: native elements, kept where they are when their options change, so that focus stays.
optbench.controls = (() => {
  "use strict";
  const make = (tag, text = "", attributes = {}) => {
    const element = document.createElement(tag);
    element.textContent = text;
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    return element;
  };

  // spec: {key, label, kind: "select" or "check", options: [[value, text]], value}; change(key, value) hears the reader.
  const build = (spec, change) => {
    const label = make("label", "", { class: `explore-${spec.kind}`, "data-key": spec.key });
    const words = make("span", spec.label);
    if (spec.kind === "check") {
      const box = make("input", "", { type: "checkbox", name: spec.key });
      box.addEventListener("change", () => change(spec.key, box.checked === spec.usual ? "" : box.checked ? "yes" : "no"));
      label.append(box, words);
    } else {
      const list = make("select", "", { name: spec.key });
      list.addEventListener("change", () => change(spec.key, list.value));
      label.append(words, list);
    }
    return label;
  };

  const update = (label, spec) => {
    label.querySelector("span").textContent = spec.label;
    const field = label.querySelector("input, select");
    if (spec.kind === "check") {
      field.checked = spec.value;
      field.disabled = spec.disabled;
      return;
    }
    const wanted = JSON.stringify(spec.options);
    if (field.dataset.options !== wanted) {
      field.replaceChildren(...spec.options.map(([value, text]) => make("option", text, { value })));
      field.dataset.options = wanted;
    }
    field.value = spec.value;
    label.hidden = spec.options.length < 2;
  };

  // Make `box` hold a control for each spec, in their order.
  const sync = (box, specs, change) => {
    const there = new Map([...box.children].map((child) => [child.dataset.key, child]));
    specs.forEach((spec, place) => {
      const label = there.get(spec.key) || build(spec, change);
      there.delete(spec.key);
      update(label, spec);
      if (box.children[place] !== label) box.insertBefore(label, box.children[place] || null);
    });
    there.forEach((child) => child.remove());
    box.hidden = [...box.children].every((child) => child.hidden);
  };

  // The buttons of the views, of which one is pressed.
  const tabs = (box, names, pressed, change) => {
    if (!box.children.length) {
      for (const [key, text] of names) {
        const button = make("button", text, { type: "button", "data-key": key });
        button.addEventListener("click", () => change(key));
        box.append(button);
      }
    }
    for (const button of box.children) button.setAttribute("aria-pressed", String(button.dataset.key === pressed));
  };
  return { make, sync, tabs };
})();
