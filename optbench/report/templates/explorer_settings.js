// All settings as points, a panel for each choice. A rectangle drawn in a panel keeps what lies in it, in all panels.
optbench.slices.settings = (() => {
  "use strict";
  const { number, count } = optbench.text;
  const HEIGHT = { wide: 420, narrow: 300 }; // pixels of a panel
  const SPREAD = 0.34; // sideways, of points with the same value
  const FAR = 10; // times the loss at the start, above which a setting stands with those that diverged
  const BEST = 10; // settings in the table

  const controls = (data, choose) => [choose.problems()];

  // The choices that vary: {name, of: row -> place on the axis, ticks}. Learning rates have their own scale.
  const choices = (data, rows) => {
    const listed = (key, names) => {
      const used = [...new Set(rows.map((row) => row[key]))].sort((a, b) => a - b);
      const bare = used.map((place) => names[place].replace(/\(.*/, "")); // without parameters, where that is enough
      const clear = new Set(bare).size === used.length ? bare : used.map((place) => names[place]);
      return { key, labels: clear.map((name) => optbench.text.shorten(name, 14)), of: (row) => used.indexOf(row[key]) };
    };
    const found = [
      { ...listed("optimizer", data.optimizers.map(({ short }) => short)), name: "optimizer" },
      { ...listed("batch", data.batches), name: "batch size" },
      { ...listed("schedule", data.schedules.map(({ short }) => short)), name: "schedule" },
    ].filter(({ labels }) => labels.length > 1);
    return [...found, { key: "rate", name: "learning rate", of: (row) => Math.log10(row.rate) }];
  };

  // "rate,-3,-1,0.1,2;batch,..." -> Map of choice to [left, right, low, high], in the units of `of` and of the value.
  const brushes = (text) => new Map(text.split(";").map((part) => part.split(",")).filter((part) => part.length === 5)
    .map(([key, ...ends]) => [key, ends.map(Number)]).filter(([, ends]) => ends.every(Number.isFinite)));

  const draw = (data, choose) => {
    const problem = data.problems[choose.problem()];
    const rows = choose.passing(data.settingRows, false).filter((row) => !row.level);
    const known = rows.filter((row) => row.median !== null);
    const log = known.every((row) => row.median > 0);
    const floor = log ? problem.floor : -Infinity;
    const far = problem.start > 0 && problem.minimum !== null ? FAR * problem.start : Infinity;
    const heights = known.map((row) => Math.min(Math.max(row.median, floor), far)).map((v) => (log ? Math.log10(v) : v));
    const [low, high] = heights.length ? [Math.min(...heights), Math.max(...heights)] : [0, 1];
    const room = 0.05 * (high - low || 1);
    const lost = high + 2 * room; // where what diverged stands
    const value = (row) => (row.median === null || row.median > far ? (log ? 10 ** lost : lost) : Math.max(row.median, floor));
    const panels = choices(data, rows);
    const kept = brushes(choose.get("brush"));
    const passes = (row) => panels.every((panel) => {
      const ends = kept.get(panel.key);
      if (!ends) return true;
      const [x, y] = [panel.of(row), value(row)];
      return x + (panel.labels ? SPREAD : 0) >= ends[0] && x - (panel.labels ? SPREAD : 0) <= ends[1] && y >= ends[2] && y <= ends[3];
    });
    const inside = new Set(rows.filter(passes));
    const narrow = optbench.theme.narrow();
    const many = panels.length;
    const traces = [], axes = {}, shapes = [];
    const { ink } = optbench.theme.colors();
    panels.forEach((panel, at) => {
      const end = at ? String(at + 1) : "";
      const domain = narrow ? [1 - (at + 1) / many, 1 - at / many] : [at / many, (at + 1) / many];
      axes[`xaxis${end}`] = {
        ...(panel.labels
          ? { range: [-0.6, panel.labels.length - 0.4], tickvals: panel.labels.map((_, place) => place), ticktext: panel.labels, grid: false }
          : { type: "log", range: ends(rows.map(panel.of)) }),
        text: panel.name, domain: narrow ? [0, 1] : domain,
      };
      axes[`yaxis${end}`] = {
        type: log ? "log" : "linear", range: [low - room, lost + room], text: at && !narrow ? "" : data.axis, labels: !at || narrow, domain: narrow ? domain : [0, 1],
      };
      for (const optimizer of [...new Set(rows.map((row) => row.optimizer))]) {
        const mine = rows.filter((row) => row.optimizer === optimizer);
        const look = data.look(optimizer, choose.problem());
        const color = optbench.theme.colorOf(look);
        const spread = (place) => (((place * 0.618) % 1) - 0.5) * 2 * SPREAD;
        traces.push({
          panel: at + 1, name: at ? "" : data.short(optimizer),
          x: mine.map((row, place) => (panel.labels ? panel.of(row) + spread(place) : row.rate)), y: mine.map(value),
          text: mine.map((row) => `${data.short(optimizer)}\n${data.words(row)}\n${row.median === null ? "diverged" : `${data.value}: ${number(row.median)}`}`),
          marks: { size: 6, shape: look && look.marker, color: mine.map((row) => optbench.theme.faded(color, inside.has(row) ? 0.75 : 0.06)) },
        });
      }
      const box = kept.get(panel.key);
      if (box) {
        const x = panel.labels ? box.slice(0, 2) : box.slice(0, 2).map((exponent) => 10 ** exponent);
        shapes.push({ panel: at + 1, x, y: box.slice(2), stroke: ink, dash: "3,3", fill: optbench.theme.faded(ink, 0.05) });
      }
    });
    const best = [...inside].filter((row) => row.median !== null).sort((a, b) => a.median - b.median);
    return {
      traces, inside: () => inside.size, table: table(best.slice(0, BEST), data, inside.size),
      // What a rectangle over a panel adds to the address.
      brush: (at, across, along) => {
        const xs = panels[at].labels ? across : across.map(Math.log10);
        kept.set(panels[at].key, [...xs, ...along].map((v) => Number(v.toPrecision(5))));
        return [...kept].map(([key, list]) => [key, ...list].join(",")).join(";");
      },
      layout: { height: narrow ? HEIGHT.narrow * many : HEIGHT.wide, ...axes, shapes },
      note: [
        `Each point is one of ${count(rows.length, "setting")}: ${data.value}, on ${data.staged ? "the seeds that tune" : "held-out seeds"}${data.drawn ? ", rates rounded to the grid that blocks moved" : ""}; at the top, what diverged or ends above ${FAR} times the start.`,
        "Drag a rectangle in a panel to keep what lies in it in all panels, one in another to narrow it down; double click to keep all again.",
        kept.size ? `Kept: ${inside.size} of ${rows.length}.` : "",
      ].join(" "),
      heading: `${problem.short}: all settings`, file: `${problem.file}-settings`,
      label: `${count(rows.length, "setting")} of ${problem.label} by ${panels.map(({ name }) => name).join(", ")}; ${inside.size} kept. ${best.length ? `The best: ${data.short(best[0].optimizer)}, ${data.words(best[0])}: ${number(best[0].median)}` : "All diverged"}.`,
      rows: () => [[...data.settingHeads, "median"], ...[...inside].map((row) => [...data.settingCells(row), row.median])],
    };
  };

  const ends = (list) => {
    const [low, high] = [Math.min(...list), Math.max(...list)];
    return [low - 0.05 * (high - low || 1), high + 0.05 * (high - low || 1)];
  };

  const table = (best, data, many) => {
    const { make } = optbench.controls;
    const element = make("table");
    const line = (cells, tag) => {
      const row = make("tr");
      cells.forEach((text, place) => row.append(make(tag, text, place > 1 ? { class: "number" } : {})));
      return row;
    };
    const [head, body] = [make("thead"), make("tbody")];
    head.append(line(["optimizer", "setting", data.axis], "th"));
    best.forEach((row) => body.append(line([data.optimizers[row.optimizer].label, data.words(row), number(row.median)], "td")));
    element.append(make("caption", `The best ${best.length} of ${count(many, "kept setting")}`, { class: "explore-caption" }), head, body);
    return element;
  };

  return { title: "all settings", there: (data) => data.settingRows.some((row) => !row.level), controls, draw };
})();
