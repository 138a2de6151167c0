// Seeds: what the verdicts rest on. Left the ratio to the leader in each block of seeds, right what each run gave.
optbench.views.seeds = (() => {
  "use strict";
  const { number, count } = optbench.text;
  const ROOM = 46; // pixels for an optimizer
  const EDGES = 90; // pixels above and below a panel
  const FAR = 4; // decades beyond the leader after which a ratio is drawn at the edge
  const TIE = 1.1; // two within this ratio tie

  const controls = (data, choose) => [choose.problems([...new Set(data.seedRows.map((row) => row.problem))].sort((a, b) => a - b))];

  const draw = (data, choose) => {
    const problem = data.problems[choose.problem()];
    const shown = choose.shown();
    const order = data.scores(choose.problem()).map(({ optimizer }) => optimizer);
    const rows = data.seedRows.filter((row) => row.problem === choose.problem() && shown.includes(row.optimizer))
      .sort((a, b) => order.indexOf(a.optimizer) - order.indexOf(b.optimizer));
    const leader = data.seedRows.find((row) => row.problem === choose.problem());
    const { soft, ink, paper } = optbench.theme.colors();
    const color = (row) => optbench.theme.colorOf(data.look(row.optimizer, row.problem), soft);
    const shape = (row) => (data.look(row.optimizer, row.problem) || {}).marker;
    const name = (row) => data.short(row.optimizer);
    const blocks = Math.max(0, ...rows.map((row) => row.ratios.length));
    const clipped = (ratio) => Math.min(Math.max(ratio, 10 ** -FAR), 10 ** FAR);
    const line = (x, y, color, width) => ({ x, y, line: { color, width } });
    // A line joins the ratios of a block.
    const joined = Array.from({ length: blocks }, (_, block) =>
      [...rows.map((row, place) => [row.ratios[block] ?? null, place]), [null, null]]).flat();
    const traces = [line(joined.map(([ratio]) => (ratio === null ? null : clipped(ratio))), joined.map(([, place]) => place), optbench.theme.gray(), 0.8)];
    rows.forEach((row, place) => {
      const there = row.ratios.map((ratio, block) => [ratio, block]).filter(([ratio]) => ratio !== null);
      traces.push({
        name: name(row), x: there.map(([ratio]) => clipped(ratio)), y: there.map(() => place),
        text: there.map(([ratio, block]) => `${name(row)}\nblock ${block + 1}: ${number(ratio)} times the leader`),
        marks: { shape: shape(row), size: 9, color: color(row), opacity: 0.75, edge: paper },
      });
      if (row !== leader && row.ratio !== null && row.ratio > 0) {
        const ends = [row.low > 0 ? row.low : 10 ** -FAR, row.high ?? 10 ** FAR].map(clipped);
        const text = `${name(row)}\nverdict: ${number(row.ratio)} [${number(row.low)}, ${row.high === null ? "inf" : number(row.high)}]${row.open ? ", could be luck" : ""}`;
        traces.push(line(ends, [place + 0.28, place + 0.28], color(row), 3));
        traces.push({
          x: [clipped(row.ratio)], y: [place + 0.28], text: [text],
          marks: { shape: "D", size: 10, color: row.open ? paper : color(row), edge: color(row), width: 2 },
        });
      }
    });
    // What the runs gave; those that never got there stand in a strip at the right.
    const all = rows.flatMap((row) => row.finals).filter((value) => value !== null && value > 0).map(Math.log10);
    const [low, high] = all.length ? [Math.min(...all), Math.max(...all)] : [0, 1];
    const room = 0.06 * (high - low || 1);
    const lost = rows.some((row) => row.finals.includes(null));
    const beyond = high + 0.14 * (high - low || 1);
    rows.forEach((row, place) => {
      const spread = (at) => place + (((at * 0.618) % 1) - 0.5) * 0.5;
      traces.push({
        panel: 2, x: row.finals.map((value) => (value === null ? 10 ** beyond : Math.max(value, 10 ** low))), y: row.finals.map((_, at) => spread(at)),
        text: row.finals.map((value) => `${name(row)}\n${value === null ? lostWords(problem) : `${number(value, 4)} ${unit(problem)}`}`),
        marks: { size: 9, color: color(row), opacity: 0.7, shape: row.finals.map((value) => (value === null ? "X" : shape(row))), edge: row.finals.map((value) => (value === null ? color(row) : paper)) },
      });
      const known = row.finals.filter((value) => value !== null).sort((a, b) => a - b);
      if (known.length > 1 && known.length === row.finals.length) {
        const middle = (known[Math.floor((known.length - 1) / 2)] + known[Math.ceil((known.length - 1) / 2)]) / 2;
        traces.push({ panel: 2, ...line([middle, middle], [place - 0.36, place + 0.36], ink, 1.5) });
      }
    });
    const ratios = traces.filter((trace) => !trace.panel).flatMap((trace) => trace.x).filter((x) => x !== null).map(Math.log10);
    const reach = [Math.min(-0.15, ...ratios), Math.max(0.15, ...ratios)];
    const narrow = optbench.theme.narrow();
    const height = (EDGES + ROOM * Math.max(rows.length, 2)) * (narrow ? 2 : 1);
    const vertical = {
      type: "linear", range: [rows.length - 0.3, -0.7], tickvals: rows.map((_, place) => place), grid: false,
      ticktext: rows.map((row) => optbench.text.shorten(data.short(row.optimizer), 16)),
    };
    const unitWords = narrow ? "times the leader, each block" : `times the leader's ${unit(problem)}, each block`;
    return {
      traces,
      layout: {
        height, top: lost ? 26 : 12,
        xaxis: { type: "log", range: [reach[0] - 0.08, reach[1] + 0.08], text: unitWords, domain: narrow ? [0, 1] : [0, 0.53] },
        yaxis: { ...vertical, domain: narrow ? [0.5, 1] : [0, 1] },
        xaxis2: {
          type: "log", range: [low - room, (lost ? beyond : high) + room], text: `${unit(problem)}, each run`, domain: narrow ? [0, 1] : [0.53, 1],
        },
        yaxis2: { ...vertical, labels: narrow, domain: narrow ? [0, 0.47] : [0, 1] },
        shapes: [
          { x: [1, 1], up: [0, 1], stroke: ink },
          { x: [1 / TIE, TIE], up: [0, 1], fill: "rgba(60,160,90,.16)", below: true },
        ],
        notes: lost ? [{ panel: 2, x: 10 ** beyond, up: 1, baseline: "bottom", anchor: "middle", text: lostWords(problem), color: soft }] : [],
      },
      note: [
        `Left: in each of ${count(blocks, "block")} of seeds every optimizer was tuned anew, and divided by the leader, ${data.short(leader.optimizer)}; a gray line joins a block.`,
        "Dots that stay on one side of 1 make a verdict. Diamond and bar: the verdict with its interval, for all pairs at once; hollow: it could be luck; green: within 10%.",
        "Right: each run of the recommended setting; line: the median.",
      ].join(" "),
      heading: `${problem.short}: how sure the verdicts are`, file: `${problem.file}-seeds`,
      label: `Ratios of ${problem.label} to ${data.short(leader.optimizer)} in ${count(blocks, "block")}: ${rows.slice(0, 10).map((row) => `${data.short(row.optimizer)} ${spanned(row.ratios)}`).join("; ")}.`,
      rows: () => [
        ["problem", "optimizer", "what", "number", "value"],
        ...rows.flatMap((row) => [["ratio to the leader, block", row.ratios], [`${unit(problem)}, run`, row.finals]].flatMap(([what, list]) =>
          list.map((value, at) => [problem.name, data.optimizers[row.optimizer].name, what, at + 1, value]))),
      ],
    };
  };

  const unit = (problem) => problem.score;
  const lostWords = (problem) => (problem.target === null ? "diverged" : "never");
  const spanned = (list) => {
    const there = list.filter((value) => value !== null);
    return there.length ? `${number(Math.min(...there))} to ${number(Math.max(...there))}` : "without a result";
  };

  return { title: "Seeds", there: (data) => data.seedRows.length > 0, controls, draw };
})();
