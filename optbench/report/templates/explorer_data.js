// The numbers in the page, and questions to them; what stands in them is told in report/explorer/.
optbench.data = (() => {
  "use strict";
  const raw = JSON.parse(document.getElementById("explorer-data").textContent);

  // {"a": [1, 2], "b": [3, 4]} -> [{a: 1, b: 3}, {a: 2, b: 4}]; a column without entries is left out.
  const rows = (table, keys) =>
    table[keys[0]].map((_, place) => {
      const row = {};
      for (const key of keys) if (table[key].length) row[key] = table[key][place];
      return row;
    });
  const setting = ["problem", "optimizer", "batch", "schedule", "rate", "text", "n", "failures", "held"];
  const curves = rows(raw.curves, [...setting, "recommended", "pace", "axis", "values", "single"]);
  const rates = rows(raw.rates, [...setting, "level", "chosen", "median", "low", "high"]);

  const trials = rows(raw.tuning, ["problem", "optimizer", "n", "blocks", "value", "low", "high"]);

  // All settings that were screened, where the page has room for them.
  const screened = rows(raw.screened, ["problem", "optimizer", "batch", "schedule", "rate", "text", "level", "median"]);
  const settingRows = screened.length ? screened : rates.filter((row) => !row.chosen);

  const seedRows = rows(raw.seeds, ["problem", "optimizer", "ratios", "ratio", "low", "high", "open", "finals"]);

  // Where the clock of a curve stands at its points; null where no time was recorded.
  const clock = (curve, name) => {
    const axis = raw.curves.axes[curve.axis];
    const length = curve.values[0][0].length;
    if (name === "ms") return axis.step.slice(0, length).map((step) => (curve.pace === null ? null : 1000 * step * curve.pace));
    return axis[{ steps: "step", epochs: "epoch", samples: "samples" }[name]].slice(0, length);
  };

  // Where a measure of a curve stands in its lists, and what the page has taken from its values.
  const stored = (curve, key) => ({
    place: raw.measures.findIndex((measure) => measure.key === (key === "suboptimality" ? "train_loss" : key)),
    shift: key === "train_loss" ? raw.problems[curve.problem].minimum || 0 : 0,
  });

  // {median, low, high} of a measure of a curve; null where it has none. A null in them is not finite.
  const values = (curve, key) => {
    const { place, shift } = stored(curve, key);
    const lists = curve.values[place];
    if (!lists || !lists.length) return null;
    const [median, low, high] = shift ? lists.map((list) => list.map((y) => (y === null ? null : y + shift))) : lists;
    return { median, low, high };
  };

  // The values of a measure of a curve on each seed that reports, a list each; none where the page has no room for them.
  const singles = (curve, key) => {
    const { place, shift } = stored(curve, key);
    return ((curve.single || [])[place] || []).map((list) => list.map((y) => (y === null ? null : y + shift)));
  };

  // The optimizers of a problem in the order of what the verdicts compare, with it in words.
  const scores = (problem) => {
    const samples = raw.problems[problem].target !== null;
    return raw.optimizers.map((_, optimizer) => {
      const place = problem * raw.optimizers.length + optimizer;
      const [value, never] = [raw.ranks.value[place], raw.ranks.never[place]];
      const text = never ? "never" : value === null ? "failed" : samples ? Math.round(Number(value.toPrecision(3))).toLocaleString("en") : optbench.text.number(value);
      return { optimizer, value: value ?? Infinity, never, text, there: raw.ranks.there[place] };
    }).filter(({ there }) => there).sort((a, b) => a.never - b.never || a.value - b.value);
  };

  // What the curves of a problem can show: [{key, name}].
  const measures = (problem) => {
    const mine = curves.filter((curve) => curve.problem === problem);
    const has = (key) => mine.some((curve) => (values(curve, key) || { median: [] }).median.some((y) => y !== null));
    const known = raw.problems[problem].minimum !== null;
    const first = known ? [{ key: "suboptimality", name: "suboptimality" }] : [];
    return [...first, ...raw.measures.filter((measure, place) => place === 0 || has(measure.key))];
  };

  // The look of an optimizer on a problem, or on all where that is null; null: it is drawn in gray.
  const look = (optimizer, problem = null) => {
    const place = (problem === null ? raw.everywhere : raw.look[problem])[optimizer];
    return place < 0 ? null : raw.looks[place];
  };

  const short = (optimizer) => raw.optimizers[optimizer].short;

  // A setting in words, its optimizer left out.
  const words = (row) => {
    const { number, shorten } = optbench.text;
    const schedule = shorten(raw.schedules[row.schedule].short, 40);
    const batch = raw.batches[row.batch] === "full" ? "full batch" : `batch ${raw.batches[row.batch]}`;
    return [row.text, batch, schedule, `${raw.drawn && !row.held && row.level === undefined ? "rate near" : "rate"} ${number(row.rate)}`].filter(Boolean).join(" · ");
  };

  // Which seeds its numbers come from, and how many of them failed.
  const seeds = (row) => {
    const kind = row.held ? "held-out seed" : "tuning seed";
    const failed = row.failures ? `, ${row.failures} failed` : "";
    return optbench.text.count(row.n, kind) + failed;
  };

  // A setting as cells of a table, with the headings.
  const settingHeads = ["problem", "optimizer", "batch_size", "schedule", "hyperparameters", "lr"];
  const settingCells = (row) => [
    raw.problems[row.problem].name, raw.optimizers[row.optimizer].name, raw.batches[row.batch], raw.schedules[row.schedule].name,
    row.text || "", row.rate,
  ];

  // "the loss at the end of a run, above the minimum" -> "loss at the end of a run"
  const axis = raw.value.replace(/^the /, "").replace(/,.*/, "");

  return { axis, settingHeads, settingCells, singles, scores, ...raw, curveRows: curves, rateRows: rates, trialRows: trials, seedRows, settingRows, clock, values, measuresOf: measures, look, short, words, seeds };
})();
