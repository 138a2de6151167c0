// Sensitivity: how much the choices of a setting matter, by learning rate, over all settings, or by tuning effort.
optbench.views.sensitivity = (() => {
  "use strict";
  const { slices } = optbench;
  const there = (data) => Object.keys(slices).filter((name) => slices[name].there(data));
  const show = (data, choose) => choose.select("show", "show", there(data).map((name) => [name, slices[name].title]));
  const slice = (data, choose) => slices[show(data, choose).value];
  return {
    title: "Sensitivity", there: (data) => there(data).length > 0,
    controls: (data, choose) => [show(data, choose), ...slice(data, choose).controls(data, choose)],
    draw: (data, choose) => slice(data, choose).draw(data, choose),
  };
})();
