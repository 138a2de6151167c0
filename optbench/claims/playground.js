// Tabs, controls and their state in the address: "#?panel=paths&angle=45". A widget is a function that draws one panel
// from the values of its controls; it is called whenever one of them moves.
playground.start = (widgets) => {
  "use strict";
  const root = document.getElementById("playground"), { number } = playground.draw, { tr } = playground, { state } = optbench;
  const panels = [...root.querySelectorAll(".panel")], tabs = [...root.querySelectorAll("[role=tab]")];
  const controls = (panel) => [...panel.querySelectorAll("input, select")];
  const name = (panel) => panel.dataset.panel;
  const NUMBERS = ["range", "number"];

  // The value of a control: that of a logarithmic slider is rounded as it is shown, so what is shown is what is used.
  // data-log is the base: 2 for powers of two.
  const read = (control) => {
    if (control.type === "checkbox") return control.checked;
    if (!NUMBERS.includes(control.type)) return control.value;
    const value = control.valueAsNumber, base = Number(control.dataset.log);
    if (!base) return value;
    return base === 2 ? 2 ** value : Number((base ** value).toPrecision(2));
  };
  const write = (control, text) => {
    if (control.type === "checkbox") control.checked = text === "true" || text === true;
    else control.value = control.dataset.log ? Math.log(Number(text)) / Math.log(Number(control.dataset.log)) : text;
  };
  const values = (panel) => Object.fromEntries(controls(panel).map((control) => [control.name, read(control)]));
  const label = (control) => {
    const output = control.closest("label")?.querySelector("output");
    if (!output) return;
    const value = read(control);
    output.textContent = number(value, Number.isInteger(value) ? 7 : 3) + (control.dataset.unit || "");
    control.setAttribute("aria-valuetext", output.textContent);
  };

  const draw = (panel) => {
    if (controls(panel).some((control) => !control.validity.valid)) {
      panel.querySelector(".says").textContent = tr`A number is missing or out of its range.`;
      return;
    }
    widgets[name(panel)]({
      panel, values: values(panel), number, redraw: () => draw(panel),
      says: (text) => (panel.querySelector(".says").textContent = text),
      set: (changes) => {
        for (const control of controls(panel)) if (control.name in changes) write(control, changes[control.name]);
        remember(panel);
        draw(panel);
      },
    });
    controls(panel).forEach(label); // after the widget, which may have moved a slider's end
  };
  const ends = new Map(panels.flatMap(controls).map((control) => [control, control.max]));
  const initial = Object.fromEntries(panels.flatMap(controls).map((control) => [control.name, read(control)]));
  // The address follows when the controls rest: browsers refuse a hundred changes in half a minute.
  let later = 0;
  const remember = (panel) => {
    clearTimeout(later);
    later = setTimeout(() => {
      state.set(Object.fromEntries(Object.entries(values(panel)).map(([key, value]) => [key, value === initial[key] ? "" : String(value)])));
    }, 250);
  };

  const show = (wanted, focus = false) => {
    const tab = tabs.find((each) => [each.dataset.panel, each.textContent].some((word) => word.toLowerCase() === wanted.toLowerCase()));
    const shown = tab ? panels[tabs.indexOf(tab)] : panels[0];
    for (const panel of panels) panel.hidden = panel !== shown;
    for (const tab of tabs) {
      const on = tab.dataset.panel === name(shown);
      tab.setAttribute("aria-selected", on);
      tab.tabIndex = on ? 0 : -1;
      if (on && focus) tab.focus();
    }
    for (const format of ["svg", "png"]) button(format).hidden = !shown.querySelector("svg");
    draw(shown);
    return shown;
  };
  const restore = () => {
    for (const [control, end] of ends) {
      if (end) control.max = end;
      write(control, state.get(control.name, initial[control.name]));
      if (control.selectedIndex === -1) write(control, initial[control.name]); // an address with no such option
    }
    show(state.get("panel"));
  };
  const choose = (tab) => state.set({ panel: name(show(tab.dataset.panel, true)) });

  tabs.forEach((tab, place) => {
    tab.addEventListener("click", () => choose(tab));
    tab.addEventListener("keydown", (event) => {
      const move = { ArrowRight: 1, ArrowLeft: -1, Home: -place, End: tabs.length - 1 - place }[event.key];
      if (move === undefined) return;
      event.preventDefault();
      choose(tabs[(place + move + tabs.length) % tabs.length]);
    });
  });
  for (const panel of panels) {
    panel.addEventListener("input", (event) => {
      remember(panel);
      draw(panel);
      event.stopPropagation();
    });
    panel.addEventListener("submit", (event) => event.preventDefault());
  }
  // An example sets the widgets alone: what else stands in the address, such as the theme, stays.
  root.addEventListener("click", (event) => {
    const link = event.target.closest(".try a");
    if (!link || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const nothing = Object.fromEntries(Object.keys(initial).map((key) => [key, ""]));
    state.set({ ...nothing, ...Object.fromEntries(new URLSearchParams(link.hash.slice(2))) });
    restore();
  });
  const button = (what) => root.querySelector(`.tabs [data-do=${what}]`), large = button("large"), seen = () => panels.find((panel) => !panel.hidden);
  large.addEventListener("click", () => (document.fullscreenElement ? document.exitFullscreen() : root.requestFullscreen()));
  large.hidden = !document.fullscreenEnabled;
  root.addEventListener("fullscreenchange", () => {
    large.textContent = document.fullscreenElement ? tr`Leave full screen` : tr`Full screen`;
    draw(seen());
  });
  for (const format of ["svg", "png"]) button(format).addEventListener("click", () => playground.picture.save(format, seen()));
  // The address with every control of the panel, also those at their first values, which another version may change.
  button("link").addEventListener("click", async () => {
    const all = { panel: name(seen()), ...values(seen()) };
    const address = `${location.href.split("#")[0]}#?${new URLSearchParams(all)}`;
    const done = await optbench.exports.copy(address), before = tr`Copy link`;
    button("link").textContent = done ? tr`Copied` : tr`No clipboard here`;
    setTimeout(() => (button("link").textContent = before), 2000);
  });

  root.hidden = false;
  state.on(restore);
  restore();
  let width = root.clientWidth;
  new ResizeObserver(() => {
    if (root.clientWidth !== width) draw(seen());
    width = root.clientWidth;
  }).observe(root);
};
