// What the widgets compute: pure functions of their arguments, the same formulas as optbench's.
window.playground = (() => {
  "use strict";

  // Random numbers that a seed repeats: normal() draws from the standard normal distribution (mulberry32, Box-Muller).
  const random = (seed) => {
    let state = seed | 0;
    const uniform = () => {
      state = (state + 0x6d2b79f5) | 0;
      let bits = Math.imul(state ^ (state >>> 15), 1 | state);
      bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
      return ((bits ^ (bits >>> 14)) >>> 0) / 4294967296;
    };
    const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
    return { uniform, normal };
  };

  // v_t = beta v_{t-1} + (1 - beta) x_t from v_0 = 0; corrected: divided by 1 - beta^t.
  const ewa = (x, beta, corrected = false) => {
    let v = 0, power = 1;
    return x.map((value) => {
      v = beta * v + (1 - beta) * value;
      power *= beta;
      return corrected ? v / (1 - power) : v;
    });
  };

  // The weight of each of t values in v_t, the oldest first.
  const weights = (t, beta, corrected = false) => {
    const scale = (1 - beta) / (corrected ? 1 - beta ** t : 1);
    return Array.from({ length: t }, (_, place) => scale * beta ** (t - 1 - place));
  };

  // How far back v_t reaches: days as heavy as the newest that weigh as much as all t, and the mean age of these t days.
  const reach = (t, beta) => ({ days: (1 - beta ** t) / (1 - beta), age: beta / (1 - beta) - (t * beta ** t) / (1 - beta ** t) });

  // Surfaces of two parameters, steep along s and flat along t, turned by an angle in degrees: f = s^2 / 2 + h(t).
  // The largest curvature is 1, that along t at the place that matters is 1 / condition; every minimum is 0.
  const FLAT = {
    bowl: { h: (t, c) => (t * t) / (2 * c), slope: (t, c) => t / c, start: [-3, 1.5], minima: [0] },
    saddle: { h: (t, c) => (t * t - 4) ** 2 / (16 * c), slope: (t, c) => (t * (t * t - 4)) / (4 * c), start: [-0.02, 2.5], minima: [-2, 2] },
    plateau: {
      h: (t, c) => (2.25 / c) * (1 - Math.exp(-((t - 2) ** 2) / 4.5)),
      slope: (t, c) => ((t - 2) / c) * Math.exp(-((t - 2) ** 2) / 4.5), start: [-3, 1], minima: [2],
    },
  };
  const surface = (kind, condition, angle) => {
    const turn = (angle * Math.PI) / 180, cos = Math.cos(turn), sin = Math.sin(turn), { h, slope, start, minima } = FLAT[kind];
    const back = (t, s) => [cos * t - sin * s, sin * t + cos * s];
    return {
      value: ([x, y]) => h(cos * x + sin * y, condition) + (cos * y - sin * x) ** 2 / 2,
      gradient: ([x, y]) => back(slope(cos * x + sin * y, condition), cos * y - sin * x),
      start: back(...start), minima: minima.map((t) => back(t, 0)), back, own: ([x, y]) => [cos * x + sin * y, cos * y - sin * x],
    };
  };

  // One update of a single parameter, as optbench's rules have it; m and v are the averages before it, t counts from 1.
  const EPS = 1e-8;
  const update = {
    gd: (w, g, m, v, { rate }) => [w - rate * g, m, v],
    momentum: (w, g, m, v, { rate, beta1 }) => {
      m = beta1 * m + (1 - beta1) * g;
      return [w - rate * m, m, v];
    },
    rmsprop: (w, g, m, v, { rate, beta2 }) => {
      v = beta2 * v + (1 - beta2) * g * g;
      return [w - (rate * g) / Math.sqrt(v + EPS), m, v];
    },
    adam: (w, g, m, v, { rate, beta1, beta2 }, t) => {
      m = beta1 * m + (1 - beta1) * g;
      v = beta2 * v + (1 - beta2) * g * g;
      return [w - (rate * (m / (1 - beta1 ** t))) / Math.sqrt(v / (1 - beta2 ** t) + EPS), m, v];
    },
  };

  // All points of one run, the start first: {w: [[x, y], ...], loss}. It ends early where it leaves every bound.
  // settings: {rate, beta1, beta2}, rate a number or a function of the step; noise: the standard deviation of what a
  // mini-batch adds to each part of the gradient; the same seed draws the same noise for every optimizer.
  const path = (plane, optimizer, settings, steps, noise = 0, seed = 1) => {
    const { normal } = random(seed), { rate } = settings, rule = update[optimizer], now = { ...settings };
    const points = [plane.start];
    let [x, y] = plane.start, slots = [0, 0, 0, 0];
    for (let t = 1; t <= steps && Math.hypot(x, y) < 1e6; t++) {
      if (typeof rate === "function") now.rate = rate(t);
      const g = plane.gradient([x, y]), [mx, vx, my, vy] = slots;
      if (noise) [g[0], g[1]] = [g[0] + noise * normal(), g[1] + noise * normal()];
      const [across, up] = [rule(x, g[0], mx, vx, now, t), rule(y, g[1], my, vy, now, t)];
      [x, y, slots] = [across[0], up[0], [across[1], across[2], up[1], up[2]]];
      points.push([x, y]);
    }
    return { w: points, loss: points.map(plane.value) };
  };

  // GD on mini-batches of `size` out of `examples`, drawn without replacement, for `steps` steps on a bowl. One example's
  // gradient has the standard deviation sigma. A step of the model takes `overhead` ms and `each` µs an example.
  // remains: the loss that is left in the long run, above the minimum: the mean of the stationary distribution.
  const minibatches = (size, examples, steps, { rate, sigma, overhead, each }, condition = 10, seed = 1) => {
    const noise = sigma * Math.sqrt(1 / size - 1 / examples), ms = overhead + (size * each) / 1000;
    const { loss } = path(surface("bowl", condition, 0), "gd", { rate }, steps, noise, seed);
    const remains = [1, 1 / condition].reduce((sum, curvature) => sum + (rate * noise ** 2) / (2 * (2 - rate * curvature)), 0);
    const rose = loss.slice(1).filter((value, t) => value > loss[t]).length / steps;
    const reached = loss.findIndex((value) => value < loss[0] / 100); // -1: never
    return { size, noise, ms, loss, remains, rose, reached };
  };

  // The rate of step t under a schedule of optbench's; the epoch is the number of passes completed before the step.
  const DECAYS = {
    inverse: (epoch, t, decay) => 1 / (1 + decay * epoch),
    exponential: (epoch) => 0.95 ** epoch,
    sqrt_epoch: (epoch) => 1 / Math.sqrt(Math.max(epoch, 1)),
    sqrt_step: (epoch, t) => 1 / Math.sqrt(t),
  };
  const decayed = (schedule, alpha0, decay, perEpoch) => (t) => alpha0 * DECAYS[schedule](Math.floor((t - 1) / perEpoch), t, decay);

  // GD's paths from one start, each with its own noise: a list of `runs` lists of points.
  const cloud = (plane, rate, steps, noise, runs) =>
    Array.from({ length: runs }, (_, run) => path(plane, "gd", { rate }, steps, noise, 1000 + run).w);

  // The root mean square distance of points to a place.
  const spread = (points, [x, y]) => Math.sqrt(points.reduce((sum, w) => sum + (w[0] - x) ** 2 + (w[1] - y) ** 2, 0) / points.length);

  // Every number of Adam's updates of one parameter, a row a gradient.
  const adam = (gradients, w, settings) => {
    let m = 0, v = 0;
    return gradients.map((g, place) => {
      const t = place + 1, before = { w, m, v };
      [w, m, v] = update.adam(w, g, m, v, settings, t);
      const mHat = m / (1 - settings.beta1 ** t), vHat = v / (1 - settings.beta2 ** t);
      return { t, g, before, m, v, mHat, vHat, step: w - before.w, w };
    });
  };

  // Question n of the quiz: three paths on one bowl at one rate, in random order: {plane, rate, curves: [{beta1, w}]}.
  // GD swings across the valley where n is odd.
  const quiz = (n) => {
    const { uniform } = random(7907 * n), pick = (list) => list[Math.floor(uniform() * list.length)];
    const condition = pick([10, 30]), angle = Math.round(uniform() * 180), rate = n % 2 ? 1.3 + 0.5 * uniform() : 0.5 + 0.4 * uniform();
    const plane = surface("bowl", condition, angle);
    plane.start = plane.back(pick([-3, 3]), pick([-1, 1]) * (1.2 + uniform()));
    const curves = [0, 0.5, 0.9].map((beta1) => ({ beta1, order: uniform() })).sort((a, b) => a.order - b.order);
    return { plane, rate, curves: curves.map(({ beta1 }) => ({ beta1, w: path(plane, "momentum", { rate, beta1 }, 24, 0.02, n).w })) };
  };

  return { random, ewa, weights, reach, surface, update, path, minibatches, decayed, cloud, spread, adam, quiz };
})();
