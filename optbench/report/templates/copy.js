// A button above each code puts it into the clipboard, and says so.
(() => {
  "use strict";
  // Pages opened from a file have no clipboard of their own in some browsers: a selection has one everywhere.
  const bySelection = (code) => {
    const selection = getSelection(), range = document.createRange();
    range.selectNodeContents(code);
    selection.removeAllRanges();
    selection.addRange(range);
    const copied = document.execCommand("copy");
    if (copied) selection.removeAllRanges();
    return copied;
  };

  const copy = async (code) => {
    try {
      await navigator.clipboard.writeText(code.textContent);
      return true;
    } catch {
      return bySelection(code);
    }
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
