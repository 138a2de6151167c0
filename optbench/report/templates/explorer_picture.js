// The chart as a file: with a title, a legend and its source, always light, as wide as a column of a paper or a slide.
optbench.picture = (() => {
  "use strict";
  // Pixels of the drawing; `wide`: how wide it is meant to be; `scale`: of a PNG, for 400 and 230 dots per inch.
  const SIZES = {
    slide: { name: "slide (16:9)", width: 800, height: 450, wide: "8.33in", scale: 2.4 },
    paper: { name: "paper (3.3 in)", width: 380, height: 290, wide: "3.3in", scale: 3.5 },
  };
  const LEAST = 250; // pixels of a chart
  const TITLE = 26; // pixels of a line above the chart
  const FOOT = 22; // pixels of the source below it
  const ENTRY = { height: 20, line: 46 }; // pixels of an entry of the legend

  // What the view shows, as {svg, width, height}. subtitle: what is chosen besides.
  const drawn = (view, subtitle, data, choose, size) => {
    const { theme, chart } = optbench, { width } = size;
    const { count, shorten } = optbench.text, { ink, soft } = theme.colors();
    const current = view.draw(data, choose);
    choose.zoom(current);
    const names = new Set(current.traces.map((trace) => trace.name));
    const here = choose.shown().filter((place) => names.has(data.short(place)));
    const looks = here.map((place) => data.look(place, choose.problemOf(view)));
    const entries = here.flatMap((place, at) => (looks[at] ? [[data.short(place), looks[at]]] : []));
    const others = looks.filter((look) => !look).length;
    const gray = current.gray || (others ? count(others, "other optimizer") : "");
    if (gray) entries.push([gray, null]);
    const longest = Math.max(...entries.map(([name]) => chart.measure(name)), 0) + ENTRY.line;
    const columns = Math.max(1, Math.floor((width - 20) / longest));
    const legend = entries.length ? Math.ceil(entries.length / columns) * ENTRY.height + 6 : 0;
    const head = subtitle ? 2 * TITLE : TITLE;
    const { top = 12 } = current.layout;
    // A chart of one panel fits the page; those of many say how high they are.
    const body = current.layout.height === theme.height() ? Math.max(size.height - head - legend - FOOT, LEAST) : current.layout.height;
    const height = Math.round(body + head + legend + FOOT);
    const { source } = chart.svg(current.traces, { ...current.layout, height, top: top + head, foot: legend + FOOT }, width);
    const write = (words, pixels, facts) => chart.write(chart.fit(words, width - 24, pixels), { x: 12, "font-size": pixels, fill: ink, ...facts });
    const samples = entries.map(([name, look], at) => {
      const [x, y] = [12 + (at % columns) * longest, height - FOOT - legend + Math.floor(at / columns) * ENTRY.height];
      return chart.tag("g", { transform: `translate(${x},${y})` }, chart.sample(theme.colorOf(look), look)) + chart.write(name, { "data-part": "entry", x: x + 32, y: y + 6, dy: ".35em", fill: ink });
    });
    const more = [
      write(current.heading, 14.5, { "data-part": "title", y: 21 }), subtitle && write(subtitle, 12, { "data-part": "subtitle", y: 42, fill: soft }), ...samples,
      write(shorten(data.source, 400), 11.5, { "data-part": "source", y: height - 8, fill: "#555555" }),
    ].filter(Boolean).join("");
    const svg = new DOMParser().parseFromString(source.replace(/<\/svg>$/, `${more}</svg>`), "image/svg+xml").documentElement;
    const inches = (parseFloat(size.wide) * height) / width;
    for (const [name, value] of Object.entries({ width: size.wide, height: `${inches.toFixed(3)}in` })) svg.setAttribute(name, value);
    return { svg, width, height };
  };

  // Save what the view shows. format: "png" or "svg"; named: a key of SIZES.
  const save = (format, named, file, view, subtitle, data, choose) => {
    const size = SIZES[named];
    const { svg, width, height } = optbench.theme.as(size.width, () => drawn(view, subtitle, data, choose, size));
    return optbench.exports.savePicture(file, svg, format, width * size.scale, height * size.scale);
  };
  return { SIZES, save };
})();
