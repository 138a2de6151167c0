// Paths: where optimizers walk on a two-parameter problem, with a player; beside it the loss, which plays along.
optbench.views.paths = (() => {
  "use strict";
  const { number, count } = optbench.text;
  const LEVELS = 12;
  const FRAMES = 240;
  const SECONDS = 8; // from the start to the end
  const TRAIL = 30; // frames for which a path stays solid
  const HEIGHT = { wide: 520, narrow: 560 };
  const SLIVER = 4; // sides that differ by more have no equal axes

  const controls = (data, choose) => [
    choose.problems(data.paths.map((entry) => entry.problem)),
    choose.select("clock", "clock", [["samples", "samples"], ["steps", "steps"]]),
  ];

  const entryOf = (data, choose) => data.paths.find((entry) => entry.problem === choose.problem(data.paths.map((e) => e.problem)));

  // Differences of whole numbers -> points, with the clock at each.
  const decoded = (entry, line, clock, floor) => {
    const summed = (list) => {
      let sum = 0;
      return list.map((step) => (sum += step));
    };
    const place = (list, [low, high]) => summed(list).map((part) => low + ((high - low) * part) / entry.fine);
    const timed = (steps) => steps.map((step) => step * (clock === "samples" ? line.batch : 1));
    return {
      optimizer: line.optimizer,
      path: { at: timed(summed(line.step)), x: place(line.x, entry.across), y: place(line.y, entry.along) },
      loss: { at: timed(line.loss.step), x: timed(line.loss.step), y: line.loss.value.map((v) => (v === null ? null : Math.max(v, floor))) },
    };
  };

  // Where the player stops: evenly in the logarithm, for most happens early.
  const frames = (lines) => {
    const all = lines.flatMap((line) => line.path.at).filter((at) => at > 0);
    const [first, last] = [all.reduce((a, b) => Math.min(a, b), Infinity), all.reduce((a, b) => Math.max(a, b), 1)];
    if (!(first < last)) return [0, last];
    return [...new Set([0, ...Array.from({ length: FRAMES }, (_, place) => Math.round(first * (last / first) ** (place / (FRAMES - 1))))])];
  };

  // The part of a line from one time to another; a path that has ended stays where it is.
  const part = ({ at, x, y }, from, to) => {
    const until = at.findIndex((time) => time > to);
    const end = until < 0 ? at.length : until;
    const begin = Math.max(0, Math.min(end - 1, at.findIndex((time) => time >= from) - 1));
    return { x: x.slice(from < 0 ? 0 : begin, end), y: y.slice(from < 0 ? 0 : begin, end) };
  };

  const draw = (data, choose) => {
    const entry = entryOf(data, choose);
    const problem = data.problems[entry.problem];
    const clock = controls(data, choose)[1].value;
    const shown = choose.shown();
    const lines = entry.lines.filter((line) => shown.includes(line.optimizer)).map((line) => decoded(entry, line, clock, problem.floor));
    const stops = frames(lines);
    const last = stops.length - 1;
    const wanted = parseFloat(choose.get("at"));
    const at = Number.isNaN(wanted) ? last : Math.max(0, stops.filter((stop) => stop <= wanted).length - 1);
    const { paper, ink, soft } = optbench.theme.colors();
    const look = (line) => data.look(line.optimizer, entry.problem);
    const color = (line) => optbench.theme.colorOf(look(line), soft);
    const traces = [contour(entry, soft, paper)];
    const stroke = (line, opacity, width) => ({ opacity, line: { color: color(line), width, dash: look(line) ? look(line).dash : "" } });
    const beside = { panel: 2 };
    const first = stops[1];
    const logged = ({ x, y }) => ({ x: x.map((time) => Math.max(time, first)), y });
    for (const line of lines) traces.push({ ...stroke(line, 0.25, 1.2), ...beside, ...logged(line.loss) });
    // What moves: the path so far, its last part, its head, the loss so far and its head.
    const moving = (place) => {
      const now = stops[place];
      const from = place === last ? -1 : stops[Math.max(0, place - TRAIL)];
      return [
        ...lines.map((line) => ({ ...stroke(line, 0.3, 1.5), ...part(line.path, -1, now) })),
        ...lines.map((line) => ({ ...stroke(line, 0.9, 2.2), ...part(line.path, from, now) })),
        ...lines.map((line) => head(part(line.path, -1, now), line, where)),
        ...lines.map((line) => ({ ...stroke(line, 1, 1.8), ...beside, ...logged(part(line.loss, -1, now)) })),
        ...lines.map((line) => ({ ...head(logged(part(line.loss, -1, now)), line, height), ...beside, name: "" })),
      ].map((trace) => ({ ...trace, moving: true }));
    };
    const head = ({ x, y }, line, words) => {
      const name = data.short(line.optimizer);
      return { name, ...mark([x.at(-1), y.at(-1)], `${name}\n${words({ x, y })}`, { size: 11, shape: look(line) && look(line).marker, color: color(line), edge: paper, width: 1.5 }) };
    };
    const height = ({ x, y }) => `${number(x.at(-1), 4)} ${clock}: ${number(y.at(-1))}`;
    traces.push(...moving(at));
    for (const line of lines.slice(0, 1)) {
      traces.push(mark([line.path.x[0], line.path.y[0]], "start", { size: 9, color: ink, edge: paper, width: 1.5 }));
    }
    const star = { shape: "*", size: 16, color: "#f6d55c", edge: "#262626" };
    for (const minimizer of entry.minimizers) traces.push(mark(minimizer, "minimum", star));
    const told = (place) => [
      `Paths of ${count(lines.length, "optimizer")} over the contours of ${problem.label} up to ${stops[place]} ${clock}:`,
      lines.map((line) => `${data.short(line.optimizer)} at ${where(part(line.path, -1, stops[place]))}`).join("; "),
    ].join(" ");
    const show = (chart, place) => {
      chart.setAttribute("aria-label", told(place));
      optbench.chart.move(chart, moving(place));
    };
    return {
      traces, player: { stops, at, seconds: SECONDS, unit: clock, show },
      layout: layout(entry, lines, stops, problem, clock),
      note: [
        `The recommended setting of each optimizer on ${problem.short}, one run each, ${entry.every ? "from every step" : "at the evaluated steps"};`,
        "beside it the loss of the same run. The clock is the same for all:",
        clock === "samples" ? "a step costs as many samples as its batch has." : "a step counts as one, whatever its batch costs.",
        "It runs evenly in its logarithm. Contours are spaced evenly in the logarithm of the loss above the minimum.",
        ["", "The star is the minimum."][entry.minimizers.length] ?? "The stars are minima, all of the same loss.",
        "Keys: ← and → go on, space plays.",
      ].filter(Boolean).join(" "),
      heading: `Paths on ${problem.short}`, file: `${problem.file}-paths`, label: told(at),
      rows: () => [
        ["problem", "optimizer", clock, "w_1", "w_2"],
        ...lines.flatMap((line) => {
          const { x, y } = part(line.path, -1, stops[at]);
          return x.map((_, place) => [problem.name, data.optimizers[line.optimizer].name, line.path.at[place], x[place], y[place]]);
        }),
      ],
    };
  };

  // Two panels: the paths with equal axes, and the loss to the right of them, or below on a phone.
  const layout = (entry, lines, stops, problem, clock) => {
    const narrow = optbench.theme.narrow();
    const height = narrow ? HEIGHT.narrow : HEIGHT.wide;
    const sides = (entry.across[1] - entry.across[0]) / (entry.along[1] - entry.along[0]);
    const equal = sides < SLIVER && sides > 1 / SLIVER;
    const wide = optbench.theme.room() - 74;
    const share = narrow ? 1 : Math.min(0.62, equal ? (sides * (height - 64) + 60) / (wide + 74) : 0.62);
    const [low, high] = lines.flatMap((line) => line.loss.y).filter((v) => v !== null && v > 0)
      .reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)], [Infinity, 0]);
    const ends = low <= high ? [Math.log10(low) - 0.2, Math.log10(high) + 0.2] : [-1, 1];
    return {
      height,
      xaxis: { range: entry.across, text: "w₁", grid: false, domain: [0, share] },
      yaxis: { range: entry.along, text: "w₂", grid: false, domain: narrow ? [0.4, 1] : [0, 1], equal },
      xaxis2: { type: "log", range: [Math.log10(stops[1]), Math.log10(stops.at(-1)) + 0.1], text: clock, domain: narrow ? [0, 1] : [share, 1] },
      yaxis2: { type: "log", range: ends, text: problem.minimum === null ? "training loss" : "suboptimality", domain: narrow ? [0, 0.4] : [0, 1] },
    };
  };

  const mark = ([x, y], words, marks) => ({ x: [x], y: [y], text: [words], marks });
  const where = ({ x, y }) => `(${number(x.at(-1))}, ${number(y.at(-1))})`;

  const contour = ({ x, y, z }, high, paper) => {
    const colors = Array.from({ length: LEVELS }, (_, place) => optbench.theme.mixed(paper, high, (0.5 * place) / (LEVELS - 1)));
    return { x, y, z, colors };
  };

  return { title: "Paths", there: (data) => data.paths.length > 0, controls, draw };
})();
