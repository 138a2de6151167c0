// A button above each code puts it into the clipboard, and says so.
(() => {
  "use strict";
  // Where the browser keeps the clipboard from the page, the code is selected, for the reader's own keys.
  const copy = async (code) => {
    const copied = await optbench.exports.copy(code.textContent);
    if (!copied) getSelection().selectAllChildren(code);
    return copied;
  };

  const status = document.createElement("span");
  status.className = "unseen";
  status.setAttribute("role", "status");
  document.body.append(status);
  const keys = /Mac|iP(hone|ad|od)/.test(navigator.platform) ? "Press \u2318C" : "Press Ctrl+C";

  for (const button of document.querySelectorAll(".copy")) {
    const code = button.parentElement.querySelector("code"), label = button.firstChild;
    let timer;
    button.hidden = false;
    button.addEventListener("click", async () => {
      clearTimeout(timer);
      label.textContent = (await copy(code)) ? "Copied" : keys;
      status.textContent = label.textContent;
      clearTimeout(timer);  // of a second click, while the first was copying
      timer = setTimeout(() => { label.textContent = "Copy"; status.textContent = ""; }, 2000);
    });
  }
})();
