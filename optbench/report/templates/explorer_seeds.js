// Seeds: what the verdicts rest on. Left the ratio to the leader in each block of seeds, right what each run gave.
optbench.views.seeds = (() => {
  "use strict";
  const { number, plain, count } = optbench.text;
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
    const name = (row) => `<b>${plain(data.short(row.optimizer))}</b>`;
    const blocks = Math.max(0, ...rows.map((row) => row.ratios.length));
    const clipped = (ratio) => Math.min(Math.max(ratio, 10 ** -FAR), 10 ** FAR);
    const dots = { type: "scatter", mode: "markers", hoverinfo: "text" };
    const right = { xaxis: "x2", yaxis: "y2" };
    // A line joins the ratios of a block.
    const joined = Array.from({ length: blocks }, (_, block) =>
      [...rows.map((row, place) => [row.ratios[block] ?? null, place]), [null, null]]).flat();
    const traces = [{
      x: joined.map(([ratio]) => (ratio === null ? null : clipped(ratio))), y: joined.map(([, place]) => place),
      mode: "lines", type: "scatter", hoverinfo: "skip", line: { color: optbench.theme.gray(), width: 0.8 },
    }];
    rows.forEach((row, place) => {
      const there = row.ratios.map((ratio, block) => [ratio, block]).filter(([ratio]) => ratio !== null);
      traces.push({
        ...dots, name: plain(data.short(row.optimizer)), x: there.map(([ratio]) => clipped(ratio)), y: there.map(() => place),
        hovertext: there.map(([ratio, block]) => `${name(row)}<br>block ${block + 1}: ${number(ratio)} times the leader`),
        marker: { size: 8, color: color(row), opacity: 0.75, line: { color: paper, width: 1 } },
      });
      if (row !== leader && row.ratio !== null && row.ratio > 0) {
        const ends = [row.low > 0 ? row.low : 10 ** -FAR, row.high ?? 10 ** FAR].map(clipped);
        const text = `${name(row)}<br>verdict: ${number(row.ratio)} [${number(row.low)}, ${row.high === null ? "inf" : number(row.high)}]${row.open ? ", could be luck" : ""}`;
        traces.push({ x: ends, y: [place + 0.28, place + 0.28], mode: "lines", type: "scatter", hoverinfo: "skip", line: { color: color(row), width: 3 } });
        traces.push({
          ...dots, x: [clipped(row.ratio)], y: [place + 0.28], hovertext: [text],
          marker: { symbol: "diamond", size: 11, color: row.open ? paper : color(row), line: { color: color(row), width: 2 } },
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
        ...dots, ...right, x: row.finals.map((value) => (value === null ? 10 ** beyond : Math.max(value, 10 ** low))), y: row.finals.map((_, at) => spread(at)),
        hovertext: row.finals.map((value) => `${name(row)}<br>${value === null ? lostWords(problem) : `${number(value, 4)} ${plain(unit(problem))}`}`),
        marker: { size: 8, color: color(row), opacity: 0.7, symbol: row.finals.map((value) => (value === null ? "x" : "circle")), line: { color: paper, width: 1 } },
      });
      const known = row.finals.filter((value) => value !== null).sort((a, b) => a - b);
      if (known.length > 1 && known.length === row.finals.length) {
        const middle = (known[Math.floor((known.length - 1) / 2)] + known[Math.ceil((known.length - 1) / 2)]) / 2;
        traces.push({ ...right, x: [middle, middle], y: [place - 0.36, place + 0.36], mode: "lines", type: "scatter", hoverinfo: "skip", line: { color: ink, width: 1.5 } });
      }
    });
    const ratios = traces.filter((trace) => !trace.xaxis).flatMap((trace) => trace.x).filter((x) => x !== null).map(Math.log10);
    const reach = [Math.min(-0.15, ...ratios), Math.max(0.15, ...ratios)];
    const narrow = optbench.theme.narrow();
    const height = (EDGES + ROOM * Math.max(rows.length, 2)) * (narrow ? 2 : 1);
    const vertical = {
      type: "linear", range: [rows.length - 0.3, -0.7], tickvals: rows.map((_, place) => place), showgrid: false,
      ticktext: rows.map((row) => plain(optbench.text.shorten(data.short(row.optimizer), 16))),
    };
    const lines = [
      { type: "line", xref: "x", yref: "y domain", x0: 1, x1: 1, y0: 0, y1: 1, line: { color: ink, width: 1 } },
      { type: "rect", xref: "x", yref: "y domain", x0: 1 / TIE, x1: TIE, y0: 0, y1: 1, line: { width: 0 }, fillcolor: "rgba(60,160,90,.16)", layer: "below" },
    ];
    const strip = { xref: "x2", yref: "y2 domain", x: beyond, y: 1, yanchor: "bottom", text: lostWords(problem), showarrow: false, font: { color: soft, size: 11.5 } };
    return {
      traces,
      layout: {
        height, margin: { l: narrow ? 44 : 60, r: 14, t: lost ? 26 : 12, b: 44 },
        xaxis: { type: "log", range: [reach[0] - 0.08, reach[1] + 0.08], text: narrow ? "times the leader, each block" : `times the leader's ${unit(problem)}, each block`, domain: narrow ? [0, 1] : [0, 0.5] },
        yaxis: { ...vertical, domain: narrow ? [0.6, 1] : [0, 1] },
        xaxis2: {
          type: "log", range: [low - room, (lost ? beyond : high) + room], text: `${unit(problem)}, each run`,
          domain: narrow ? [0, 1] : [0.56, 1], anchor: "y2",
        },
        yaxis2: { ...vertical, showticklabels: narrow, domain: narrow ? [0, 0.4] : [0, 1], anchor: "x2" },
        shapes: lines, annotations: lost ? [strip] : [],
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
