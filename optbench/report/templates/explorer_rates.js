// Learning rates: where each optimizer ends at each rate, where it diverges, and how wide the good range is.
optbench.slices = {};
optbench.slices.rates = (() => {
  "use strict";
  const { number, count } = optbench.text;
  const STRIP = 0.1; // share of the height that holds what has no place on the axis
  const FAR = 1000; // an end this many times above the start counts as lost
  const REACH = 2; // decades that intervals may stretch the axis
  const GOOD = 2; // times the best that is as good for most purposes: a choice
  const BAR = 26; // pixels for a bar

  const controls = (data, choose) => {
    const mine = data.rateRows.filter((row) => row.problem === choose.problem());
    const positive = mine.every((row) => row.median === null || row.median > 0);
    return [
      choose.problems(),
      choose.select("ly", "y scale", [["log", "log"], ["linear", "linear"]], positive ? "log" : "linear"),
      ...(data.rates.whole ? choose.filters(mine) : []),
      choose.check("bands", "confidence bands"),
    ];
  };

  // Of each optimizer and rate the setting that tuning prefers, among those that pass.
  const best = (data, choose) => {
    const rows = new Map();
    for (const row of choose.passing(data.rateRows, data.rates.whole)) {
      const key = `${row.optimizer} ${row.rate} ${row.chosen}`;
      if (!rows.has(key)) rows.set(key, row);
    }
    return [...rows.values()].sort((a, b) => a.rate - b.rate);
  };

  // Of each optimizer the rates, each at its best batch size and schedule, that end within twice its best.
  const shares = (data, choose) => {
    const rows = choose.passing(data.settingRows, data.rates.whole || data.screened.whole).filter((row) => !row.level);
    return [...new Set(rows.map((row) => row.optimizer))].sort((a, b) => a - b).map((optimizer) => {
      const values = new Map();
      for (const row of rows.filter((each) => each.optimizer === optimizer)) {
        values.set(row.rate, Math.min(values.get(row.rate) ?? Infinity, row.median ?? Infinity));
      }
      const best = Math.min(...values.values());
      const within = best >= 0 && best < Infinity ? [...values.values()].filter((value) => value <= GOOD * best).length : 0;
      return { optimizer, within, of: values.size };
    }).filter(({ of }) => of > 1);
  };

  const draw = (data, choose) => {
    const values = Object.fromEntries(controls(data, choose).map((spec) => [spec.key, spec.value]));
    const problem = data.problems[choose.problem()];
    const log = values.ly === "log";
    const rows = best(data, choose).map((row) => ({ ...row, look: data.look(row.optimizer, row.problem) }));
    const limit = problem.start > 0 && problem.minimum !== null ? FAR * problem.start : Infinity;
    for (const row of rows) row.lost = row.median === null || row.median > limit;
    const floor = log ? problem.floor : -Infinity;
    const [bottom, top] = limits(rows.filter((row) => !row.lost), floor, log);
    const lost = rows.some((row) => row.lost);
    const upper = lost ? top + (STRIP / (1 - STRIP)) * (top - bottom) : top;
    const real = (height) => (log ? 10 ** height : height);
    const steps = [...new Set(rows.filter((row) => !row.level).map((row) => row.rate))].sort((a, b) => a - b);
    const [least, most] = steps.length ? [Math.log10(steps[0]), Math.log10(steps.at(-1))] : [0, 0];
    const margin = 0.05 * (most - least) || 0.3;
    const across = [least - margin, most + margin];
    const optimizers = [...new Set(rows.map((row) => row.optimizer))].sort((a, b) => a - b);
    const traces = [];
    optimizers.forEach((optimizer) => {
      const mine = rows.filter((row) => row.optimizer === optimizer);
      const middle = real((top + upper) / 2);
      const points = mine.map((row) => ({
        row, x: row.level ? 10 ** ((across[0] + across[1]) / 2) : row.rate,
        y: row.lost ? middle : Math.max(row.median, floor),
      }));
      traces.push(...parts(points, data, values, floor, real(top), across));
    });
    const wide = shares(data, choose);
    if (wide.length) traces.push(bars(wide, data, choose));
    const none = rows.every((row) => row.lost);
    const narrow = optbench.theme.narrow(), height = optbench.theme.height();
    const under = BAR * wide.length + 60; // pixels of the bars
    const tall = narrow && wide.length ? height + under : Math.max(height, wide.length ? under : 0);
    return {
      traces: none ? [] : traces, shares: () => wide.map(({ optimizer, within, of }) => [optimizer, within, of]), zooms: !none,
      file: `${problem.file}-learning_rate`, rows: () => listed(rows, data),
      layout: none ? { height, empty: "Nothing to draw: half of the runs or more diverged at every rate" } : {
        height: tall,
        xaxis: { type: "log", range: across, text: "learning rate", domain: narrow || !wide.length ? [0, 1] : [0, 0.72] },
        yaxis: { type: values.ly, range: [bottom, upper], text: data.axis, domain: narrow && wide.length ? [under / tall, 1] : [0, 1] },
        ...(wide.length ? {
          xaxis2: { range: [0, 1.02], percent: true, tickvals: [0, 0.5, 1], text: `rates within ${GOOD}× of the best`, domain: narrow ? [0, 1] : [0.72, 1] },
          yaxis2: {
            range: [wide.length - 0.4, -0.6], grid: false, domain: narrow ? [0, under / tall] : [1 - under / tall, 1], tickvals: wide.map((_, place) => place),
            ticktext: wide.map(({ optimizer }) => optbench.text.shorten(data.short(optimizer), 12)),
          },
        } : {}),
        ...strip(lost, real(top), real(upper), real((top + upper) / 2)),
      },
      note: note(data, rows), label: label(data, problem, rows),
      heading: `${problem.short}: where each learning rate ends`,
    };
  };

  const bars = (wide, data, choose) => ({
    panel: 2, x: wide.map(({ within, of }) => within / of), y: wide.map((_, place) => place),
    text: wide.map(({ optimizer, within, of }) => `${data.short(optimizer)}\n${within} of ${count(of, "rate")} within ${GOOD} times its best`),
    bars: {
      words: wide.map(({ within, of }) => `${within} of ${of}`), ink: optbench.theme.colors().ink,
      colors: wide.map(({ optimizer }) => {
        const look = data.look(optimizer, choose.problem());
        return look ? optbench.theme.faded(optbench.theme.seen(look.color), 0.55) : optbench.theme.gray();
      }),
    },
  });

  const listed = (rows, data) => [
    [...data.settingHeads, "recommended", "median", "low", "high", "runs", "failed"],
    ...rows.map((row) => [...data.settingCells(row), row.chosen, row.median, row.low, row.high, row.n, row.failures]),
  ];

  // The traces of one optimizer: a line through what has a place, points of all, a level line without rates.
  const parts = (points, data, values, floor, top, across) => {
    const { look } = points[0].row;
    const color = optbench.theme.colorOf(look);
    const { paper, ink } = optbench.theme.colors();
    const placed = points.filter((point) => !point.row.lost);
    const ends = (end) => (values.bands && look ? points.map((p) => (p.row.lost ? p.y : end(p))) : undefined);
    const marks = {
      x: points.map((p) => p.x), y: points.map((p) => p.y), text: points.map((p) => text(p.row, data)), name: data.short(points[0].row.optimizer), color,
      low: ends((p) => Math.min(p.y, Math.max(p.row.low, floor))), high: ends((p) => Math.max(p.y, Math.min(p.row.high ?? top, top))),
      marks: {
        size: points.map((p) => (look ? 9 : 5) + 4 * p.row.chosen), shape: look && look.marker, width: 1.5,
        color: points.map((p) => (p.row.failures && !p.row.lost ? paper : color)),
        opacity: points.map((p) => (p.row.chosen ? 1 : data.drawn ? 0.5 : 0.8)),
        edge: points.map((p) => (p.row.chosen ? ink : color)),
      },
    };
    const level = points.some((p) => p.row.level && !p.row.lost);
    if (data.drawn && !level) return [marks];
    const tried = points.filter((p) => !p.row.chosen);
    const x = level ? across.map((end) => 10 ** end) : tried.map((p) => p.x);
    const y = level ? [placed[0].y, placed[0].y] : tried.map((p) => (p.row.lost ? null : p.y));
    return [{ x, y, line: { color, width: look ? 2 : 1, dash: look ? look.dash : "" } }, marks];
  };

  const text = (row, data) => {
    const ends = row.n > 1 && row.median !== null ? ` [${number(row.low)}, ${row.high === null ? "inf" : number(row.high)}]` : "";
    const value = row.median === null ? "half of the runs or more diverged" : `${data.value}: ${number(row.median)}${ends}`;
    return `${data.short(row.optimizer)}\n${data.words(row)}\n${value}\n${data.seeds(row)}`;
  };

  const limits = (rows, floor, log) => {
    if (!rows.length) return [-1, 1];
    const scale = (v) => (log ? Math.log10(Math.max(v, floor)) : v);
    const middle = rows.map((row) => scale(row.median));
    let [low, high] = [Math.min(...middle), Math.max(...middle)];
    const reach = log ? REACH : 2 * (high - low);
    low = Math.max(low - reach, Math.min(low, ...rows.map((row) => scale(row.low))));
    high = Math.min(high + reach, Math.max(high, ...rows.filter((row) => row.high !== null).map((row) => scale(row.high))));
    const room = 0.05 * (high - low || 1);
    return [low - room, high + room];
  };

  const strip = (lost, y0, y1, middle) => {
    if (!lost) return {};
    const { warn } = optbench.theme.colors();
    return {
      shapes: [{ across: [0, 1], y: [y0, y1], fill: optbench.theme.faded(warn, 0.12), below: true }],
      notes: [{ across: 0, dx: 4, y: middle, text: "diverged", color: warn, size: 12 }],
    };
  };

  const note = (data, rows) => {
    const parts = [
      data.drawn
        ? `Each rate that ran${data.rates.trials ? "" : " with the recommended batch size and schedule"}, on the seed of the block that drew it; hollow: the run failed.`
        : "Each optimizer at each rate, with the batch size and schedule that did best at that rate. Point: median over seeds; bar: its interval; hollow: some runs failed.",
      "Large: the recommended setting on the seeds that report.",
    ];
    parts.push(`Bars: the share of rates, each with its best batch size and schedule, that end within ${GOOD} times the optimizer's best: wide is easy to tune.`);
    if (data.staged && !data.drawn) parts.push("Small points are of the seeds that tune, one in each block.");
    if (rows.some((row) => row.lost)) parts.push("In the strip at the top: half of the runs or more diverged, or the end lies above 1000 times the start.");
    if (rows.some((row) => row.level)) parts.push("A level line: an optimizer that takes no learning rate.");
    if (!data.rates.whole && !data.drawn) parts.push("The sweep has too many settings for this page: only the best of each rate is here.");
    return parts.join(" ");
  };

  const label = (data, problem, rows) => {
    const each = [...new Set(rows.map((row) => row.optimizer))].slice(0, 10).map((optimizer) => {
      const mine = rows.filter((row) => row.optimizer === optimizer && !row.lost).sort((a, b) => a.median - b.median);
      const name = data.short(optimizer);
      return mine.length ? `${name} is lowest at rate ${number(mine[0].rate)}: ${number(mine[0].median)}` : `${name} diverged at every rate`;
    });
    return `Chart of ${problem.label}: ${data.value} against the learning rate, ${count(rows.length, "point")}. ${each.join("; ")}.`;
  };

  return { title: "learning rate", there: (data) => data.rateRows.length > 0, controls, draw };
})();
