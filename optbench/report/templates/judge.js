// The measure that the first screen judges by stands in the address, "#?judge=loss"; without one it is the sweep's own.
(() => {
  "use strict";
  const choices = document.querySelector(".judge");
  if (!choices) return;
  const { state } = optbench, inputs = [...choices.querySelectorAll("input")];
  const show = () => {
    const chosen = inputs.find((each) => each.value === state.get("judge")) || inputs[0];
    chosen.checked = true;
    document.getElementById("main").dataset.judge = chosen.value;
    document.title = chosen.dataset.title;
  };
  choices.addEventListener("change", (event) => {
    state.set({ judge: event.target === inputs[0] ? "" : event.target.value });
    show();
  });
  state.on(show);
  choices.hidden = false;
  show();
})();
