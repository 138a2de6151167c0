// The widgets. Each gets {panel, values, number, says, set, redraw} and draws its panel.
(() => {
  "use strict";
  const P = playground, { chart, relief, levels, raised } = P.draw, { tr } = P;
  const data = JSON.parse(document.getElementById("playground-data").textContent);
  const { lang } = document.documentElement;
  const find = (id) => document.getElementById(id);
  const FIRST = data.colors.gd, SECOND = data.colors.rmsprop, MARKS = data.marks;
  const SQUARE = { x: [-4, 4], y: [-4, 4], equal: true };
  const button = (panel, what) => panel.querySelector(`[data-do=${what}]`);
  const inDays = (count) => (count === "1" ? tr`${count} day` : tr`${count} days`), inEpochs = (count) => (count === "1" ? tr`${count} epoch` : tr`${count} epochs`);

  const EXAMPLES = 4096, EPOCHS = 4, STEPS = 150;
  const batches = ({ values, number, says }) => {
    const { sigma, overhead, each, batch_rate: rate } = values, whole = (value) => value.toLocaleString("en");
    const run = (size) => P.minibatches(size, EXAMPLES, Math.max(STEPS, (EPOCHS * EXAMPLES) / size), { rate, sigma, overhead, each });
    const own = run(values.batch), other = values.beside && Number(values.beside) !== values.batch ? run(Number(values.beside)) : null;
    const runs = [own, other].filter(Boolean), first = own.loss[0], y = [first * 1e-4, first * 10], colors = [FIRST, SECOND];
    const quickest = Math.min(...runs.map(({ ms, loss }) => ms * (loss.length - 1)));
    const axes = [["steps", tr`steps`, () => 1, STEPS], ["samples", tr`examples`, ({ size }) => size, EPOCHS * EXAMPLES], ["seconds", tr`ms, by the model`, ({ ms }) => ms, quickest]];
    for (const [id, across, cost, most] of axes) {
      const names = runs.map(({ size }, place) => `<tspan style="--own:${colors[place]}">B = ${size}</tspan>`).join(", ");
      const drawn = chart(find("chart-" + id), { x: [0, most], y, log: true, height: 300, across, up: tr`cost minus its minimum: ${names}` });
      drawn.add(`<path class="level" d="M${drawn.left},${drawn.Y(first / 100)}H${drawn.right}"/>`);
      for (const [place, each] of [...runs.entries()].reverse()) {
        const within = Math.min(each.loss.length - 1, Math.ceil(most / cost(each))), every = Math.ceil(within / 400);
        const points = each.loss.slice(0, within + 1).flatMap((loss, t) => (t % every ? [] : [[t * cost(each), Math.min(Math.max(loss, y[0] / 10), 10 * y[1])]]));
        drawn.line(points, "", colors[place]);
        if (points.length < 40) drawn.dots(points, 2, "", colors[place]);
      }
      drawn.done();
    }
    const arrives = ({ reached, size, ms }) => (reached < 0 ? tr`never` : tr`after ${whole(reached)} steps, ${whole(reached * size)} examples and ${number(reached * ms)} ms`);
    const beside = other ? tr`; that of B = ${whole(other.size)} ${arrives(other)}` : "";
    says(
      [tr`B = ${whole(own.size)}: the noise of the gradient has the standard deviation ${number(own.noise)}. It makes the cost rise in ${Math.round(100 * own.rose)}% of the steps, and in the long run leaves it ${number(own.remains)} above the minimum.`,
      tr`A step takes ${number(own.ms)} ms, an epoch ${whole(EXAMPLES / own.size)} of them. The cost is first below 1% of its start (dashed) ${arrives(own)}${beside}.`].join(" "),
    );
  };

  const average = ({ panel, values, number, says }) => {
    const slider = panel.querySelector("[name=day]"), count = Number(values.days), { beta, corrected } = values;
    slider.max = count;
    const day = Math.min(values.day, count), series = data.temperatures.slice(0, count), v = P.ewa(series, beta, corrected);
    const weights = P.weights(day, beta, corrected), { days: window, age } = P.reach(day, beta);
    const x = [0.5, count + 0.5], days = (list) => list.map((value, place) => [place + 1, value]);
    const drawn = chart(find("chart-average"), { x, y: [-5, 40], height: 270, up: "°C" });
    const from = Math.max(day - window, 0.5);
    drawn.add(`<rect class="window" x="${drawn.X(from)}" y="${drawn.top}" width="${drawn.X(day) - drawn.X(from)}" height="${drawn.bottom - drawn.top}"/>`);
    drawn.dots(days(series), count > 400 ? 1.3 : 2, "pale");
    if (values.other) drawn.line(days(P.ewa(series, Number(values.other), corrected)), "thick", SECOND);
    drawn.line(days(v), "thick", FIRST);
    [["beta", FIRST], ["other", SECOND]].filter(([name]) => values[name] !== "").forEach(([name, color], place) =>
      drawn.add(`<text class="name" style="--own:${color}" x="${drawn.left + 8}" y="${drawn.top + 18 * drawn.unit * (1 + place)}">β = ${values[name]}</text>`));
    drawn.upright(day);
    drawn.dots([[day, v[day - 1]]], 4, "", FIRST);
    drawn.done();
    const highest = Math.max(...weights), below = chart(find("chart-weights"), { x, y: [0, 1.1 * highest], height: 150, across: tr`day`, up: tr`weight in the average of day t` });
    const wide = Math.max(0.8 * (below.X(2) - below.X(1)), 1);
    weights.forEach((weight, place) => {
      if (weight < highest / 500) return;
      const top = below.Y(weight), old = day - place - 1 >= window;
      below.add(`<rect class="bar${old ? " pale" : ""}" style="--own:${FIRST}" x="${below.X(place + 1) - wide / 2}" y="${top}" width="${wide}" height="${below.bottom - top}"/>`);
    });
    below.done();
    const date = new Date(Date.parse(data.first) + 864e5 * (day - 1)).toLocaleDateString(lang === "en" ? "en-GB" : lang, { day: "numeric", month: "long", year: "numeric", timeZone: "UTC" });
    const last = `1 − β${raised(day)} = ${number(1 - beta ** day, 5)}`;
    const share = (1 - beta ** Math.round(window)) / (1 - beta ** day), shaded = tr`(shaded, ${Math.round(100 * share)}% of the weights)`;
    const now = [window, age].map((value) => inDays(number(value))), late = [1, beta].map((value) => inDays(number(value / (1 - beta))));
    const reaches = now.join() === late.join()
      ? tr`v averages about 1/(1 − β) = ${now[0]} ${shaded} and lags a steady change by β/(1 − β) = ${now[1]}`
      : tr`v averages about (1 − β${raised(day)})/(1 − β) = ${now[0]} so far ${shaded}, ${now[1]} old on average; later 1/(1 − β) = ${late[0]}, and it then lags a steady change by β/(1 − β) = ${late[1]}`;
    says(
      [tr`β = ${number(beta)}: ${reaches}.`,
      tr`Day ${day}, ${date}: ${number(series[day - 1])} °C measured, v = ${number(v[day - 1])} °C.`,
      corrected ? tr`The correction divided by ${last}.` : tr`The weights add up to ${last}.`].join(" "),
    );
  };

  const NAMES = { gd: "GD", momentum: tr`momentum`, rmsprop: "RMSProp", adam: "Adam" };
  let timer = 0;
  const contours = (drawn, plane, reach) => {
    drawn.contours(plane.value, levels(Math.max(...[[-1, -1], [-1, 1], [1, -1], [1, 1]].map(([a, b]) => plane.value([a * reach, b * reach])))));
    plane.minima.forEach((place) => drawn.mark(place, "+", "minimum"));
  };
  const paths = ({ panel, values, number, says, set }) => {
    const plane = P.surface(values.surface, values.condition, values.angle), last = Number(panel.querySelector("[name=step]").max);
    const shown = Object.keys(NAMES).filter((name) => values[name]), step = values.step;
    const runs = Object.fromEntries(shown.map((name) => [name, P.path(plane, name, { ...values, rate: values["rate_" + name] }, last, values.noise, Number(values.seed))]));
    const names = shown.map((name) => `<tspan style="--own:${data.colors[name]}">${MARKS[name]} ${NAMES[name]}</tspan>`).join("  ");
    const drawn = chart(find("chart-paths"), { ...SQUARE, up: names });
    contours(drawn, plane, 4);
    for (const name of shown) {
      const walked = runs[name].w.slice(0, step + 1);
      drawn.line(walked, "", data.colors[name]);
      drawn.dots(walked, 1.6, "", data.colors[name]);
    }
    for (const name of shown) drawn.mark(runs[name].w[Math.min(step, runs[name].w.length - 1)], MARKS[name], "end", data.colors[name]);
    drawn.mark(plane.start, "○", "minimum");
    drawn.done();
    const upright = find("chart-relief"), stretch = Math.sqrt(values.condition), height = find("chart-paths").clientHeight;
    upright.toggleAttribute("hidden", values.surface === "bowl");
    if (values.surface !== "bowl") {
      const own = (w) => { const [t, s] = plane.own(w); return [t, s * stretch]; };
      relief(upright, {
        value: (t, s) => values.condition * plane.value(plane.back(t, s / stretch)), t: [-3.4, 3.4], s: [-2.4, 2.4], pixels: height / 2,
        up: values.condition > 1 ? tr`from the side, ${number(stretch, 2)} times as wide` : tr`from the side`,
        walks: shown.map((name) => ({ points: runs[name].w.slice(0, step + 1).map(own), color: data.colors[name], mark: MARKS[name] })),
      });
    }
    const losses = shown.flatMap((name) => runs[name].loss).filter((loss) => loss > 0 && Number.isFinite(loss));
    const first = plane.value(plane.start), lowest = Math.max(Math.min(...losses, first / 10), 1e-12);
    const curve = chart(find("chart-loss"), { x: [0, last], y: [lowest / 1.5, 5 * first], log: true, pixels: values.surface === "bowl" ? height : height / 2, across: tr`step`, up: tr`loss minus its minimum` });
    curve.upright(step);
    for (const name of shown) {
      const points = runs[name].loss.map((loss, t) => [t, Math.min(Math.max(loss, lowest), 1e3)]);
      curve.line(points, "pale", data.colors[name]);
      curve.line(points.slice(0, step + 1), "thick", data.colors[name]);
      if (points[step]) curve.mark(points[step], MARKS[name], "end", data.colors[name]);
    }
    curve.done();
    for (const row of panel.querySelectorAll("[data-optimizer]")) {
      const swatch = row.querySelector(".swatch"), name = row.dataset.optimizer;
      swatch.textContent = MARKS[name];
      swatch.style.setProperty("--own", data.colors[name]);
    }
    const say = (name) => {
      const loss = runs[name].loss[step]; // there is none after a path has left every bound
      return `${NAMES[name]} ${loss === undefined ? tr`diverged` : loss < 1e-12 ? tr`below 10⁻¹²` : number(loss)}`;
    };
    const word = shown.length ? tr`Step ${step}, loss above the minimum: ${shown.map(say).join(", ")} (${number(first)} at the start).` : tr`Choose an optimizer.`;
    panel.querySelector(".says").setAttribute("aria-live", timer ? "off" : "polite"); // a reader aloud waits for the end
    says(word);
    const go = (wanted) => set({ step: Math.min(Math.max(wanted, 0), last) });
    const play = (on) => {
      clearInterval(timer);
      timer = on ? setInterval(() => (panel.hidden || now() >= last ? play(false) : go(now() + 1)), 90) : 0;
      button(panel, "play").textContent = on ? tr`❚❚ Pause` : tr`▶ Play`;
      if (!on) go(now());
    };
    const now = () => panel.querySelector("[name=step]").valueAsNumber;
    const does = {
      reset: () => (play(false), go(0)), back: () => (play(false), go(step - 1)), step: () => (play(false), go(step + 1)),
      play: () => { if (!timer && step >= last) go(0); play(!timer); }, draw: () => set({ seed: Number(values.seed) + 1 }),
    };
    for (const [what, act] of Object.entries(does)) button(panel, what).onclick = act;
    button(panel, "draw").hidden = !values.noise;
  };

  const PASS = 10, RUNS = 150;
  const decay = ({ panel, values, number, says }) => {
    const plane = P.surface("bowl", 4, 30), rate = P.decayed(values.schedule, values.alpha0, values.decay, PASS), last = Number(panel.querySelector("[name=epoch]").max), now = values.epoch * PASS;
    const sides = {
      constant: P.cloud(plane, values.alpha0, last * PASS, values.spread, RUNS),
      decayed: P.cloud(plane, rate, last * PASS, values.spread, RUNS),
    };
    const colors = { constant: SECOND, decayed: FIRST }, names = { constant: tr`constant`, decayed: tr`decayed` };
    const distance = (side, t) => P.spread(sides[side].map((w) => w[t]), plane.minima[0]);
    const curves = Object.keys(sides).map((side) => [side, Array.from({ length: last + 1 }, (_, epoch) => [epoch, Math.max(distance(side, epoch * PASS), 1e-6)])]);
    for (const [side, runs] of Object.entries(sides)) {
      const drawn = chart(find("chart-" + side), SQUARE);
      contours(drawn, plane, 4);
      drawn.dots(runs.map((w) => w[now]), 2, "", colors[side]);
      drawn.mark(plane.minima[0], "+", "minimum");
      drawn.mark(plane.start, "○", "minimum");
      drawn.done();
    }
    const all = curves.flatMap(([, points]) => points.map((point) => point[1]));
    const drawn = chart(find("chart-spread"), { x: [0, last], y: [Math.min(...all) / 1.5, 1.5 * Math.max(...all)], log: true, pixels: Math.max(find("chart-decayed").clientHeight, 230), across: tr`epoch`, up: tr`distance to the minimum` });
    drawn.upright(values.epoch);
    for (const [side, points] of curves) {
      drawn.line(points, "thick", colors[side]);
      drawn.add(`<text class="name" style="--own:${colors[side]}" x="${drawn.right - 6}" y="${drawn.Y(points[last][1]) + (side === "constant" ? -8 : 16) * drawn.unit}" text-anchor="end">${names[side]}</text>`);
    }
    drawn.done();
    panel.querySelector("[name=decay]").disabled = values.schedule !== "inverse";
    const [constant, decayed] = ["constant", "decayed"].map((side) => distance(side, now));
    says(
      tr`After ${inEpochs(number(values.epoch))} of ${PASS} mini-batches the runs end ${number(constant)} from the minimum with the constant rate ${number(values.alpha0)}, and ${number(decayed)} with the rate decayed to ${number(rate(Math.max(now, 1)))} (root mean square of ${RUNS} runs).`,
    );
  };

  let revealed = false;
  const KINDS = { 0: "GD", 0.5: tr`momentum, β = 0.5`, 0.9: tr`momentum, β = 0.9` };
  const quiz = ({ panel, values, number, says, set, redraw }) => {
    const question = Number(values.question), { plane, rate, curves } = P.quiz(question);
    curves.forEach(({ beta1, w }, place) => {
      const letter = "ABC"[place], svg = find("chart-quiz-" + letter), drawn = chart(svg, { ...SQUARE, bare: true });
      contours(drawn, plane, 4);
      drawn.line(w, "", revealed ? data.quiz[beta1] : "var(--ink)");
      if (revealed || values.hint) drawn.dots(w, 2, "", revealed ? data.quiz[beta1] : "var(--ink)"); // the first step tells
      drawn.mark(plane.start, "○", "minimum");
      drawn.done();
      const right = values["guess_" + letter] === String(beta1);
      svg.closest("figure").querySelector(".answer").textContent = revealed ? `${right ? "✓ " : ""}${KINDS[beta1]}` : "";
    });
    const guesses = "ABC".split("").map((letter) => values["guess_" + letter]), right = guesses.filter((guess, place) => guess === String(curves[place].beta1)).length;
    button(panel, "reveal").textContent = revealed ? tr`Hide` : tr`Reveal`;
    const answer = curves.map(({ beta1 }, place) => tr`${"ABC"[place]} is ${KINDS[beta1]}`).join("; ");
    says(
      revealed
        ? `${answer}. ${guesses.some(Boolean) ? `${tr`${right} of 3 right.`} ` : ""}` + tr`The rate is ${number(rate)}. GD's first step is its longest; momentum starts slowly, and the larger its β, the wider and smoother it swings.`
        : tr`Question ${question}.`,
    );
    button(panel, "reveal").onclick = () => { revealed = !revealed; redraw(); };
    button(panel, "next").onclick = () => { revealed = false; set({ question: question + 1, guess_A: "", guess_B: "", guess_C: "" }); };
  };

  const adam = ({ panel, values, number: round, says, set }) => {
    const number = (value) => round(value, 5);
    const gradients = values.gradients.split(/[,;\s]+/).filter(Boolean).map(Number);
    if (!gradients.length || !gradients.every(Number.isFinite)) return says(tr`Write the gradients as numbers with commas between: 0.5, -0.3.`);
    const settings = { rate: values.alpha, beta1: values.adam_beta1, beta2: values.adam_beta2 };
    const slider = panel.querySelector("[name=t]"), rows = P.adam(gradients, values.w0, settings);
    slider.max = gradients.length;
    const { t, g, before, m, v, mHat, vHat, step, w } = rows[Math.min(values.t, rows.length) - 1];
    const of = (value) => (value < 0 ? `(${number(value)})` : number(value)), [b1, b2] = [settings.beta1, settings.beta2];
    const sums = {
      m: `${number(b1)} × ${of(before.m)} + ${number(1 - b1)} × ${of(g)} = <b>${number(m)}</b>`,
      v: `${number(b2)} × ${of(before.v)} + ${number(1 - b2)} × ${of(g)}² = <b>${number(v)}</b>`,
      mHat: `${number(m)} / (1 − ${number(b1)}<sup>${t}</sup>) = <b>${number(mHat)}</b>`,
      vHat: `${number(v)} / (1 − ${number(b2)}<sup>${t}</sup>) = <b>${number(vHat)}</b>`,
      w: `${number(before.w)} − ${number(settings.rate)} × ${of(mHat)} / √(${number(vHat)} + 10⁻⁸) = <b>${number(w)}</b>`,
    };
    for (const [key, text] of Object.entries(sums)) panel.querySelector(`[data-sum=${key}]`).innerHTML = text;
    panel.querySelector("tbody").innerHTML = rows
      .map((row) => `<tr${row.t === t ? ' aria-current="step"' : ""}><th scope="row">${row.t}</th>${["g", "m", "v", "mHat", "vHat", "step", "w"].map((key) => `<td>${number(row[key])}</td>`).join("")}</tr>`)
      .join("");
    says(tr`Step ${t}: the gradient is ${number(g)}, Adam moves w by ${number(step)}, to ${number(w)}: ${number(Math.abs(step) / settings.rate)} times α, whatever the gradients' scale.`);
    button(panel, "scale").onclick = () => set({ gradients: gradients.map((each) => Number((10 * each).toPrecision(12))).join(", ") });
  };

  P.start({ batches, average, paths, decay, quiz, adam });
})();
