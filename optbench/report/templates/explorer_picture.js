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
  const ENTRY = { height: 20, line: 46, letter: 7.4 }; // pixels of an entry of the legend

  // The parts of a figure for Plotly. view: of optbench.views; subtitle: what is chosen besides.
  const figure = (view, subtitle, data, choose, size) => {
    const { theme } = optbench;
    const { plain, count, shorten } = optbench.text;
    const current = view.draw(data, choose);
    choose.zoom(current);
    const drawn = new Set(current.traces.map((trace) => trace.name));
    const here = choose.shown().filter((place) => drawn.has(plain(data.short(place))));
    const looks = here.map((place) => data.look(place, choose.problemOf(view)));
    const sample = (words, line) => ({ x: [null], y: [null], mode: "lines", type: "scatter", name: plain(words), line, showlegend: true });
    const samples = here.flatMap((place, at) =>
      looks[at] ? [sample(data.short(place), { color: theme.seen(looks[at].color), width: 2.4, dash: looks[at].dash })] : []);
    const others = looks.filter((look) => !look).length;
    const gray = current.gray || (others ? count(others, "other optimizer") : "");
    if (gray) samples.push(sample(gray, { color: theme.gray(), width: 1.2 }));
    const longest = Math.max(...samples.map((trace) => trace.name.length), 0) * ENTRY.letter + ENTRY.line;
    const columns = Math.max(1, Math.floor((size.width - 20) / longest));
    const legend = samples.length ? Math.ceil(samples.length / columns) * ENTRY.height + 6 : 0;
    const layout = theme.layout(current.layout);
    const head = subtitle ? 2 * TITLE : TITLE;
    const body = current.layout.height || Math.max(size.height - head - legend - FOOT, LEAST);
    const height = Math.round(body + head + legend + FOOT);
    const fitting = (text, letter) => plain(shorten(text, Math.floor((size.width - 20) / letter)));
    return {
      data: [...current.traces.map((trace) => ({ ...trace, showlegend: false })), ...samples],
      layout: {
        ...layout, width: size.width, height, autosize: false, showlegend: samples.length > 0,
        margin: { ...layout.margin, t: layout.margin.t + head, b: layout.margin.b + legend + FOOT },
        title: {
          text: fitting(current.heading, 8.6), font: { size: 14.5 }, subtitle: { text: fitting(subtitle, 7.4), font: { size: 12 } },
          xref: "container", x: 12 / size.width, xanchor: "left", yref: "container", y: 1, yanchor: "top", pad: { t: 10 },
        },
        legend: { orientation: "h", xref: "container", x: 8 / size.width, xanchor: "left", yref: "container", y: FOOT / height, yanchor: "bottom" },
      },
    };
  };

  // The drawing with the line of its source, as an element.
  const drawn = async (parts, size, source) => {
    const { width, height } = parts.layout;
    const address = await Plotly.toImage({ ...parts, config: { displayModeBar: false } }, { format: "svg", width, height });
    const svg = new DOMParser().parseFromString(decodeURIComponent(address.slice(address.indexOf(",") + 1)), "image/svg+xml").documentElement;
    const text = document.createElementNS("http://www.w3.org/2000/svg", "text");
    const fitting = optbench.text.shorten(source, Math.floor((width - 24) / 6));
    const facts = { x: 12, y: height - 8, "font-size": 11.5, fill: "#555555", "font-family": parts.layout.font.family, class: "source" };
    for (const [name, value] of Object.entries(facts)) text.setAttribute(name, value);
    text.textContent = fitting;
    svg.append(text);
    const inches = (parseFloat(size.wide) * height) / width;
    for (const [name, value] of Object.entries({ viewBox: `0 0 ${width} ${height}`, width: size.wide, height: `${inches.toFixed(3)}in` })) svg.setAttribute(name, value);
    return svg;
  };

  const asPng = async (svg, { layout: { width, height } }, scale) => {
    svg.setAttribute("width", width * scale);
    svg.setAttribute("height", height * scale);
    const image = new Image();
    image.src = `data:image/svg+xml,${encodeURIComponent(new XMLSerializer().serializeToString(svg))}`;
    await image.decode();
    const canvas = Object.assign(document.createElement("canvas"), { width: Math.round(width * scale), height: Math.round(height * scale) });
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    return new Promise((done) => canvas.toBlob(done, "image/png"));
  };

  // Save what the view shows. format: "png" or "svg"; named: a key of SIZES.
  const save = async (format, named, file, view, subtitle, data, choose) => {
    const size = SIZES[named];
    const parts = optbench.theme.as(size.width, () => figure(view, subtitle, data, choose, size));
    const svg = await drawn(parts, size, data.source);
    const content = format === "png" ? await asPng(svg, parts, size.scale) : new XMLSerializer().serializeToString(svg);
    optbench.exports.save(file, content, format === "png" ? "image/png" : "image/svg+xml");
  };
  return { SIZES, save };
})();
