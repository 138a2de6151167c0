// The state of a page stands in its address, "#?view=curves&problem=mlp", so that a view can be sent.
// Other hashes are places on the page and change no state.
window.optbench = window.optbench || {};
optbench.state = (() => {
  "use strict";
  const listeners = [];
  const read = () => new URLSearchParams(location.hash.startsWith("#?") ? location.hash.slice(2) : "");
  let values = read();

  // The value of a key, or `otherwise` where the address has none.
  const get = (key, otherwise = "") => (values.has(key) ? values.get(key) : otherwise);

  // Set some values; null or "" takes a key away. Nobody is told: who sets, draws.
  // step: the browser's Back undoes it.
  const set = (changes, step = false) => {
    for (const [key, value] of Object.entries(changes)) {
      if (value === null || value === undefined || value === "") values.delete(key);
      else values.set(key, value);
    }
    const text = values.toString();
    history[step && "#?" + text !== location.hash ? "pushState" : "replaceState"](null, "", text ? "#?" + text : location.pathname + location.search);
  };

  // Set some values, and tell all who draw.
  const change = (changes) => {
    set(changes, true);
    listeners.forEach((listener) => listener());
  };

  // Call `listener` when the reader changes the address by hand, or goes back.
  const on = (listener) => listeners.push(listener);

  addEventListener("hashchange", () => {
    if (location.hash && !location.hash.startsWith("#?")) return;
    values = read();
    listeners.forEach((listener) => listener());
  });
  return { get, set, change, on };
})();
