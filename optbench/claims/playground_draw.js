// tr`...` is a text in the page's language: looked up by its English, with "{1}", "{2}" where values stand.
playground.tr = (() => {
  "use strict";
  const texts = JSON.parse(document.getElementById("page-texts").textContent);
  return (parts, ...values) => {
    const english = parts.reduce((all, part, place) => `${all}{${place}}${part}`);
    return (texts[english] || english).replace(/\{(\d+)\}/g, (_, place) => values[place - 1]);
  };
})();
// Charts in SVG: they follow the style sheet's variables, so light and dark need no second drawing.
playground.draw = (() => {
  "use strict";
  const raised = (whole) => String(whole).replace(/[-−]/, "⁻").replace(/[0-9]/g, (digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[digit]);

  // A number as short as can be, by default to three significant digits.
  const number = (value, digits = 3) => {
    if (!Number.isFinite(value)) return Number.isNaN(value) ? "–" : "∞";
    const size = Math.abs(value);
    if (size === 0 || (size >= 10 ** -digits && size < 1e5)) return String(Number(value.toPrecision(digits))).replace("-", "−");
    const [front, power] = value.toExponential(Math.min(digits, 4) - 2).split("e");
    return `${Number(front) === 1 ? "" : `${Number(front)}×`}10${raised(Number(power))}`.replace("-", "−");
  };

  // Round numbers from low to high, about `count` of them.
  const ticks = (low, high, count) => {
    const rough = (high - low) / count, power = 10 ** Math.floor(Math.log10(rough));
    const step = power * [1, 2, 5, 10].find((each) => each * power >= rough);
    const first = Math.ceil(low / step - 1e-9);
    return Array.from({ length: Math.floor(high / step + 1e-9) - first + 1 }, (_, k) => Number(((first + k) * step).toPrecision(12)));
  };
  // Powers of ten from low to high, and 2 and 5 times these where there are few.
  const powers = (low, high) => {
    const decades = Math.log10(high / low), every = Math.ceil(decades / 6), parts = decades < 2.5 ? [1, 2, 5] : [1];
    const all = Array.from({ length: 40 }, (_, k) => k - 20).filter((k) => k % every === 0);
    return all.flatMap((k) => parts.map((part) => Number(`${part}e${k}`))).filter((value) => value >= low && value <= high);
  };

  // An empty chart in an svg: {x, y} are its ranges; equal: a unit is as long up as across; height: in pixels where letters
  // have 12, and more on a projector, where they are larger; pixels: the height as it is.
  const chart = (svg, { x, y, log = false, equal = false, height = 260, pixels = 0, across = "", up = "", bare = false }) => {
    const unit = parseFloat(getComputedStyle(svg).fontSize) / 12, width = Math.max(svg.clientWidth, 120);
    const [left, right, top, foot] = [bare ? 2 : 44, bare ? 2 : 10, up ? 22 : 6, bare ? 2 : across ? 38 : 20].map((margin) => margin * unit);
    const tall = equal ? Math.round(((width - left - right) * (y[1] - y[0])) / (x[1] - x[0]) + top + foot) : Math.round(pixels || height * unit);
    svg.setAttribute("viewBox", `0 0 ${width} ${tall}`);
    svg.style.height = `${tall}px`;
    const scale = log ? Math.log10 : (value) => value;
    const X = (value) => left + ((value - x[0]) / (x[1] - x[0])) * (width - left - right);
    const Y = (value) => tall - foot - ((scale(value) - scale(y[0])) / (scale(y[1]) - scale(y[0]))) * (tall - top - foot);
    const clip = `${svg.id}-clip`, parts = [];
    const add = (text) => parts.push(text);
    const at = ([a, b]) => `${X(a).toFixed(1)},${Y(b).toFixed(1)}`;
    if (!bare) {
      for (const tick of ticks(...x, width < 420 * unit ? 4 : 7)) {
        add(`<path class="grid" d="M${X(tick)},${top}V${tall - foot}"/><text x="${X(tick)}" y="${tall - foot + 14 * unit}" text-anchor="middle">${number(tick, 6)}</text>`);
      }
      for (const tick of log ? powers(...y) : ticks(...y, 5)) {
        add(`<path class="grid" d="M${left},${Y(tick)}H${width - right}"/><text x="${left - 5 * unit}" y="${Y(tick) + 4 * unit}" text-anchor="end">${number(tick)}</text>`);
      }
      add(`<text x="${(left + width - right) / 2}" y="${tall - 5 * unit}" text-anchor="middle">${across}</text>`);
    }
    if (up) add(`<text x="4" y="${12 * unit}">${up}</text>`);
    add(`<clipPath id="${clip}"><rect x="${left}" y="${top}" width="${width - left - right}" height="${tall - top - foot}"/></clipPath><g clip-path="url(#${clip})">`);
    const self = {
      X, Y, unit, left, right: width - right, top, bottom: tall - foot, add,
      line: (points, kind = "", color = "") => add(`<polyline class="line ${kind}" style="--own:${color}" points="${points.map(at).join(" ")}"/>`),
      dots: (points, size, kind = "", color = "") =>
        add(`<path class="dots ${kind}" style="--own:${color};stroke-width:${2 * size * unit}" d="${points.map((point) => `M${at(point)}h0`).join("")}"/>`),
      mark: (point, text, kind = "", color = "") =>
        add(`<text class="mark ${kind}" style="--own:${color}" x="${X(point[0])}" y="${Y(point[1])}" dy=".35em" text-anchor="middle">${text}</text>`),
      upright: (value, kind = "level") => add(`<path class="${kind}" d="M${X(value)},${top}V${tall - foot}"/>`),
      contours: (value, levels) => contours(value, x, y, levels, at).forEach((path) => add(`<path class="contour" d="${path}"/>`)),
      done: () => {
        svg.innerHTML = parts.join("") + `</g><rect class="frame" x="${left}" y="${top}" width="${width - left - right}" height="${tall - top - foot}"/>`;
      },
    };
    return self;
  };

  // A surface seen from the side, as a net with the far cells first: value(t, s) over t and s, [low, high] each.
  // walks: paths over it, as {points: [[t, s], ...], color, mark}; what lies beyond its edge is left out.
  const NET = 28, TURN = 0.4, TILT = 0.8; // cells each way; radians around the upright axis, and from it
  const relief = (svg, { value, t, s, walks, ...rest }) => {
    const place = ([low, high], k) => low + ((high - low) * k) / NET;
    const seen = (a, b) => {
      const far = a * Math.sin(TURN) + b * Math.cos(TURN);
      return [a * Math.cos(TURN) - b * Math.sin(TURN), far * Math.sin(TILT) + value(a, b) * Math.cos(TILT), far];
    };
    const net = Array.from({ length: NET + 1 }, (_, i) => Array.from({ length: NET + 1 }, (_, j) => seen(place(t, i), place(s, j))));
    const all = net.flat(), range = (k) => [Math.min(...all.map((point) => point[k])) - 0.1, Math.max(...all.map((point) => point[k])) + 0.1];
    const drawn = chart(svg, { x: range(0), y: range(1), bare: true, ...rest });
    const height = (i, j) => value(place(t, i + 0.5), place(s, j + 0.5)), highest = Math.max(...[0, NET - 1].flatMap((i) => [0, NET - 1].map((j) => height(i, j))));
    const cells = Array.from({ length: NET * NET }, (_, k) => [Math.floor(k / NET), k % NET]).sort(([a, b], [c, d]) => net[c][d][2] - net[a][b][2]);
    for (const [i, j] of cells) {
      const corners = [net[i][j], net[i + 1][j], net[i + 1][j + 1], net[i][j + 1]].map(([a, b]) => `${drawn.X(a).toFixed(1)},${drawn.Y(b).toFixed(1)}`);
      drawn.add(`<polygon class="cell" style="--high:${Math.round((70 * height(i, j)) / highest)}%" points="${corners.join(" ")}"/>`);
    }
    const inside = ([a, b]) => a >= t[0] && a <= t[1] && b >= s[0] && b <= s[1];
    for (const { points, color } of walks) {
      points.slice(1).forEach((point, place) => inside(point) && inside(points[place]) && drawn.line([points[place], point].map((each) => seen(...each)), "", color));
    }
    for (const { points, color, mark } of walks) if (inside(points.at(-1))) drawn.mark(seen(...points.at(-1)), mark, "end", color);
    drawn.done();
  };

  // The SVG paths of a surface's lines of equal height, by marching squares: one for each level.
  const CELLS = 64;
  const contours = (value, x, y, levels, at) => {
    const place = ([low, high], k) => low + ((high - low) * k) / CELLS;
    const grid = Array.from({ length: CELLS + 1 }, (_, j) => Array.from({ length: CELLS + 1 }, (_, i) => value([place(x, i), place(y, j)])));
    const paths = levels.map(() => "");
    for (let j = 0; j < CELLS; j++) {
      for (let i = 0; i < CELLS; i++) {
        const corners = [[i, j], [i + 1, j], [i + 1, j + 1], [i, j + 1]], heights = corners.map(([a, b]) => grid[b][a]);
        const low = Math.min(...heights), high = Math.max(...heights);
        levels.forEach((level, which) => {
          if (low > level || high <= level) return;
          // Where the four sides of the cell cross the level, in turn around it
          const cuts = [];
          corners.forEach(([a, b], k) => {
            const [c, d] = corners[(k + 1) % 4], from = heights[k] - level, to = heights[(k + 1) % 4] - level;
            if (from > 0 === to > 0) return;
            const share = from / (from - to);
            cuts.push([place(x, a + share * (c - a)), place(y, b + share * (d - b))]);
          });
          for (let k = 0; k + 1 < cuts.length; k += 2) paths[which] += `M${at(cuts[k])}L${at(cuts[k + 1])}`;
        });
      }
    }
    return paths;
  };

  // Heights for the contours of a surface whose minimum is 0, closer near it.
  const levels = (highest, count = 11) => Array.from({ length: count }, (_, k) => highest * ((k + 1) / count) ** 3);

  return { number, raised, chart, relief, levels };
})();
