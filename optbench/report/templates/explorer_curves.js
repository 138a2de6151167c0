// Curves: all settings of a problem as a gray field, few of them in color, each with the interval of its median.
optbench.views = {};
optbench.views.curves = (() => {
  "use strict";
  const { number, count } = optbench.text;
  const X = {
    steps: "steps", epochs: "epochs (passes over the data)", samples: "samples (steps × batch size)",
    ms: "milliseconds of steps (amortized over parallel runs)",
  };
  const TAIL = 0.8; // of a run is not scored: the loss at the end is a mean over the last fifth
  const MOST = 18; // names that are listed right of the chart
  const FAR = 1000; // how many times the start a curve in color may stretch the axis to
  const NEAR = 5; // and a gray one
  const CROWD = 12; // more lines in color than that are thinner and have no bands
  const FIELD = 120; // more gray lines than that are thinner

  const controls = (data, choose) => {
    const problem = choose.problem();
    const measures = data.measuresOf(problem).map(({ key, name }) => [key, name]);
    const y = choose.among("y", measures);
    const positive = () => drawn(data, choose, y).every((curve) => curve.y.median.every((v) => v === null || v > 0));
    const log = y === "suboptimality" || (!y.includes("accuracy") && positive());
    const mine = data.curveRows.filter((curve) => curve.problem === problem);
    return [
      choose.problems(),
      choose.select("y", "y-axis", measures),
      choose.select("x", "x-axis", clocks(data, mine), counts(data, mine)),
      choose.select("ly", "y scale", [["log", "log"], ["linear", "linear"]], log ? "log" : "linear"),
      choose.select("lx", "x scale", [["log", "log"], ["linear", "linear"]], "linear"),
      ...choose.filters(mine),
      choose.select("color", "highlight", [["best", "best of each optimizer"], ["all", "all"]]),
      choose.check("others", "show the rest", { disabled: choose.get("color") === "all" }),
      choose.check("bands", "confidence bands"),
      choose.check("single", "single seeds", { usual: false, disabled: !mine.some((curve) => data.singles(curve, y).length) }),
    ];
  };

  const clocks = (data, mine) =>
    Object.keys(X).filter((x) => x !== "ms" || mine.some((curve) => curve.pace !== null)).map((x) => [x, x]);

  // What curves are drawn against at first: steps where an epoch is a single step, as of a function without data.
  const counts = (data, mine) => {
    const same = (steps, epochs) => steps.every((step, place) => step === epochs[place]);
    return mine.every((curve) => same(data.clock(curve, "steps"), data.clock(curve, "epochs"))) ? "steps" : "epochs";
  };

  // The curves that pass the filters, with their numbers.
  const drawn = (data, choose, y) =>
    choose.passing(data.curveRows).map((row) => ({ row, y: data.values(row, y) })).filter((curve) => curve.y);

  const draw = (data, choose) => {
    const values = Object.fromEntries(controls(data, choose).map((spec) => [spec.key, spec.value]));
    const problem = data.problems[choose.problem()];
    const curves = drawn(data, choose, values.y).map((curve) => ({ ...curve, x: data.clock(curve.row, values.x) }));
    const log = { x: values.lx === "log", y: values.ly === "log" };
    const seen = new Set();
    for (const curve of curves) {
      const { optimizer } = curve.row;
      curve.look = data.look(optimizer, curve.row.problem);
      curve.front = curve.look && (values.color === "all" || !seen.has(optimizer));
      seen.add(optimizer);
      const low = log.y && values.y === "suboptimality" ? problem.floor : -Infinity;
      curve.line = curve.y.median.map((v) => (v === null || (log.y && Math.max(v, low) <= 0) ? null : Math.max(v, low)));
      curve.x = curve.x.map((v) => (v === null || (log.x && v <= 0) ? null : v));
      curve.color = optbench.theme.seen(curve.look ? curve.look.color : optbench.theme.colors().soft);
    }
    const front = curves.filter((curve) => curve.front);
    const back = values.others ? curves.filter((curve) => !curve.front) : [];
    const shown = [...front, ...back];
    const range = { x: ends(shown.map((c) => c.x), log.x, 0.02), y: heights(front, back, problem, values.y, log.y) };
    const owners = [];
    const traces = [field(back, values, data, owners)];
    const crowd = front.length > CROWD;
    if (values.bands && !crowd) for (const curve of front) traces.push(band(curve, log, range.y));
    if (values.single) for (const curve of front) traces.push(singles(curve, data, values, log, problem));
    for (const curve of front) {
      owners[traces.length] = curve.x.map(() => curve);
      traces.push(line(curve, values, data, crowd));
    }
    const some = shown.some((curve) => curve.line.filter((v, place) => v !== null && curve.x[place] !== null).length > 1);
    return {
      traces: some ? traces : [], zooms: some, clock: values.x, cross: front, owner: (trace, point) => (owners[trace] || [])[point],
      layout: some ? {
        height: optbench.theme.height(),
        xaxis: { type: values.lx, range: range.x, text: X[values.x] },
        yaxis: { type: values.ly, range: range.y, text: nameOf(data, values.y) },
        ...marks(problem, values, front, range.y, log), ends: names(data, choose.problem(), values, curves, front),
      } : { height: optbench.theme.height(), empty: "No line to draw: half of the runs or more diverged at once" },
      note: note(data, values, curves, front, back), label: label(data, values, problem, front, back),
      heading: `${problem.short}: ${nameOf(data, values.y).replace(/ \(.*/, "")}`, file: `${problem.file}-${values.y}`,
      rows: () => listed(shown, data, values), gray: back.length ? count(back.length, "other") : "",
    };
  };

  // Whether the scores are of what is drawn: those of a loss say nothing of an accuracy.
  const isScored = (problem, y) => (problem.scored === "loss" ? ["suboptimality", "train_loss"].includes(y) : problem.scored === y);

  const nameOf = (data, y) => (y === "suboptimality" ? "suboptimality (loss − minimum)" : data.measures.find((m) => m.key === y).name);

  // All that is gray is one trace, its lines kept apart by gaps: a hundred curves cost what one does.
  const field = (curves, values, data, owners) => {
    const x = [], y = [], text = [], mine = [];
    for (const curve of curves) {
      x.push(...curve.x, null);
      y.push(...curve.line, null);
      text.push(...texts(curve, values, data), "");
      mine.push(...curve.x.map(() => curve), null);
    }
    owners[0] = mine;
    return { x, y, text, line: { color: optbench.theme.gray(), width: curves.length > FIELD ? 0.6 : 1 } };
  };

  const line = (curve, values, data, crowd) => ({
    x: curve.x, y: curve.line, text: texts(curve, values, data), name: data.short(curve.row.optimizer), opacity: crowd ? 0.75 : 1,
    line: { color: curve.color, width: crowd ? 1.1 : 2.2, dash: crowd ? "" : curve.look.dash },
  });

  // Where the upper end is not finite, the band is open: it leaves the picture.
  const band = (curve, log, range) => {
    const open = log.y ? 10 ** (range[1] + 1) : range[1] + (range[1] - range[0]);
    const least = log.y ? 10 ** (range[0] - 1) : range[0] - (range[1] - range[0]);
    const kept = curve.x.map((_, place) => place).filter((place) => curve.line[place] !== null && curve.x[place] !== null);
    const x = kept.map((place) => curve.x[place]);
    const end = (list, otherwise) => kept.map((place) => (list[place] === null ? otherwise : Math.max(list[place], least)));
    const [low, high] = [end(curve.y.low, least), end(curve.y.high, open).map((v) => Math.min(v, open))];
    return {
      x: [...x, ...x.toReversed()], y: [...high, ...low.toReversed()], fill: optbench.theme.faded(curve.color, optbench.theme.dark() ? 0.2 : 0.13),
    };
  };

  // What the label at each point of a curve says.
  const texts = (curve, values, data) => {
    const { row, y } = curve;
    const head = `${data.short(row.optimizer)}\n${data.words(row)}`;
    const name = nameOf(data, values.y);
    const foot = `${row.recommended ? "recommended · " : ""}${data.seeds(row)}`;
    return curve.x.map((x, place) => {
      const interval = row.n > 1 ? ` [${number(y.low[place])}, ${y.high[place] === null ? "inf" : number(y.high[place])}]` : "";
      return `${head}\n${name}: ${number(y.median[place])}${interval}\n${values.x}: ${number(x, 4)}\n${foot}`;
    });
  };

  const finite = (lists) => lists.flat().filter((v) => v !== null && Number.isFinite(v));

  const ends = (lists, log, room) => {
    const all = finite(lists).filter((v) => !log || v > 0);
    if (!all.length) return [0, 1];
    let [low, high] = [all.reduce((a, b) => Math.min(a, b)), all.reduce((a, b) => Math.max(a, b))];
    if (log) [low, high] = [Math.log10(low), Math.log10(high)];
    const space = room * (high - low || 1);
    return [low - space, high + space];
  };

  // The vertical axis fits the medians, but one that blows up does not flatten the others.
  const heights = (front, back, problem, y, log) => {
    const loss = problem.start > 0 && (y === "suboptimality" || y === "train_loss");
    const base = loss && y === "train_loss" ? problem.minimum || 0 : 0;
    const most = (factor) => (loss ? base + (log ? factor : 1.2) * problem.start : Infinity);
    const under = (curves, top) => curves.map((curve) => curve.line.map((v) => (v === null ? null : Math.min(v, top))));
    return ends([...under(front, most(FAR)), ...under(back, most(NEAR))], log, 0.05);
  };

  // The loss at the start, which a log axis of steps cannot show; the target, and the part of a run that is scored.
  const marks = (problem, values, front, range, log) => {
    const { soft: color, ink } = optbench.theme.colors();
    const shapes = [], notes = [];
    const losses = values.y === "suboptimality" || values.y === "train_loss";
    const shift = values.y === "train_loss" && problem.minimum !== null ? problem.minimum : 0;
    const level = (y, text, baseline) => {
      const height = log.y ? Math.log10(y) : y;
      if (!(height >= range[0] && height <= range[1])) return;
      shapes.push({ across: [0, 1], y: [y, y], stroke: color, dash: "2,4" });
      notes.push({ text, across: 1, y, anchor: "end", baseline, color });
    };
    if (values.y === "suboptimality" && problem.start > 0) level(problem.start, "at the start", "bottom");
    if (losses && problem.target) level(shift + problem.target * problem.start, `target: ${problem.score.replace("samples to ", "")} of the start`, "top");
    const ends = front.map((curve) => curve.x.findLast((x) => x !== null) ?? 0);
    const end = Math.max(...ends);
    const same = front.length && ends.every((each) => each > 0.98 * end);
    if (losses && problem.tail && same) {
      const x = [TAIL * end, end];
      shapes.push({ x, up: [0, 1], fill: optbench.theme.faded(ink, 0.07), below: true });
      notes.push({ text: "scored", x: log.x ? Math.sqrt(x[0] * x[1]) : (x[0] + x[1]) / 2, anchor: "middle", up: 1, baseline: "top", color });
    }
    return { shapes, notes };
  };

  // Right of the chart the optimizers: with their scores and in the order of these, where they are of what is drawn, without
  // those that filters leave out; else those in color, where their lines end.
  const names = (data, problem, values, curves, front) => {
    const narrow = optbench.theme.narrow();
    const scored = isScored(data.problems[problem], values.y) && !narrow;
    const row = (optimizer, value, line) => optbench.legend.end(data, optimizer, problem, { value, line: line || { x: [], y: [] } });
    const lineOf = (curve) => ({ x: curve.x, y: curve.line });
    if (!scored) return { rows: front.filter(({ row: { optimizer } }, place) => front.findIndex((each) => each.row.optimizer === optimizer) === place).slice(0, MOST).map((curve) => row(curve.row.optimizer, "", lineOf(curve))) };
    const found = data.scores(problem)
      .map((score) => ({ ...score, curve: curves.find(({ row: each }) => each.recommended && each.optimizer === score.optimizer) }))
      .filter(({ curve }) => curve);
    return {
      ordered: true, title: found.length ? `score: ${data.problems[problem].score}` : "", more: found.length > MOST ? `and ${found.length - MOST} more` : "",
      rows: found.slice(0, MOST).map(({ optimizer, text, curve }) => row(optimizer, text, curve.front && lineOf(curve))),
    };
  };

  // The seeds of a setting as one trace, its lines kept apart by gaps.
  const singles = (curve, data, values, log, problem) => {
    const x = [], y = [];
    const least = log.y ? (values.y === "suboptimality" ? problem.floor : Number.MIN_VALUE) : -Infinity;
    for (const list of data.singles(curve.row, values.y)) {
      x.push(...curve.x.slice(0, list.length), null);
      y.push(...list.map((v) => (v === null ? null : Math.max(v, least))), null);
    }
    return { x, y, opacity: 0.55, line: { color: curve.color, width: 0.8 } };
  };

  // What is on the screen, as a table.
  const listed = (curves, data, values) => [
    [...data.settingHeads, values.x, values.y, "low", "high"],
    ...curves.flatMap((curve) => curve.x.map((x, place) =>
      [...data.settingCells(curve.row), x, curve.y.median[place], curve.y.low[place], curve.y.high[place]])),
  ];

  const note = (data, values, curves, front, back) => {
    const parts = [`Each line is one of ${count(curves.length, "combination")} of optimizer, batch size and schedule, at its tuned learning rate.`];
    if (back.length) {
      const which = front.every((curve) => curve.row.recommended) ? "recommended" : "best";
      const some = front.length < new Set(curves.map((curve) => curve.row.optimizer)).size ? " that has a color here" : "";
      parts.push(`In color: the ${which} setting of each optimizer${some}; gray: ${count(back.length, "other")}.`);
    }
    const bands = values.bands && front.length <= CROWD ? "; band: its interval of 95%, or the range where seeds are few" : "";
    parts.push(`Line: median over seeds${bands}. A failed run counts as infinitely bad from its last point on.`);
    if (values.single) parts.push("Thin: the single seeds of what is highlighted, where this page has them.");
    const problem = data.problems[curves.length ? curves[0].row.problem : 0];
    parts.push("Where evaluations are close together in the last fifth of a run, a line ends at the mean over them.");
    const scored = isScored(problem, values.y);
    if (scored && problem.tail) parts.push("Scores: the mean loss over the last fifth of a run, after tuning in each block of seeds, so that the ends of two lines may say otherwise.");
    if (scored && problem.target) parts.push("Scores: the expected samples until a run stays below the target, after tuning in each block of seeds.");
    if (scored && optbench.theme.narrow() && curves.length) {
      const each = data.scores(curves[0].row.problem).slice(0, MOST).map(({ optimizer, text }) => `${data.short(optimizer)} ${text}`);
      parts.push(`In order: ${each.join(", ")} (${problem.score}).`);
    }
    if (values.x === "ms") parts.push("Time: steps times the median time of a step of the optimizer at this batch size, evaluations left out.");
    if (data.staged) parts.push("Recommended settings were run on held-out seeds, the others on tuning seeds alone.");
    if (data.curves.left_out) {
      parts.push(`${count(data.curves.left_out, "setting")} of the sweep had no room on this page; those that tuning prefers are here.`);
    }
    return parts.join(" ");
  };

  const label = (data, values, problem, front, back) => {
    const each = front.slice(0, 10).map((curve) => {
      const last = curve.line.findLast((v) => v !== null);
      return `${data.short(curve.row.optimizer)} (${data.words(curve.row)}) ends at ${number(last)}`;
    });
    return `Line chart of ${problem.label}: ${nameOf(data, values.y)} against ${values.x}. ${each.join("; ")}. ${count(back.length, "other setting")} in gray.`;
  };

  return { title: "Curves", there: (data) => data.curveRows.length > 0, controls, draw };
})();
