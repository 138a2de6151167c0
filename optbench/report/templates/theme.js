// Light, dark, or what the system says: document.documentElement.dataset.theme is "light", "dark" or absent.
// Whoever draws listens to "themechange" on document, whose detail is what holds now, "light" or "dark".
(() => {
  "use strict";
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => root.dataset.theme || "system";
  const now = () => root.dataset.theme || (system.matches ? "dark" : "light");

  const apply = (wanted) => {
    if (wanted === "light" || wanted === "dark") root.dataset.theme = wanted;
    else delete root.dataset.theme;
    for (const each of document.querySelectorAll("input[name=theme]")) each.checked = each.value === chosen();
  };
  const tell = () => document.dispatchEvent(new CustomEvent("themechange", { detail: now() }));

  apply(optbench.state.get("theme"));
  system.addEventListener("change", tell);
  optbench.state.on(() => {
    const was = now();
    apply(optbench.state.get("theme"));
    if (now() !== was) tell();
  });
  document.addEventListener("DOMContentLoaded", () => {
    document.querySelector("fieldset.theme").hidden = false;
    apply(optbench.state.get("theme"));
    document.querySelector("fieldset.theme").addEventListener("change", (event) => {
      apply(event.target.value);
      optbench.state.set({ theme: root.dataset.theme || "" });
      tell();
    });
  });
})();
