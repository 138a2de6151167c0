// Tuning effort: what the best of n trials is expected to give, so what it costs to tune each optimizer.
optbench.slices.tuning = (() => {
  "use strict";
  const { number, count } = optbench.text;
  const controls = (data, choose) => {
    const mine = data.trialRows.filter((row) => row.problem === choose.problem());
    const positive = mine.every((row) => row.value === null || row.value > 0);
    return [
      choose.problems(),
      choose.select("ly", "y scale", [["log", "log"], ["linear", "linear"]], positive ? "log" : "linear"),
      choose.check("bands", "confidence bands"),
    ];
  };

  const draw = (data, choose) => {
    const values = Object.fromEntries(controls(data, choose).map((spec) => [spec.key, spec.value]));
    const problem = data.problems[choose.problem()];
    const shown = choose.shown();
    const rows = data.trialRows.filter((row) => row.problem === choose.problem() && shown.includes(row.optimizer));
    const log = values.ly === "log";
    const placed = (row) => row.value !== null && (!log || row.value > 0);
    const scale = (value) => (log ? Math.log10(value) : value);
    const optimizers = [...new Set(rows.map((row) => row.optimizer))];
    const traces = optimizers.map((optimizer) => {
      const mine = rows.filter((row) => row.optimizer === optimizer && placed(row));
      const look = data.look(optimizer, choose.problem());
      const color = optbench.theme.colorOf(look);
      return {
        x: mine.map((row) => row.n), y: mine.map((row) => row.value), name: data.short(optimizer), color, text: mine.map((row) => text(row, data)),
        low: values.bands && look ? mine.map((row) => (row.low === null || (log && row.low <= 0) ? row.value : row.low)) : undefined,
        high: values.bands && look ? mine.map((row) => row.high ?? row.value) : undefined,
        line: { color, width: look ? 2 : 1, dash: look ? look.dash : "" }, marks: { shape: look && look.marker, color, size: look ? 8 : 4 },
      };
    });
    const heights = rows.filter(placed).map((row) => scale(row.value));
    const [low, high] = heights.length ? [Math.min(...heights), Math.max(...heights)] : [-1, 1];
    const room = 0.08 * (high - low || 1);
    const most = Math.log10(Math.max(2, ...rows.map((row) => row.n)));
    return {
      traces, zooms: true, file: `${problem.file}-tuning_effort`,
      rows: () => [
        ["problem", "optimizer", "trials", "value", "low", "high", "blocks"],
        ...rows.map((row) => [problem.name, data.optimizers[row.optimizer].name, row.n, row.value, row.low, row.high, row.blocks]),
      ],
      layout: {
        height: optbench.theme.height(),
        ends: { rows: optimizers.map((optimizer, place) => optbench.legend.end(data, optimizer, choose.problem(), { line: traces[place] })).filter(({ shape }) => shape) },
        xaxis: { type: "log", range: [-0.02 * most, 1.02 * most], text: "tuning trials (best of n kept)" },
        yaxis: { type: values.ly, range: [low - room, high + room], text: data.axis },
      },
      note: `What the best of so many trials is expected to give ${data.staged ? "on the seed of its block that it was tuned on, a little too good" : "on fresh seeds"}; `
        + "bars: intervals of 95% over blocks of seeds. Low on the left: good with little tuning. Low on the right: best when fully tuned.",
      heading: `${problem.short}: best of n trials`,
      label: `Chart of ${problem.label}: ${data.value} of the best of n trials, ${count(rows.length, "point")}. ${ends(rows, data)}.`,
    };
  };

  const text = (row, data) => {
    const range = row.low === null || row.high === null ? "" : ` [${number(row.low)}, ${number(row.high)}]`;
    return `${data.short(row.optimizer)}\nbest of ${count(row.n, "trial")}\n${number(row.value)}${range}\n${count(row.blocks, "block")} of seeds`;
  };

  const ends = (rows, data) => {
    const last = new Map(rows.map((row) => [row.optimizer, row]));
    return [...last.values()].slice(0, 10)
      .map((row) => `${data.short(row.optimizer)}: ${number(row.value)} of ${count(row.n, "trial")}`).join("; ");
  };

  return { title: "tuning effort", there: (data) => data.trialRows.some((row) => row.n > 1), controls, draw };
})();
