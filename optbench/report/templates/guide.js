// One field filters the lines of all pictures, a line for each optimizer.
(() => {
  "use strict";
  const bar = document.querySelector(".bar"), field = bar.querySelector("input"), status = bar.querySelector("[role=status]");
  const lines = [...document.querySelectorAll(".line[data-words]")], heads = [...document.querySelectorAll(".heads .who")];
  const sections = [...document.querySelectorAll("section")], all = heads[0].textContent;

  field.addEventListener("input", () => {
    const edge = bar.getBoundingClientRect().bottom;
    const here = sections.find((each) => each.getBoundingClientRect().bottom > edge);
    optbench.filter(lines, field.value);
    const names = new Set(lines.filter((line) => !line.hidden).map((line) => line.dataset.words));
    const text = field.value.trim() ? `${names.size} of ${all}` : all;
    heads.forEach((head) => (head.textContent = text));
    status.textContent = text;
    if (here.getBoundingClientRect().top < edge) here.querySelector("h2").scrollIntoView(); // what was read may be far above now
  });
  field.parentElement.hidden = false;
})();
