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
  // An address that is no place on the page is a claim that is not there: say so, with those whose ids begin most like it.
  const absent = document.getElementById("absent");
  const explain = () => {
    const asked = location.hash.slice(1).toUpperCase();
    absent.hidden = !asked || asked.startsWith("?") || Boolean(document.getElementById(location.hash.slice(1)));
    if (absent.hidden) return;
    const alike = (id) => [...id].filter((_, place) => asked.startsWith(id.slice(0, place + 1))).length;
    const most = Math.max(...articles.map(({ id }) => alike(id)));
    const links = articles.filter(({ id }) => alike(id) === most).map(({ id }) => {
      const link = Object.assign(document.createElement("a"), { href: `#${id}`, textContent: id });
      return [link, " "];
    });
    absent.querySelector("code").textContent = location.hash.slice(1);
    absent.querySelector("span").replaceChildren(...links.flat());
    scrollTo(0, 0);
  };
  addEventListener("hashchange", explain);
  explain();

  const focus = () => presented() && presented().focus();
  addEventListener("hashchange", focus);
  focus();
})();
