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
  const curves = rows(raw.curves, [...setting, "recommended", "pace", "axis", "values"]);
  const rates = rows(raw.rates, [...setting, "level", "chosen", "median", "low", "high"]);

  const trials = rows(raw.tuning, ["problem", "optimizer", "n", "blocks", "value", "low", "high"]);

  // Where the clock of a curve stands at its points; null where no time was recorded.
  const clock = (curve, name) => {
    const axis = raw.curves.axes[curve.axis];
    const length = curve.values[0][0].length;
    if (name === "seconds") return axis.step.slice(0, length).map((step) => (curve.pace === null ? null : step * curve.pace));
    return axis[{ steps: "step", epochs: "epoch", samples: "samples" }[name]].slice(0, length);
  };

  // {median, low, high} of a measure of a curve; null where it has none. A null in them is not finite.
  const values = (curve, key) => {
    const place = raw.measures.findIndex((measure) => measure.key === (key === "suboptimality" ? "train_loss" : key));
    const lists = curve.values[place];
    if (!lists || !lists.length) return null;
    const minimum = raw.problems[curve.problem].minimum;
    const shift = key === "train_loss" && minimum !== null ? minimum : 0;
    const [median, low, high] = shift ? lists.map((list) => list.map((y) => (y === null ? null : y + shift))) : lists;
    return { median, low, high };
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
    return [row.text, `batch ${raw.batches[row.batch]}`, schedule, `${raw.drawn && !row.held && row.level === undefined ? "rate near" : "rate"} ${number(row.rate)}`].filter(Boolean).join(" · ");
  };

  // Which seeds its numbers come from, and how many of them failed.
  const seeds = (row) => {
    const kind = row.held ? "held-out seed" : "tuning seed";
    const failed = row.failures ? `, ${row.failures} failed` : "";
    return optbench.text.count(row.n, kind) + failed;
  };

  return { ...raw, curveRows: curves, rateRows: rates, trialRows: trials, clock, values, measuresOf: measures, look, short, words, seeds };
})();
