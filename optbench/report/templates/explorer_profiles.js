// Performance profiles, counted anew whenever an optimizer is hidden: who is best decides what the others are held to.
optbench.views.profiles = (() => {
  "use strict";
  const { number, plain, count, listed } = optbench.text;
  const MOST = 100; // the largest multiple that is drawn

  const controls = (data, choose) => [
    choose.over(),
    choose.select("clock", "cost in", [["samples", "samples"], ["steps", "steps"], ["seconds", "seconds"]]),
  ];

  // The pairs of problem and target that all optimizers have run: their multiples of the least cost, by optimizer.
  const multiples = (data, problems, shown, clock) => {
    const { problem, times, missing } = data.profiles;
    const lacking = new Set(missing.filter(([, optimizer]) => shown.includes(optimizer)).map(([row]) => row));
    const kept = problem.map((_, place) => place).filter((place) => problems.includes(problem[place]) && !lacking.has(problem[place]));
    const table = shown.map(() => []);
    for (const place of kept) {
      const costs = shown.map((optimizer) => times[clock][place][optimizer] ?? Infinity);
      const best = Math.min(...costs);
      costs.forEach((cost, row) => table[row].push(cost === Infinity ? Infinity : cost === best ? 1 : cost / best));
    }
    return { table, pairs: kept.length, lacking: [...lacking].filter((row) => problems.includes(row)) };
  };

  // rho(r): the share of pairs within r times the least cost.
  const share = (row, ratio) => (row.length ? row.filter((value) => value <= ratio).length / row.length : 0);

  const draw = (data, choose) => {
    const values = Object.fromEntries(controls(data, choose).map((spec) => [spec.key, spec.value]));
    const shown = choose.shown();
    const { table, pairs, lacking } = multiples(data, choose.problemsOver(), shown, values.clock);
    const traces = shown.map((optimizer, place) => {
      const look = data.look(optimizer);
      const marks = [1, ...new Set(table[place].filter((v) => v > 1 && v <= MOST).sort((a, b) => a - b)), MOST];
      const y = marks.map((ratio) => share(table[place], ratio));
      const name = plain(data.short(optimizer));
      const color = optbench.theme.colorOf(look);
      const text = (ratio, at) => `within ${number(ratio)} times the least cost:<br>${number(100 * y[at])}% of ${count(pairs, "pair")}`;
      return {
        x: marks, y, mode: "lines", type: "scatter", name, hoverinfo: "text",
        line: { shape: "hv", color, width: look ? 2.2 : 1, dash: look ? look.dash : "solid" },
        hovertext: marks.map((ratio, at) => `<b>${name}</b><br>${text(ratio, at)}`),
      };
    });
    const none = table.every((row) => row.every((value) => value === Infinity));
    const ones = shown.map((optimizer, place) => `${data.short(optimizer)} ${number(100 * share(table[place], 1))}%`);
    const lacks = listed(lacking.map((row) => data.problems[row].short));
    return {
      traces: none ? [] : traces, zooms: !none, shares: (ratio) => shown.map((optimizer, place) => [optimizer, share(table[place], ratio)]),
      layout: none ? optbench.theme.empty("No optimizer reached a target") : {
        xaxis: { type: "log", range: [-0.01, Math.log10(MOST)], text: optbench.theme.narrow() ? "cost relative to the cheapest" : `${values.clock}, relative to the cheapest optimizer` },
        yaxis: { type: "linear", range: [-0.02, 1.04], text: "targets reached", tickformat: ".0%" },
      },
      note: [
        `How often each optimizer reaches a target within a multiple of the least expected cost, over ${count(pairs, "pair")} of problem`,
        "and target (10%, 1%, 0.1% and 0.001% of the gap at the start). At the left end: how often it is the cheapest.",
        "The runs are those that the verdicts compare. Hide an optimizer to compare the rest anew.",
        lacks && `Without ${lacks}, where not all of these optimizers have runs.`,
      ].filter(Boolean).join(" "),
      file: [...(choose.problemsOver().length === 1 ? [data.problems[choose.problemsOver()[0]].file] : []), "profile", values.clock].join("-"),
      rows: () => [
        ["optimizer", `times the least ${values.clock}`, "targets reached"],
        ...traces.flatMap((trace, place) => trace.x.map((x, at) => [data.optimizers[shown[place]].name, x, trace.y[at]])),
      ],
      heading: `Performance profiles over ${choose.overWords()}`,
      label: `Performance profiles over ${count(pairs, "pair")} of problem and target, cost in ${values.clock}. Cheapest on: ${ones.join(", ")}.`,
    };
  };

  return { title: "Performance profile", overall: true, there: (data) => data.profiles.problem.length > 0, controls, draw };
})();
