// Paths: where optimizers walk on a two-parameter problem, step by step, with a player.
optbench.views.paths = (() => {
  "use strict";
  const { number, plain, count } = optbench.text;
  const LEVELS = 12;
  const FRAMES = 240;
  const SECONDS = 8; // from the first step to the last

  const controls = (data, choose) => [choose.problems(data.paths.map((entry) => entry.problem))];

  const entryOf = (data, choose) => data.paths.find((entry) => entry.problem === choose.problem(data.paths.map((e) => e.problem)));

  // Differences of whole numbers -> steps and points.
  const decoded = (entry, line) => {
    const summed = (list) => {
      let sum = 0;
      return list.map((step) => (sum += step));
    };
    const place = (list, [low, high]) => summed(list).map((part) => low + ((high - low) * part) / entry.fine);
    return { optimizer: line.optimizer, step: summed(line.step), x: place(line.x, entry.across), y: place(line.y, entry.along) };
  };

  // The steps at which the player stops: evenly in the logarithm, for most happens early.
  const frames = (lines) => {
    const last = Math.max(1, ...lines.map((line) => line.step.at(-1)));
    const steps = Array.from({ length: FRAMES }, (_, place) => Math.round(last ** (place / (FRAMES - 1))));
    return [...new Set([0, ...steps])];
  };

  // What of each path has been walked by a step; a path that has ended stays where it is.
  const walked = (line, step) => {
    let many = line.step.findIndex((at) => at > step);
    if (many < 0) many = line.step.length;
    return { x: line.x.slice(0, many), y: line.y.slice(0, many) };
  };

  const draw = (data, choose) => {
    const entry = entryOf(data, choose);
    const shown = choose.shown();
    const lines = entry.lines.filter((line) => shown.includes(line.optimizer)).map((line) => decoded(entry, line));
    const stops = frames(lines.length ? lines : [{ step: [1] }]);
    const wanted = parseInt(choose.get("step"), 10);
    const at = Number.isNaN(wanted) ? stops.length - 1 : Math.max(0, stops.filter((step) => step <= wanted).length - 1);
    const { paper, ink, soft } = optbench.theme.colors();
    const traces = [contour(entry, soft, paper)];
    const color = (line) => {
      const look = data.look(line.optimizer, entry.problem);
      return look ? optbench.theme.seen(look.color) : soft;
    };
    const dash = (line) => (data.look(line.optimizer, entry.problem) || { dash: "solid" }).dash;
    const moving = (step) => [
      ...lines.map((line) => ({
        ...walked(line, step), mode: "lines", type: "scatter", hoverinfo: "skip",
        line: { color: color(line), width: 2, dash: dash(line) },
      })),
      ...lines.map((line) => head(line, step, color(line), paper, data)),
    ];
    traces.push(...moving(stops[at]));
    for (const line of lines.slice(0, 1)) {
      const marker = { size: 10, color: ink, line: { color: paper, width: 1.5 } };
      traces.push(mark([line.x[0], line.y[0]], "start", marker));
    }
    if (entry.minimizer) {
      const marker = { symbol: "star", size: 15, color: "#f6d55c", line: { color: "#262626", width: 1 } };
      traces.push(mark(entry.minimizer, "minimum", marker));
    }
    const problem = data.problems[entry.problem];
    const label = (step) => [
      `Paths of ${count(lines.length, "optimizer")} over the contours of ${problem.name} up to step ${step}:`,
      lines.map((line) => `${data.short(line.optimizer)} at ${where(walked(line, step))}`).join("; "),
    ].join(" ");
    return {
      traces, player: { stops, at, seconds: SECONDS, show: (chart, place) => show(chart, moving(stops[place]), label(stops[place])) },
      layout: {
        height: 520,
        xaxis: { type: "linear", range: entry.across, text: "w₁", showgrid: false },
        yaxis: { type: "linear", range: entry.along, text: "w₂", showgrid: false },
      },
      note: [
        `The recommended setting of each optimizer on ${problem.short}, one run each, ${entry.every ? "from every step" : "at the evaluated steps"}.`,
        "Contours are spaced evenly in the logarithm of the loss above the minimum; the star is the minimum.",
        "The slider is spaced evenly in the logarithm of the step.",
      ].join(" "),
      heading: `Paths on ${problem.short}`, label: label(stops[at]),
    };
  };

  const mark = ([x, y], hovertext, marker) => ({
    x: [x], y: [y], mode: "markers", type: "scatter", hoverinfo: "text", hovertext, marker,
  });
  const where = ({ x, y }) => `(${number(x.at(-1))}, ${number(y.at(-1))})`;

  const contour = (entry, high, paper) => {
    const all = entry.z.flat().filter((z) => z !== null);
    const [start, end] = [Math.min(...all), Math.max(...all)];
    return {
      type: "contour", x: entry.x, y: entry.y, z: entry.z, hoverinfo: "skip", showscale: false,
      colorscale: [[0, paper], [1, optbench.theme.mixed(paper, high, 0.45)]],
      contours: { start, end, size: (end - start) / LEVELS || 1 }, line: { color: paper, width: 0.7 },
    };
  };

  const head = (line, step, color, paper, data) => {
    const { x, y } = walked(line, step);
    const name = plain(data.short(line.optimizer));
    return {
      ...mark([x.at(-1), y.at(-1)], `<b>${name}</b><br>${where({ x, y })}`, { size: 10, symbol: "square", color, line: { color: paper, width: 1.5 } }),
      name,
    };
  };

  // Draws paths and heads at another step. Not by Plotly.animate, which deletes the contours.
  const show = (chart, traces, label) => {
    const each = (key) => traces.map((trace) => trace[key]);
    chart.setAttribute("aria-label", label);
    return Plotly.restyle(chart, { x: each("x"), y: each("y"), hovertext: each("hovertext") }, traces.map((_, place) => place + 1));
  };

  return { title: "Paths", there: (data) => data.paths.length > 0, controls, draw, decoded };
})();
