// Colors: charts follow the page's variables, by light and by dark, and while it is printed.
optbench.theme = (() => {
  "use strict";
  const listeners = [];
  let printing = false;
  let picture = 0; // the width of a picture that is drawn at the moment
  const PAPER = { ink: "#000000", soft: "#444444", line: "#cccccc", paper: "#ffffff", shade: "#f2f2f2", warn: "#7a3200" };
  const CONTRAST = 3.2; // of a line in color to the page behind it

  const colors = () => {
    if (printing || picture) return PAPER;
    const style = getComputedStyle(document.documentElement);
    const read = (name) => style.getPropertyValue("--" + name).trim() || PAPER[name];
    const found = Object.fromEntries(Object.keys(PAPER).map((name) => [name, read(name)]));
    return { ...found, paper: style.getPropertyValue("--card").trim() || found.paper };
  };

  // "#rgb" or "#rrggbb" -> three numbers from 0 to 255
  const parts = (hex) => {
    const full = hex.length === 4 ? hex.replace(/[0-9a-f]/gi, "$&$&") : hex;
    return [1, 3, 5].map((place) => parseInt(full.slice(place, place + 2), 16));
  };
  const linear = (part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4);
  const luminance = (hex) => {
    const [r, g, b] = parts(hex).map(linear);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a, b) => {
    const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
    return (high + 0.05) / (low + 0.05);
  };
  const mixed = (a, b, share) => {
    const other = parts(b);
    const both = parts(a).map((part, place) => Math.round(part + share * (other[place] - part)));
    return "#" + both.map((part) => part.toString(16).padStart(2, "0")).join("");
  };
  const dark = () => luminance(colors().paper) < 0.2;

  // The color as it can be seen on the page: on dark paper mixed with white until it stands out.
  const seen = (color) => {
    const { paper } = colors();
    if (!dark()) return color;
    for (let share = 0; share < 1; share += 0.1) {
      const lighter = mixed(color, "#ffffff", share);
      if (contrast(lighter, paper) >= CONTRAST + 1) return lighter;
    }
    return "#ffffff";
  };
  const faded = (color, opacity) => `rgba(${parts(color).join(",")},${opacity})`;
  // The lines of all that is not in color.
  const gray = () => mixed(colors().paper, colors().soft, dark() ? 0.5 : 0.38);

  // The color of an optimizer with a look as `data.look` gives it; `otherwise` where that is null.
  const colorOf = (look, otherwise = gray()) => (look ? seen(look.color) : otherwise);

  const family = () => getComputedStyle(document.body).fontFamily;
  // Pixels that a chart is wide; on a narrow one, parts stand below each other.
  const room = () => picture || (printing ? 680 : document.getElementById("explore-chart").clientWidth);
  const narrow = () => room() < 520;
  const height = () => (narrow() ? 340 : 460);

  // What `make` returns, with the colors of paper and for a chart so wide.
  const as = (width, make) => {
    picture = width;
    try {
      return make();
    } finally {
      picture = 0;
    }
  };

  const tell = () => listeners.forEach((listener) => listener());
  document.addEventListener("themechange", tell);
  const print = (on) => {
    printing = on;
    tell();
  };
  addEventListener("beforeprint", () => print(true));
  addEventListener("afterprint", () => print(false));
  matchMedia("print").addEventListener("change", (event) => print(event.matches)); // after which the colors are right
  return { colors, dark, seen, colorOf, faded, mixed, gray, family, room, narrow, height, as, on: (listener) => listeners.push(listener), printing: () => printing };
})();
