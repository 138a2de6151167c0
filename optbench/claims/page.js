// Show the claims of one verdict, "#?verdict=depends" in the address, or one claim alone and large, "#C1.2".
// What a claim looks like when it is presented is CSS's, by :target; keys go on to the next one and leave.
(() => {
  "use strict";
  const { state } = optbench;
  const articles = [...document.querySelectorAll("article[data-verdict]")];
  const choices = document.querySelector(".verdicts");

  const filter = () => {
    const wanted = state.get("verdict");
    for (const each of document.querySelectorAll("[data-verdict]"))
      each.hidden = Boolean(wanted) && each.dataset.verdict !== wanted;
    for (const section of document.querySelectorAll("main > section"))
      if (section.querySelector("article")) section.hidden = !section.querySelector("article:not([hidden])");
    for (const input of choices.querySelectorAll("input")) input.checked = input.value === wanted;
  };
  choices.hidden = false;
  choices.addEventListener("change", (event) => {
    state.set({ verdict: event.target.value });
    filter();
  });
  state.on(filter);
  filter();

  const presented = () => articles.find((each) => each.matches(":target"));
  const step = (by) => {
    const open = articles.filter((each) => !each.hidden || each === presented());
    location.hash = open[(open.indexOf(presented()) + by + open.length) % open.length].id;
  };
  const keys = { ArrowRight: 1, ArrowDown: 1, PageDown: 1, ArrowLeft: -1, ArrowUp: -1, PageUp: -1 };
  addEventListener("keydown", (event) => {
    if (!presented() || event.altKey || event.ctrlKey || event.metaKey || event.target.matches("input")) return;
    if (event.key === "Escape") location.hash = "at-" + presented().id;
    else if (event.key in keys) step(keys[event.key]);
    else return;
    event.preventDefault();
  });
  const focus = () => presented() && presented().focus();
  addEventListener("hashchange", focus);
  focus();
})();
