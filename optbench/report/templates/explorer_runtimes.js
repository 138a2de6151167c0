// Runtimes: the share of targets that each optimizer has reached after so much work, for all targets or one of them.
optbench.views.runtimes = (() => {
  "use strict";
  const { number, count } = optbench.text;
  const { make } = optbench.controls;
  const POINTS = 400; // of a line at most

  const percent = (share) => `${Number((100 * share).toPrecision(3)).toLocaleString("en", { maximumSignificantDigits: 3, maximumFractionDigits: 20 })}%`;
  const judged = (data, problems) => (problems.length === 1 ? data.problems[problems[0]].target : null);
  const controls = (data, choose) => {
    const own = judged(data, choose.problemsOver());
    const options = data.runtimes.targets.map((share) => [String(share), percent(share) + (share === own ? " (of the verdict)" : "")]);
    return [
      choose.over(),
      choose.select("target", "target", [["", "all"], ...options]),
      choose.select("clock", "work in", [["epochs", "epochs"], ["samples", "samples"]]),
    ];
  };

  // The entries of the problems on which all of these optimizers have runs, and the problems that are left out.
  const select = (data, problems, shown) => {
    const { problem, optimizer } = data.runtimes;
    const entries = problem.map((_, place) => place).filter((place) => problems.includes(problem[place]) && shown.includes(optimizer[place]));
    const whole = problems.filter((each) => entries.filter((place) => problem[place] === each).length === shown.length);
    return { entries: entries.filter((place) => whole.includes(problem[place])), whole };
  };

  // Where a line rises: [cost, share] in order of the cost; each problem and target counts alike.
  const rises = (data, entries, targets, pairs, clock) => {
    const { times, places, problem, examples } = data.runtimes;
    const found = [];
    for (const entry of entries) {
      const unit = clock === "epochs" ? examples[problem[entry]] : 1;
      for (const target of targets) for (const time of times[entry][target]) found.push([Math.max(time, 1) / unit, 1 / (places[entry] * pairs)]);
    }
    found.sort((a, b) => a[0] - b[0]);
    let share = 0;
    return found.map(([cost, weight]) => [cost, Math.min(1, (share += weight))]);
  };
  const shareAt = (line, cost) => line.reduce((share, [at, value]) => (at <= cost ? value : share), 0);

  const draw = (data, choose) => {
    const [, target, clock] = controls(data, choose).map((spec) => spec.value);
    const all = data.runtimes.targets;
    const targets = target === "" ? all.map((_, place) => place) : [all.findIndex((share) => String(share) === target)];
    const shown = choose.shown();
    const { entries, whole } = select(data, choose.problemsOver(), shown);
    const pairs = whole.length * targets.length;
    const lines = shown.map((optimizer) => rises(data, entries.filter((place) => data.runtimes.optimizer[place] === optimizer), targets, pairs, clock));
    const costs = lines.flat().map(([cost]) => cost);
    const none = !costs.length;
    const low = none ? 0 : Math.log10(costs.reduce((a, b) => Math.min(a, b))) - 0.05;
    const high = none ? 1 : Math.log10(costs.reduce((a, b) => Math.max(a, b))) + 0.05;
    const narrow = optbench.theme.narrow();
    const what = targets.length > 1 ? `all ${targets.length} targets` : percent(all[targets[0]]);
    const traces = shown.map((optimizer, place) => {
      const look = data.look(optimizer);
      const line = lines[place];
      const every = Math.max(1, Math.ceil(line.length / POINTS));
      const points = [[10 ** low, 0], ...line.filter((_, at) => at % every === every - 1 || at === line.length - 1), [10 ** high, line.length ? line[line.length - 1][1] : 0]];
      const name = data.short(optimizer);
      return {
        x: points.map(([cost]) => cost), y: points.map(([, share]) => share), name,
        line: { step: true, color: optbench.theme.colorOf(look), width: look ? 2.2 : 1, dash: look ? look.dash : "" },
        text: points.map(([cost, share]) => `${name}\n${number(100 * share)}% reached within ${number(cost)} ${clock}`),
      };
    });
    const named = shown.map((_, place) => place).filter((place) => data.look(shown[place]));
    const left = choose.problemsOver().filter((problem) => !whole.includes(problem)).map((problem) => data.problems[problem].short);
    const last = shown.map((optimizer, place) => `${data.short(optimizer)} ${number(100 * traces[place].y[traces[place].y.length - 1])}%`);
    return {
      traces: none ? [] : traces, zooms: !none, shares: (cost) => shown.map((optimizer, place) => [optimizer, shareAt(lines[place], cost)]),
      table: whole.length === 1 ? table(data, shown, entries, whole[0], targets) : null,
      layout: none ? { height: optbench.theme.height(), empty: "No optimizer reached a target" } : {
        height: optbench.theme.height(),
        ends: { rows: named.map((place) => optbench.legend.end(data, shown[place], null, { line: traces[place] })) },
        xaxis: { type: "log", range: [low, high], text: clock === "epochs" ? (narrow ? "epochs" : "epochs (samples over examples)") : "samples" },
        yaxis: { type: "linear", range: [-0.02, 1.04], text: narrow ? "reached" : `share of ${pairs === 1 ? "runs that have arrived" : "targets reached"}`, percent: true },
      },
      note: [
        pairs === 1
          ? `The share of runs of the recommended settings that have reached ${what} after so many ${clock}; one that misses never arrives.`
          : `The share of ${count(pairs, "pair")} of problem and target, which count alike, that runs of the recommended settings have reached after so many ${clock}; one that misses never arrives.`,
        "It describes: settings were tuned for the target of the verdicts, and others would be chosen for another one.",
        left.length && `Without ${optbench.text.listed(left)}, where not all of these optimizers have runs.`,
      ].filter(Boolean).join(" "),
      file: [...(whole.length === 1 ? [data.problems[whole[0]].file] : []), "runtimes", ...(target ? [target] : [])].join("-"),
      rows: () => [
        ["optimizer", clock, "targets reached"],
        ...traces.flatMap((trace, place) => trace.x.map((x, at) => [data.optimizers[shown[place]].name, x, trace.y[at]])),
      ],
      heading: `Runtimes to ${what}: ${choose.overWords()}`,
      label: `Share of ${what} reached, over ${choose.overWords()}, by ${clock}. In the end: ${last.join(", ")}.`,
    };
  };

  // Samples to each target, the quickest in bold.
  const table = (data, shown, entries, problem, targets) => {
    const { optimizer, value, reached, runs, targets: shares } = data.runtimes;
    const rows = shown.map((each) => entries.find((place) => optimizer[place] === each));
    const of = (place, target) => value[place][target] ?? Infinity;
    const [first] = targets;
    if (targets.length === 1) rows.sort((a, b) => of(a, first) - of(b, first));
    const some = targets.filter((target) => rows.some((place) => of(place, target) < Infinity));
    const quickest = new Map(some.map((target) => [target, Math.min(...rows.map((place) => of(place, target)))]));
    const element = make("table");
    const [head, body, line] = [make("thead"), make("tbody"), make("tr")];
    line.append(make("th", "optimizer", { scope: "col" }));
    for (const target of some) {
      const own = shares[target] === data.problems[problem].target ? " (verdict)" : "";
      line.append(make("th", percent(shares[target]) + own, { scope: "col", class: "number" }));
    }
    head.append(line);
    for (const place of rows) {
      const row = make("tr");
      row.append(make("th", data.optimizers[optimizer[place]].label, { scope: "row" }));
      for (const target of some) {
        const [spent, there] = [of(place, target), reached[place][target]];
        const text = spent === Infinity ? "never" : Math.round(Number(spent.toPrecision(3))).toLocaleString("en");
        const part = there && there < runs[place] ? ` (${there}/${runs[place]})` : "";
        row.append(make("td", text + part, { class: spent === quickest.get(target) ? "number strong" : "number" }));
      }
      body.append(row);
    }
    const words = "Samples to each target, the lowest in bold: geometric means, in which a run that misses counts with two budgets";
    element.append(make("caption", words, { class: "explore-caption" }), head, body);
    return element;
  };

  return { title: "Runtimes", overall: true, there: (data) => data.runtimes.problem.length > 0, controls, draw };
})();
