// A page that is read where it was written knows the folder of its results, and its commands name it.
(() => {
  "use strict";
  const table = document.querySelector(".settle[data-folder]");
  if (!table || location.protocol !== "file:") return;
  const path = decodeURIComponent(new URL(table.dataset.folder, location.href).pathname).replace(/\/$/, "");
  const folder = path.replace(/^\/(?=[A-Za-z]:)/, ""); // of Windows
  const quoted = /^[\w@%+=:,./-]+$/.test(folder) ? folder : `'${folder.replaceAll("'", "'\"'\"'")}'`;
  for (const code of table.querySelectorAll("code")) code.textContent = code.textContent.replace("--out .", () => `--out ${quoted}`);
})();
