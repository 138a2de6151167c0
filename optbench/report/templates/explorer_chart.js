// Charts in SVG, drawn from traces and a layout. Colors are written out, since a chart is saved as a file, too.
//
// layout: {height, top, foot: pixels left free, xaxis, yaxis, xaxis2, yaxis2, ...: two for each panel, shapes, notes, ends,
//   empty: the words of a chart without anything}
// axis: {type: "log" or "linear", range: of exponents where log, text, domain: the part of the chart that the panel takes
//   with its labels, tickvals, ticktext, percent, grid: false, labels: false, equal: a unit is as long on both axes}
// trace: {panel, x, y, name, text: what is said of each point, moving: drawn anew while a player plays} with some of
//   line: {color, width, dash, step}; marks: {shape, size, color, opacity, edge, width}, each a value or a list of them;
//   low, high: ends of bars of error; fill: a color; bars: {colors, words, ink}; z: heights, colors: from the lowest
// shape, note: {panel} and x, y in units of the axes, or across, up as shares of the panel; dx, dy in pixels
// ends: {rows: [{name, value, color, shape, line: {x, y}}], title, ordered: rows stay in this order, more}, right of the lines
optbench.chart = (() => {
  "use strict";
  const { text, theme, data } = optbench;
  const SIZE = 12, TITLE = 13; // pixels of letters
  const LINE = 17; // pixels from a name at a line's end to the next
  const JOIN = 16; // pixels from the end of a line to its name
  const FAR = 1e5; // pixels: what lies farther away stays there
  const SLANT = 32, APART = 22; // of labels: degrees, and pixels from one to the next
  const pen = document.createElement("canvas").getContext("2d");
  let charts = 0;

  const measure = (words, size = SIZE, weight = 400) => {
    pen.font = `${weight} ${size}px ${theme.family()}`;
    return pen.measureText(words).width;
  };
  const fit = (words, pixels, size = SIZE) => {
    let length = words.length;
    while (length > 2 && measure(text.shorten(words, length), size) > pixels) length -= 1;
    return text.shorten(words, length);
  };
  const escape = (value) => String(value).replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
  const tag = (name, facts, content = "") => {
    const given = Object.entries(facts).filter(([, value]) => value !== undefined && value !== "");
    return `<${name}${given.map(([key, value]) => ` ${key}="${escape(value)}"`).join("")}>${content}</${name}>`;
  };
  // Text between other text is cut off from its direction by <tspan>, as a name by <bdi>.
  const write = (words, facts) => tag("text", { "font-size": SIZE, "unicode-bidi": "plaintext", ...facts }, escape(words));
  const round = (pixels) => Math.round(10 * Math.min(FAR, Math.max(-FAR, pixels))) / 10;
  const of = (value, place) => (Array.isArray(value) ? value[place] : value);

  // The panels, each with its place in pixels and its scales.
  const plan = (layout, width) => {
    const { height, top = 12, foot = 0, ends } = layout;
    const tall = height - top - foot, wide = width - (ends ? endsWidth(ends) : 6);
    const panels = Object.keys(layout).filter((key) => key.startsWith("xaxis")).map((key) => {
      const [x, y] = [layout[key], layout[key.replace("x", "y")]].map((axis) => ({ type: "linear", domain: [0, 1], ...axis }));
      const box = { left: x.domain[0] * wide, right: x.domain[1] * wide - 8, top: top + (1 - y.domain[1]) * tall, bottom: top + (1 - y.domain[0]) * tall };
      y.ticks = y.labels === false ? [] : text.ticks(y, (box.bottom - box.top - 40) / 44);
      const widest = Math.max(0, ...y.ticks.map(([, words]) => measure(words)));
      const left = Math.max(14, widest && widest + 12) + (y.text ? 20 : 0);
      return { x, y, ...box, low: left, edge: box.right + 8 };
    });
    // Those that stand above or beside each other have the same edges.
    const same = (key, axis) => panels.forEach((panel) => {
      panel[`all ${key}`] = Math.max(...panels.filter((each) => String(each[axis].domain) === String(panel[axis].domain)).map((each) => each[key]));
    });
    same("low", "x");
    for (const panel of panels) {
      const { x } = panel;
      panel.left += panel["all low"];
      const space = panel.right - panel.left;
      x.ticks = text.ticks(x, space / 70);
      const all = x.ticks.reduce((sum, [, words]) => sum + measure(words) + 10, 0);
      x.slanted = Boolean(x.ticktext) && all > space;
      const down = x.slanted ? Math.sin((SLANT * Math.PI) / 180) * Math.max(...x.ticks.map(([, words]) => measure(words))) + 16 : 20;
      panel.under = (x.ticks.length ? down : 0) + (x.text ? 20 : 4);
    }
    same("under", "y");
    for (const panel of panels) {
      panel.bottom -= panel["all under"];
      const { x, y } = panel, [across, along] = [x, y].map(({ range }) => range[1] - range[0]);
      if (y.equal) {
        const unit = Math.min((panel.right - panel.left) / across, (panel.bottom - panel.top) / along);
        panel.right = panel.left + unit * across;
        panel.bottom = panel.top + unit * along;
      }
      panel.x = scale(x, panel.left, panel.right);
      panel.y = scale(y, panel.bottom, panel.top);
    }
    return panels;
  };

  // to: a value -> pixels, NaN where it has no place; from: back.
  const scale = (axis, first, last) => {
    const [low, high] = axis.range, log = axis.type === "log", size = (last - first) / (high - low);
    return {
      ...axis, first, last,
      to: (value) => (value === null || value === undefined ? NaN : first + ((log ? Math.log10(value) : value) - low) * size),
      from: (pixels) => {
        const value = low + (pixels - first) / size;
        return log ? 10 ** value : value;
      },
    };
  };

  // Where something in a panel stands: [x, y].
  const spot = ({ x, y, across, up, dx = 0, dy = 0 }, panel) => [
    (across === undefined ? panel.x.to(x) : panel.left + across * (panel.right - panel.left)) + dx,
    (up === undefined ? panel.y.to(y) : panel.bottom - up * (panel.bottom - panel.top)) + dy,
  ];

  const path = (xs, ys, panel, step = false) => {
    let d = "", gap = true;
    xs.forEach((value, place) => {
      const [x, y] = [panel.x.to(value), panel.y.to(ys[place])];
      const there = !Number.isNaN(x) && !Number.isNaN(y);
      if (there) d += gap ? `M${round(x)},${round(y)}` : step ? `H${round(x)}V${round(y)}` : `L${round(x)},${round(y)}`;
      gap = !there;
    });
    return d;
  };

  // The shapes of matplotlib's markers, one unit wide to each side, as lists of [letter, points].
  const shapes = Object.fromEntries(Object.entries(data.shapes).map(([name, d]) => [name, d.match(/[A-Z][^A-Z]*/g).map((part) => {
    const numbers = part.slice(1).split(" ").filter(Boolean).map(Number);
    return [part[0], numbers.flatMap((number, place) => (place % 2 ? [] : [[number, numbers[place + 1]]]))];
  })]));
  const stamp = (name, x, y, size) => name === "o"
    ? `M${round(x - size)},${round(y)}a${size},${size} 0 1 0 ${2 * size},0a${size},${size} 0 1 0 ${-2 * size},0Z`
    : shapes[name].map(([letter, points]) => letter + points.map(([a, b]) => `${round(x + a * size)},${round(y + b * size)}`).join(" ")).join("");

  // Marks that look alike are one path: thousands cost what a few do.
  const marks = ({ x, y, marks: look }, panel) => {
    const paths = new Map();
    x.forEach((value, place) => {
      const [px, py] = [panel.x.to(value), panel.y.to(y[place])];
      if (Number.isNaN(px) || Number.isNaN(py)) return;
      const [color, opacity, edge, width] = [look.color, look.opacity, look.edge, look.width].map((list) => of(list, place));
      const key = JSON.stringify({ fill: color, opacity, stroke: edge, "stroke-width": edge ? width ?? 1 : undefined });
      paths.set(key, (paths.get(key) || "") + stamp(of(look.shape, place) || "o", px, py, of(look.size, place) / 2));
    });
    return [...paths].map(([key, d]) => tag("path", { "data-part": "mark", d, ...JSON.parse(key) })).join("");
  };

  // A band of color for each height: cells of the grid, cut where the surface reaches the height.
  const surface = ({ x, y, z, colors }, panel) => {
    const all = z.flat().filter((height) => height !== null);
    const [low, high] = [all.reduce((a, b) => Math.min(a, b)), all.reduce((a, b) => Math.max(a, b))];
    const [xs, ys] = [x.map(panel.x.to), y.map(panel.y.to)];
    const at = (i, j) => [xs[i], ys[j], z[j][i] ?? high];
    return colors.map((color, band) => {
      const level = low + ((high - low) * band) / colors.length;
      let d = "";
      for (let j = 0; j + 1 < ys.length; j += 1) {
        let from = -1; // where a run of whole cells began
        const whole = (i) => band === 0 || [at(i, j), at(i + 1, j), at(i + 1, j + 1), at(i, j + 1)].every(([, , height]) => height >= level);
        for (let i = 0; i + 1 < xs.length; i += 1) {
          if (whole(i)) {
            if (from < 0) from = i;
            if (i + 2 < xs.length) continue;
            i += 1;
          }
          if (from >= 0) d += `M${round(xs[from])},${round(ys[j])}H${round(xs[i])}V${round(ys[j + 1])}H${round(xs[from])}Z`;
          from = -1;
          if (i + 1 >= xs.length) break;
          const corners = [at(i, j), at(i + 1, j), at(i + 1, j + 1), at(i, j + 1)], cut = [];
          corners.forEach((corner, place) => {
            const next = corners[(place + 1) % 4], [a, b] = [corner[2] - level, next[2] - level];
            if (a >= 0) cut.push(corner);
            if (a >= 0 !== b >= 0) cut.push([0, 1].map((k) => corner[k] + (a / (a - b)) * (next[k] - corner[k])));
          });
          if (cut.length) d += `M${cut.map(([px, py]) => `${round(px)},${round(py)}`).join("L")}Z`;
        }
      }
      return tag("path", { d, fill: color });
    }).join("");
  };

  const bars = ({ x, y, bars: { colors, words, ink } }, panel) => x.map((value, place) => {
    const middle = panel.y.to(y[place]), half = 0.31 * Math.abs(panel.y.to(1) - panel.y.to(0));
    return tag("rect", { x: panel.left, y: middle - half, width: panel.x.to(value) - panel.left, height: 2 * half, fill: colors[place] })
      + write(words[place], { x: panel.left + 5, y: middle, dy: ".35em", fill: ink });
  }).join("");

  const trace = (each, panel) => {
    const { x, y, line, opacity, low, high } = each;
    const parts = [];
    if (each.z) parts.push(surface(each, panel));
    if (each.fill) parts.push(tag("path", { d: `${path(x, y, panel)}Z`, fill: each.fill }));
    if (each.bars) parts.push(bars(each, panel));
    if (line) parts.push(tag("path", {
      "data-part": "line", d: path(x, y, panel, line.step), fill: "none", stroke: line.color, "stroke-width": line.width, "stroke-dasharray": line.dash, "stroke-linejoin": "round",
    }));
    if (low) {
      const d = x.map((value, place) => path([value, value], [low[place], high[place]], panel)).join("");
      parts.push(tag("path", { d, fill: "none", stroke: each.color, "stroke-width": 1 }));
    }
    if (each.marks) parts.push(marks(each, panel));
    return opacity === undefined || opacity === 1 ? parts.join("") : tag("g", { opacity }, parts.join(""));
  };

  const shape = (each, panel) => {
    const ends = [0, 1].map((end) => spot(Object.fromEntries(Object.entries(each).map(([key, value]) => [key, of(value, end)])), panel));
    const [[x0, y0], [x1, y1]] = ends.map((end) => end.map(round));
    const look = { stroke: each.stroke, "stroke-width": each.stroke && (each.width || 1), "stroke-dasharray": each.dash };
    return each.fill
      ? tag("rect", { x: Math.min(x0, x1), y: Math.min(y0, y1), width: Math.abs(x1 - x0), height: Math.abs(y1 - y0), fill: each.fill, ...look })
      : tag("path", { d: `M${x0},${y0}L${x1},${y1}`, ...look });
  };

  const note = (each, panel) => {
    const [x, y] = spot(each, panel).map(round);
    const { anchor, baseline = "middle", color, size = 11.5 } = each;
    return write(each.text, { "data-part": "note", x, y, dy: { top: "1em", middle: ".35em", bottom: "-.35em" }[baseline], "text-anchor": anchor, "font-size": size, fill: color });
  };

  const frame = (panel, { ink, soft, line }) => {
    const { x, y, left, right, top, bottom, edge } = panel;
    const parts = [];
    let free = -Infinity; // pixels from which there is room for a label
    for (const [value, words] of x.ticks) {
      const at = round(x.to(value)), half = measure(words) / 2;
      parts.push(tag("path", { d: `M${at},${x.grid === false ? bottom : top}V${bottom + 4}`, stroke: line }));
      if (x.slanted && at > free) {
        parts.push(write(words, { "data-part": "tick", fill: soft, "text-anchor": "end", transform: `translate(${at + 4},${bottom + 14}) rotate(-${SLANT})` }));
        free = at + 0.99 * APART;
      } else if (!x.slanted && at - half > free) {
        parts.push(write(words, { "data-part": "tick", x: Math.min(at, edge - half), y: bottom + 17, "text-anchor": "middle", fill: soft }));
        free = at + half + 6;
      }
    }
    for (const [value, words] of y.ticks) {
      const at = round(y.to(value));
      parts.push(tag("path", { d: `M${left - 4},${at}H${y.grid === false ? left : right}`, stroke: line }));
      parts.push(write(words, { "data-part": "tick", x: left - 7, y: at, dy: ".35em", "text-anchor": "end", fill: y.ticktext ? ink : soft }));
    }
    const facts = { "data-part": "axis", "text-anchor": "middle", "font-size": TITLE, fill: ink };
    if (x.text) parts.push(write(fit(x.text, right - left + 30, TITLE), { ...facts, x: (left + right) / 2, y: bottom + panel["all under"] - 7 }));
    const beside = left - panel["all low"] + 14;
    if (y.text) parts.push(write(fit(y.text, bottom - top + 40, TITLE), { ...facts, transform: `translate(${beside},${(top + bottom) / 2}) rotate(-90)` }));
    return parts.join("");
  };

  // Names at the ends of lines.
  const endsWidth = ({ rows, title, more }) => JOIN + 20 + Math.max(0, ...[title, more].map((words) => measure(words || "")),
    ...rows.map(({ name, value }) => measure(name, SIZE, 650) + measure(value ? ` ${value}` : "")));

  // Where a line leaves a panel at its right, or ends: [x, y].
  const endOf = ({ x, y }, panel) => {
    let before = null;
    for (let place = 0; place < x.length; place += 1) {
      const point = [panel.x.to(x[place]), panel.y.to(y[place])];
      if (point.some(Number.isNaN)) continue;
      if (before && point[0] > panel.right + 0.01) {
        return [panel.right, before[1] + ((panel.right - before[0]) / (point[0] - before[0])) * (point[1] - before[1])];
      }
      before = point;
    }
    return before;
  };

  const names = ({ rows, title, ordered, more }, panel, soft) => {
    const inside = (at) => at && at[1] >= panel.top && at[1] <= panel.bottom && at[0] > panel.right - 0.05 * (panel.right - panel.left);
    let all = rows.map((row) => ({ ...row, at: endOf(row.line, panel) })).map((row) => ({ ...row, at: inside(row.at) ? row.at : null }));
    if (!ordered) all = all.filter(({ at }) => at).sort((a, b) => a.at[1] - b.at[1]);
    const known = all.flatMap(({ at }) => (at ? [at[1]] : []));
    if (title) all = [{ name: "", value: title }, ...all];
    if (more) all = [...all, { name: "", value: more }];
    const middle = known.length ? known.reduce((sum, y) => sum + y, 0) / known.length : panel.top;
    const heights = all.map(({ at }, place) => (ordered ? middle + LINE * (place - all.length / 2) : at[1]));
    for (let place = 1; place < all.length; place += 1) heights[place] = Math.max(heights[place], heights[place - 1] + LINE);
    for (let place = all.length - 1; place >= 0; place -= 1) heights[place] = Math.min(heights[place], (heights[place + 1] ?? panel.bottom + LINE) - LINE);
    const over = Math.max(0, panel.top - heights[0]);
    return all.map(({ name, value, color = soft, shape: mark, at }, place) => {
      const y = round(heights[place] + over), x = panel.right + JOIN + (mark ? 12 : 2);
      const joined = at ? tag("path", { "data-part": "join", d: `M${at.map(round)}L${panel.right + JOIN},${y}`, stroke: color, "stroke-width": 0.8 }) : "";
      const words = (name ? tag("tspan", { "font-weight": 650 }, escape(name)) : "") + (value ? escape(name ? ` ${value}` : value) : "");
      return joined + (mark ? tag("path", { d: stamp(mark, x - 8, y, 4), fill: color }) : "") + tag("text", { "data-part": "end", x, y, dy: ".35em", "font-size": SIZE, fill: color }, words);
    }).join("");
  };

  // The drawing as text, and its panels.
  const svg = (traces, layout, width) => {
    const colors = theme.colors(), { height, empty } = layout;
    const panels = empty ? [] : plan(layout, width), number = (charts += 1);
    const inside = (list, panel, draw) => (list || []).filter((each) => (each.panel || 1) === panel + 1).map((each) => draw(each, panels[panel])).join("");
    const body = panels.map((panel, place) => {
      const { left, right, top, bottom } = panel, mine = traces.filter((each) => (each.panel || 1) === place + 1), clip = `explore-${number}-${place}`;
      const first = mine.findIndex(({ moving }) => moving), last = mine.findLastIndex(({ moving }) => moving);
      const [before, between, after] = first < 0 ? [mine, [], []] : [mine.slice(0, first), mine.slice(first, last + 1), mine.slice(last + 1)];
      const drawn = [before, between, after].map((list) => list.map((each) => trace(each, panel)).join(""));
      return tag("clipPath", { id: clip }, tag("rect", { x: left, y: top, width: right - left, height: bottom - top }))
        + inside((layout.shapes || []).filter(({ below }) => below), place, shape) + frame(panel, colors)
        + tag("g", { class: "traces", "clip-path": `url(#${clip})` }, `${drawn[0]}<g class="moving">${drawn[1]}</g>${drawn[2]}`)
        + inside((layout.shapes || []).filter(({ below }) => !below), place, shape) + inside(layout.notes, place, note);
    });
    if (layout.ends && panels.length) body.push(names(layout.ends, panels[0], colors.soft));
    if (empty) body.push(write(empty, { x: width / 2, y: height / 2, "text-anchor": "middle", "font-size": 15, fill: colors.soft }));
    const facts = { xmlns: "http://www.w3.org/2000/svg", "data-part": "chart", width, height, viewBox: `0 0 ${width} ${height}`, "font-family": theme.family() };
    return { panels, source: tag("svg", facts, tag("rect", { "data-part": "paper", width, height, fill: colors.paper }) + body.join("")) };
  };

  // A piece of a line with the mark of a look, 26 pixels wide and 12 high; null: thin and without a mark.
  const sample = (color, look) => tag("path", { d: "M1,6H25", stroke: color, "stroke-width": look ? 2 : 1.2, "stroke-dasharray": look ? look.dash : "" })
    + (look ? tag("path", { d: stamp(look.marker, 13, 6, 4.5), fill: color }) : "");

  // Draw into an element, which keeps what is drawn for those who look for what the pointer is at.
  const draw = (element, traces, layout) => {
    const { panels, source } = svg(traces, layout, theme.room());
    element.innerHTML = source;
    element.drawn = { panels, traces, layout };
  };

  // Draw what moves anew; moved: as many traces as there are moving ones, in their order.
  const move = (element, moved) => {
    const { drawn } = element, places = drawn.traces.flatMap((each, place) => (each.moving ? [place] : []));
    places.forEach((place, number) => (drawn.traces[place] = moved[number]));
    element.querySelectorAll(".moving").forEach((group, place) => {
      group.innerHTML = moved.filter((each) => (each.panel || 1) === place + 1).map((each) => trace(each, drawn.panels[place])).join("");
    });
  };
  return { svg, draw, move, sample, path, measure, fit, write, tag };
})();
