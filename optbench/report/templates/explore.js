// The explorer waits as plain text, so that the page opens without it. It starts when a reader scrolls or tabs to it, or an
// address asks for it, "#explorer" or "#?view=sensitivity".
optbench.explore = (() => {
  "use strict";
  const section = document.getElementById("explore-section");
  const textOf = (id) => document.getElementById(id).textContent;
  const heading = document.getElementById("explorer");
  let started = null;

  const start = async () => {
    const packed = Uint8Array.from(atob(textOf("explorer-data")), (letter) => letter.charCodeAt(0));
    const data = new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
    document.getElementById("explorer-data").textContent = await data;
    document.head.append(Object.assign(document.createElement("script"), { textContent: textOf("explorer-code") }));
    section.classList.remove("waiting");
    optbench.explorer.start();
    heading.tabIndex = -1;
  };
  const explore = () => (started = started || start());

  const watch = new IntersectionObserver((entries) => entries.some((each) => each.isIntersecting) && explore());
  addEventListener("load", () => watch.observe(section));
  heading.tabIndex = 0; // until there are controls, which the next Tab reaches
  heading.addEventListener("focus", explore);
  const asked = () => {
    if (location.hash === "#explorer" || optbench.state.get("view")) explore();
  };
  optbench.state.on(asked);
  asked();
  return explore;
})();
