// Sections are folded to a row each. They open for a place that an address names, all at once, and on paper.
(() => {
  "use strict";
  const folds = [...document.querySelectorAll("details.fold")];
  const bar = document.querySelector(".bar"), picker = bar.querySelector("select"), all = bar.querySelector("button");

  const reveal = () => {
    const place = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    if (!place) return;
    for (let each = place.closest("details"); each; each = each.parentElement.closest("details")) each.open = true;
    place.scrollIntoView();
  };
  addEventListener("hashchange", reveal);
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#']");
    if (link && link.hash === location.hash) reveal(); // which changes no address
  });

  const open = () => folds.some((each) => !each.open);
  const name = () => (all.textContent = open() ? "Unfold all" : "Fold all");
  all.addEventListener("click", () => {
    const wanted = open();
    folds.forEach((each) => (each.open = wanted));
  });
  folds.forEach((each) => each.addEventListener("toggle", name));

  let closed = [];
  addEventListener("beforeprint", () => {
    closed = folds.filter((each) => !each.open);
    closed.forEach((each) => (each.open = true));
  });
  addEventListener("afterprint", () => closed.forEach((each) => (each.open = false)));

  // The problem that one reads about, and the way to another one, which the explorer then shows, too.
  const problems = [...document.querySelectorAll("section.problem")];
  picker.addEventListener("change", () => {
    optbench.state.change({ problem: picker.selectedOptions[0].dataset.problem });
    location.hash = picker.value;
  });
  addEventListener("scroll", () => {
    const line = bar.getBoundingClientRect().bottom + 40;
    const here = problems.find((each) => each.getBoundingClientRect().top <= line && each.getBoundingClientRect().bottom > line);
    picker.value = here ? here.getAttribute("aria-labelledby") : "";
  }, { passive: true });

  picker.parentElement.hidden = all.hidden = false;
  name();
  reveal();
})();
