// A line under the pointer, with the values of all curves in color there, read off the lines as they are drawn.
optbench.cross = (() => {
  "use strict";
  const { make } = optbench.controls;

  // Pixels down at which a line crosses `px`, or null.
  const crossing = ({ x, line }, px, xaxis, yaxis) => {
    let before = null;
    for (let place = 0; place < x.length; place += 1) {
      const point = x[place] === null || line[place] === null ? null : [xaxis.d2p(x[place]), yaxis.d2p(line[place])];
      if (point && point[0] === px) return point[1];
      if (before && point && before[0] < px && px < point[0]) {
        return before[1] + ((px - before[0]) / (point[0] - before[0])) * (point[1] - before[1]);
      }
      before = point;
    }
    return null;
  };

  const clear = (chart) => chart.querySelectorAll(".explore-cross").forEach((each) => each.remove());

  const show = (chart, event, { cross, clock }, data) => {
    clear(chart);
    const { xaxis, yaxis } = chart._fullLayout || {};
    if (!cross || !xaxis) return;
    const frame = chart.getBoundingClientRect();
    const px = event.clientX - frame.left - xaxis._offset;
    const py = event.clientY - frame.top - yaxis._offset;
    if (px < 0 || px > xaxis._length || py < 0 || py > yaxis._length) return;
    const { number } = optbench.text;
    const found = cross.map((curve) => ({ curve, down: crossing(curve, px, xaxis, yaxis) })).filter(({ down }) => down !== null);
    if (!found.length) return;
    found.sort((a, b) => a.down - b.down); // as on the screen
    const box = make("div", "", { class: "explore-cross explore-values", "aria-hidden": "true" });
    box.append(make("div", `${number(xaxis.p2d(px))} ${clock}`));
    for (const { curve, down } of found.slice(0, 20)) {
      const row = make("div");
      row.append(make("b", data.short(curve.row.optimizer), { style: `color: ${curve.color}` }), make("span", number(yaxis.p2d(down))));
      box.append(row);
    }
    const side = px > xaxis._length / 2 ? { left: xaxis._offset + 8 } : { right: frame.width - xaxis._offset - xaxis._length + 8 };
    for (const [name, value] of Object.entries({ ...side, top: yaxis._offset + 8 })) box.style[name] = `${value}px`;
    const line = make("div", "", { class: "explore-cross explore-line", "aria-hidden": "true" });
    Object.assign(line.style, { left: `${xaxis._offset + px}px`, top: `${yaxis._offset}px`, height: `${yaxis._length}px` });
    chart.append(line, box);
  };
  return { show, clear };
})();
