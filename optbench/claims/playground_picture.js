// The charts of a panel as one picture, in SVG or PNG: as they stand on the page, with what the panel says below them.
playground.picture = (() => {
  "use strict";
  const PROPERTIES = [
    "fill", "fill-opacity", "stroke", "stroke-width", "stroke-opacity", "stroke-dasharray", "stroke-linecap",
    "stroke-linejoin", "paint-order", "font-size", "font-weight", "font-family", "text-anchor",
  ];
  const EDGE = 14, LINE = 1.5; // pixels around the charts; lines of text, in heights of letters
  const PIXELS = 3840; // of a PNG across: two for each of a projector

  // Other programs know rgb(), but neither color(srgb ...) nor the page's variables.
  const plain = (value) =>
    value.replace(/color\(srgb ([\d.e-]+) ([\d.e-]+) ([\d.e-]+)[^)]*\)/g, (_, ...parts) => `rgb(${parts.slice(0, 3).map((part) => Math.round(255 * part)).join(",")})`);
  const copy = (svg) => {
    const twin = svg.cloneNode(true), all = [svg, ...svg.querySelectorAll("*")];
    [twin, ...twin.querySelectorAll("*")].forEach((each, place) => {
      const style = getComputedStyle(all[place]);
      each.removeAttribute("class");
      each.setAttribute("style", PROPERTIES.map((name) => `${name}:${plain(style[name]).replaceAll('"', "'")}`).join(";"));
    });
    return twin;
  };
  // The width of a text in heights of its letters: about half of one, and Hangul nearly all of it.
  const wide = (text) => [...text].reduce((sum, letter) => sum + (letter > "\u2e80" ? 0.95 : 0.52), 0);
  const wrapped = (text, width) =>
    text.split(" ").reduce((lines, word) => {
      if (wide(`${lines.at(-1)} ${word}`) < width) lines.push(`${lines.pop()} ${word}`.trim());
      else lines.push(word);
      return lines;
    }, [""]);

  // The picture of a panel as an svg element.
  const drawn = (panel) => {
    const charts = [...panel.querySelectorAll("svg:not([hidden])")], boxes = charts.map((svg) => svg.getBoundingClientRect());
    const [left, top] = ["left", "top"].map((side) => Math.min(...boxes.map((box) => box[side])) - EDGE);
    const width = Math.max(...boxes.map((box) => box.right)) - left + EDGE, foot = Math.max(...boxes.map((box) => box.bottom)) - top + EDGE;
    const { color, backgroundColor } = getComputedStyle(document.body), letter = parseFloat(getComputedStyle(charts[0]).fontSize) + 1;
    const lines = wrapped(panel.querySelector(".says").textContent, (width - 2 * EDGE) / letter);
    const height = foot + LINE * letter * lines.length + EDGE;
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    for (const [name, value] of Object.entries({ viewBox: `0 0 ${width} ${height}`, width, height })) svg.setAttribute(name, value);
    svg.innerHTML = `<desc></desc><rect width="${width}" height="${height}" fill="${plain(backgroundColor)}"/>`;
    svg.firstChild.textContent = location.href; // the state that it shows
    charts.forEach((chart, place) => {
      const twin = copy(chart), box = boxes[place];
      for (const [name, value] of Object.entries({ x: box.left - left, y: box.top - top, width: box.width, height: box.height, overflow: "visible" })) twin.setAttribute(name, value);
      svg.append(twin);
    });
    lines.forEach((line, place) => {
      const text = document.createElementNS(svg.namespaceURI, "text");
      const facts = { x: EDGE, y: foot + LINE * letter * (place + 0.8), fill: plain(color), "font-size": letter, "font-family": "sans-serif" };
      for (const [name, value] of Object.entries(facts)) text.setAttribute(name, value);
      text.textContent = line;
      svg.append(text);
    });
    return svg;
  };

  // Let the browser save the panel's picture; format: "svg" or "png".
  const save = (format, panel) => {
    const svg = drawn(panel), scale = PIXELS / svg.getAttribute("width");
    optbench.exports.savePicture(`${panel.dataset.panel}.${format}`, svg, format, PIXELS, scale * svg.getAttribute("height"));
  };
  return { save };
})();
