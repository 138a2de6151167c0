// The explorer waits as plain text, so that the page opens without it. It starts when a reader scrolls to it, or an
// address asks for it, "#explorer" or "#?view=sensitivity".
optbench.explore = (() => {
  "use strict";
  const section = document.getElementById("explore-section");
  const textOf = (id) => document.getElementById(id).textContent;
  const run = (text) => document.head.append(Object.assign(document.createElement("script"), { textContent: text }));
  let started = null;

  const unpack = (id) => {
    const packed = Uint8Array.from(atob(textOf(id)), (letter) => letter.charCodeAt(0));
    return new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
  };
  const start = async () => {
    const [data, library] = await Promise.all(["explorer-data", "explorer-library"].map(unpack));
    document.getElementById("explorer-data").textContent = data;
    run(textOf("explorer-code"));
    run(library);
    section.classList.remove("waiting");
    optbench.explorer.start();
  };
  const explore = () => (started = started || start());

  const watch = new IntersectionObserver((entries) => entries.some((each) => each.isIntersecting) && explore());
  addEventListener("load", () => watch.observe(section));
  const asked = () => {
    if (location.hash === "#explorer" || optbench.state.get("view")) explore();
  };
  optbench.state.on(asked);
  asked();
  return explore;
})();
