// The curve under the pointer, drawn over the chart: nothing is drawn anew, so that the label stays where it is.
optbench.hover = (() => {
  "use strict";
  const clear = (chart) => chart.querySelectorAll(".explore-over").forEach((path) => path.remove());

  // line: {x, y, color}, in the units of the axes; a null is a gap.
  const show = (chart, line) => {
    clear(chart);
    const lines = chart.querySelector(".scatterlayer");
    const { xaxis, yaxis } = chart._fullLayout || {}; // where Plotly keeps the scales
    if (!lines || !xaxis) return;
    let d = "";
    let gap = true;
    line.x.forEach((x, place) => {
      const point = [xaxis.d2p(x), line.y[place] === null ? NaN : yaxis.d2p(line.y[place])];
      const there = point.every(Number.isFinite);
      if (there) d += `${gap ? "M" : "L"}${point[0].toFixed(1)},${point[1].toFixed(1)}`;
      gap = !there;
    });
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    const facts = { d, class: "explore-over", fill: "none", stroke: line.color, "stroke-width": 3.2, "pointer-events": "none" };
    for (const [name, value] of Object.entries(facts)) path.setAttribute(name, value);
    path.setAttribute("stroke-linejoin", "round");
    lines.parentNode.append(path); // which is moved and cut as the chart is;
  };
  return { show, clear };
})();
