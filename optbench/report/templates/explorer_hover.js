// What is said of the point under the pointer, with its curve drawn over the chart; on curves also a line upwards, with the
// values of all that are in color there. A rectangle that is dragged is told to whoever asked for one.
optbench.hover = (() => {
  "use strict";
  const { make } = optbench.controls;
  const REACH = 30; // pixels from the pointer
  const LEAST = 8; // pixels of a side of a rectangle; less of one side means all of it

  // The point with words that is nearest to a place of a panel, as {trace, point, x, y}.
  const nearest = ({ panels, traces }, at, px, py) => {
    let best = null, least = REACH;
    traces.forEach((trace, number) => {
      const panel = panels[(trace.panel || 1) - 1];
      if (!trace.text || panel !== panels[at]) return;
      trace.x.forEach((value, point) => {
        const [x, y] = [panel.x.to(value), panel.y.to(trace.y[point])];
        const inside = trace.bars && px >= panel.left && px <= x;
        const far = Math.hypot(inside ? 0 : px - x, py - y);
        if (trace.text[point] && far <= least) [best, least] = [{ trace, number, point, x, y }, far];
      });
    });
    return best;
  };

  // Pixels down at which a line crosses `px`, or null.
  const crossing = ({ x, line }, px, panel) => {
    let before = null;
    for (let place = 0; place < x.length; place += 1) {
      const point = [panel.x.to(x[place]), panel.y.to(line[place])];
      const there = !point.some(Number.isNaN);
      if (there && point[0] === px) return point[1];
      if (before && there && before[0] < px && px < point[0]) {
        return before[1] + ((px - before[0]) / (point[0] - before[0])) * (point[1] - before[1]);
      }
      before = there ? point : null;
    }
    return null;
  };

  const clear = (chart) => chart.querySelectorAll(".explore-over").forEach((each) => each.remove());
  const lay = (chart, element, styles) => {
    element.classList.add("explore-over");
    element.setAttribute("aria-hidden", "true");
    Object.assign(element.style, Object.fromEntries(Object.entries(styles).map(([name, value]) => [name, `${value}px`])));
    chart.append(element);
    return element;
  };

  const tell = (chart, { trace, point, x, y }) => {
    const box = make("div", "", { class: "explore-told" });
    trace.text[point].split("\n").forEach((words, place) => box.append(make(place ? "div" : "b", words)));
    lay(chart, box, { top: 0, left: 0 });
    const [wide, tall] = [box.offsetWidth, box.offsetHeight];
    const left = x + 14 + wide < chart.clientWidth ? x + 14 : Math.max(2, x - 14 - wide);
    const last = chart.clientHeight - tall - 2; // on a narrow chart the values of all curves have the rest
    const top = optbench.theme.narrow() && chart.querySelector(".explore-values") ? last : Math.max(2, Math.min(last, y - tall / 2));
    Object.assign(box.style, { left: `${left}px`, top: `${top}px` });
  };

  const across = (chart, panel, px, { cross, clock }, data) => {
    const { number } = optbench.text;
    const found = cross.map((curve) => ({ curve, down: crossing(curve, px, panel) })).filter(({ down }) => down !== null);
    if (!found.length) return;
    found.sort((a, b) => a.down - b.down); // as on the screen
    const box = make("div", "", { class: "explore-values" });
    box.append(make("div", `${number(panel.x.from(px))} ${clock}`));
    for (const { curve, down } of found.slice(0, 20)) {
      const row = make("div");
      row.append(make("b", data.short(curve.row.optimizer), { style: `color: ${curve.color}` }), make("span", number(panel.y.from(down))));
      box.append(row);
    }
    const side = px > (panel.left + panel.right) / 2 ? { left: panel.left + 8 } : { right: chart.clientWidth - panel.right + 8 };
    lay(chart, make("div", "", { class: "explore-line" }), { left: px, top: panel.top, height: panel.bottom - panel.top });
    lay(chart, box, { ...side, top: panel.top + 8 });
  };

  // Where a pointer is: the number of the panel, -1 outside of all, and pixels.
  const place = (chart, event) => {
    const frame = chart.querySelector("svg").getBoundingClientRect(), [px, py] = [event.clientX - frame.left, event.clientY - frame.top];
    const at = chart.drawn.panels.findIndex(({ left, right, top, bottom }) => px >= left && px <= right && py >= top && py <= bottom);
    return { at, px, py };
  };

  const show = (chart, event, current, data) => {
    clear(chart);
    const { at, px, py } = place(chart, event);
    if (at < 0) return;
    const panel = chart.drawn.panels[at], found = nearest(chart.drawn, at, px, py);
    if (current.cross) across(chart, panel, px, current, data);
    if (!found) return;
    const curve = current.owner && current.owner(found.number, found.point);
    if (curve) {
      const over = document.createElementNS("http://www.w3.org/2000/svg", "path");
      const facts = { d: optbench.chart.path(curve.x, curve.line, panel), class: "explore-over", fill: "none", stroke: curve.color, "stroke-width": 3.2, "stroke-linejoin": "round" };
      for (const [name, value] of Object.entries(facts)) over.setAttribute(name, value);
      chart.querySelectorAll(".traces")[at].append(over);
    }
    tell(chart, found);
  };

  // current(): what is drawn; done(panel, [left, right], [low, high]): hears of a rectangle, in units of the axes.
  const listen = (chart, current, data, done) => {
    let from = null, box = null;
    chart.addEventListener("pointerdown", (event) => {
      show(chart, event, current(), data);
      const start = place(chart, event);
      const wanted = current().brush || (current().zooms && start.at === 0);
      if (event.pointerType === "touch" || event.button || !wanted || start.at < 0) return;
      from = start;
      chart.setPointerCapture(event.pointerId);
    });
    chart.addEventListener("pointermove", (event) => {
      if (!from) return show(chart, event, current(), data);
      const { left, right, top, bottom } = chart.drawn.panels[from.at], to = place(chart, event);
      const side = (a, b, low, high) => (Math.abs(b - a) < LEAST ? [low, high] : [Math.max(low, Math.min(a, b)), Math.min(high, Math.max(a, b))]);
      clear(chart);
      box = null;
      if (Math.max(Math.abs(to.px - from.px), Math.abs(to.py - from.py)) < LEAST) return;
      box = [side(from.px, to.px, left, right), side(from.py, to.py, top, bottom)];
      const [xs, ys] = box;
      lay(chart, make("div", "", { class: "explore-rectangle" }), { left: xs[0], top: ys[0], width: xs[1] - xs[0], height: ys[1] - ys[0] });
    });
    chart.addEventListener("pointerup", () => {
      const [start, ends] = [from, box];
      [from, box] = [null, null];
      if (!start || !ends) return;
      clear(chart);
      const panel = chart.drawn.panels[start.at];
      done(start.at, ends[0].map(panel.x.from), ends[1].map(panel.y.from).sort((a, b) => a - b));
    });
    chart.addEventListener("pointercancel", () => ([from, box] = [null, null]));
    chart.addEventListener("pointerleave", ({ pointerType }) => from || pointerType === "touch" || clear(chart)); // a finger leaves at once
  };
  return { listen, clear };
})();
