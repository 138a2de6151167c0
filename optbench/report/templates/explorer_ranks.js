// Mean ranks over problems, counted anew whenever an optimizer is hidden; a chart and a table of the same numbers.
optbench.views.ranks = (() => {
  "use strict";
  const { number, count } = optbench.text;
  const { make } = optbench.controls;
  const ROOM = 30; // pixels for an optimizer
  const EDGES = 110; // pixels above and below
  const FEW = 20; // problems from which on others may be spoken of

  const controls = (data, choose) => [choose.over()];

  // For each optimizer its rank on each problem that all of them have, and the mean, as analysis.ranking has them.
  const ranks = (data, problems, shown) => {
    const on = (problem) =>
      shown.map((a) => shown.reduce((rank, b) => (a === b ? rank : rank + 1 - (data.ranks.ahead[problem][a][b] ?? NaN)), 1));
    const each = problems.map((problem) => [problem, on(problem)]).filter(([, row]) => row.every((rank) => !Number.isNaN(rank)));
    const rows = shown.map((optimizer, place) => {
      const mine = each.map(([problem, row]) => [problem, row[place]]);
      return { optimizer, ranks: mine, mean: mine.reduce((sum, [, rank]) => sum + rank, 0) / mine.length };
    });
    return { rows: rows.sort((a, b) => a.mean - b.mean), problems: each.map(([problem]) => problem) };
  };

  const draw = (data, choose) => {
    const shown = choose.shown();
    const { rows, problems } = ranks(data, choose.problemsOver(), shown);
    const { soft, paper } = optbench.theme.colors();
    const value = (problem, optimizer) => data.ranks.value[problem * data.optimizers.length + optimizer];
    const spots = rows.flatMap((row, place) => row.ranks.map(([problem, rank]) => ({ row, place, problem, rank })));
    const color = (row) => optbench.theme.colorOf(data.look(row.optimizer), soft);
    // Of one problem the verdicts are known: hollow is who may be as good as its leader.
    const single = problems.length === 1;
    const open = (row) => single && data.seedRows.some((each) => each.problem === problems[0] && each.optimizer === row.optimizer && each.open);
    const shape = (row) => (data.look(row.optimizer) || {}).marker;
    const traces = [
      {
        x: spots.map((spot) => spot.rank), y: spots.map((spot) => spot.place),
        text: spots.map(({ row, problem, rank }) => [
          data.short(row.optimizer), `${data.problems[problem].short}: rank ${number(rank)}`,
          `${number(value(problem, row.optimizer))} ${data.problems[problem].unit}`,
        ].join("\n")),
        marks: { size: 8, shape: spots.map(({ row }) => shape(row)), color: optbench.theme.gray(), opacity: 0.75 },
      },
      {
        x: rows.map((row) => row.mean), y: rows.map((_, place) => place),
        text: rows.map((row) => `${data.short(row.optimizer)}\nmean rank ${number(row.mean)} on ${count(problems.length, "problem")}`),
        marks: { size: 14, shape: rows.map(shape), color: rows.map((row) => (open(row) ? paper : color(row))), edge: rows.map((row) => (open(row) ? color(row) : paper)), width: single ? 2 : 1.5 },
      },
    ];
    const most = Math.max(shown.length, 2), every = most > 12 ? 5 : 1;
    return {
      traces, table: problems.length ? table(data, rows, problems) : null, means: () => rows.map((row) => [row.optimizer, row.mean]),
      layout: {
        height: EDGES + ROOM * Math.max(rows.length, 2),
        xaxis: { range: [0.8, most + 0.2], tickvals: Array.from({ length: most }, (_, place) => place + 1).filter((rank) => rank % every === 0 || rank === 1), text: "rank (1 is best)" },
        yaxis: {
          range: [rows.length - 0.4, -0.7], tickvals: rows.map((_, place) => place),
          ticktext: rows.map((row) => optbench.text.shorten(data.short(row.optimizer), 24)),
        },
      },
      note: [
        single
          ? "Ranks by what each gives once tuned. Hollow: not told apart from the leader, so this order could be luck."
          : `Ranks by what each gives once tuned: large dots are means over ${count(problems.length, "problem")}, small ones single problems.`,
        problems.length < FEW && "With so few problems, ranks are not tested: on others the order may differ.",
        "Hide an optimizer to re-rank the rest. The verdicts above don't change.",
      ].filter(Boolean).join(" "),
      file: choose.problemsOver().length === 1 ? `${data.problems[choose.problemsOver()[0]].file}-ranks` : "ranks",
      rows: () => [
        ["optimizer", "mean rank", ...problems.map((problem) => data.problems[problem].name)],
        ...rows.map((row) => [data.optimizers[row.optimizer].name, row.mean, ...row.ranks.map(([, rank]) => rank)]),
      ],
      heading: `Mean ranks over ${choose.overWords()}`,
      label: `Mean ranks: ${rows.map((row) => `${data.short(row.optimizer)} ${number(row.mean)}`).join(", ")}.`,
    };
  };

  const table = (data, rows, problems) => {
    const element = make("table");
    const head = make("tr");
    head.append(make("th", "optimizer", { scope: "col" }), make("th", "mean rank", { scope: "col", class: "number" }));
    problems.forEach((problem) => head.append(make("th", data.problems[problem].short, { scope: "col", class: "number" })));
    const body = make("tbody");
    for (const row of rows) {
      const line = make("tr");
      line.append(make("th", data.optimizers[row.optimizer].label, { scope: "row" }), make("td", number(row.mean), { class: "number strong" }));
      row.ranks.forEach(([, rank]) => line.append(make("td", number(rank), { class: "number" })));
      body.append(line);
    }
    const top = make("thead");
    top.append(head);
    element.append(make("caption", "Ranks of the optimizers that are shown", { class: "explore-caption" }), top, body);
    return element;
  };

  return { title: "Ranks", overall: true, there: (data) => data.optimizers.length > 1, controls, draw };
})();
