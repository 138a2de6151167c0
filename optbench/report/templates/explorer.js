// The explorer: the state of the page decides what is drawn; whoever changes it changes the state and draws.
optbench.explorer = (() => {
  "use strict";
  const { state, data, views, theme, controls, legend, hover, picture } = optbench;
  const element = (name) => document.getElementById("explore-" + name);
  const KEYS = [
    "view", "show", "problem", "over", "x", "y", "lx", "ly", "batch", "schedule", "color", "others", "bands", "single", "clock", "target", "hide", "at", "brush", "zoom",
  ];
  const chart = element("chart");
  let current = null;
  let timer = 0;

  const viewNames = () => Object.keys(views).filter((name) => views[name].there(data));
  const viewName = () => (viewNames().includes(state.get("view")) ? state.get("view") : viewNames()[0]);

  const hidden = () => {
    const names = new Set(state.get("hide").split(",").map((name) => {
      try {
        return decodeURIComponent(name);
      } catch {
        return name;
      }
    }));
    return new Set(data.optimizers.map((_, place) => place).filter((place) => names.has(data.optimizers[place].name)));
  };

  // What the reader has chosen, for the views: a value that does not exist here is as if nothing had been said.
  const choose = {
    get: state.get,
    among: (key, options, otherwise = options.length ? options[0][0] : "") =>
      options.some(([value]) => value === state.get(key)) ? state.get(key) : otherwise,
    select: (key, label, options, otherwise) => {
      const usual = options.some(([value]) => value === otherwise) ? otherwise : undefined;
      return { key, label, kind: "select", options, value: choose.among(key, options, usual) };
    },
    // usual: whether it is checked where nothing was said.
    check: (key, label, { usual = true, disabled = false } = {}) =>
      ({ key, label, kind: "check", usual, disabled, value: !disabled && (usual ? state.get(key) !== "no" : state.get(key) === "yes") }),
    problem: (places = data.problems.map((_, place) => place)) =>
      places.find((place) => data.problems[place].name === state.get("problem")) ?? places[0],
    problems: (places = data.problems.map((_, place) => place)) => {
      const options = places.map((place) => [data.problems[place].name, data.problems[place].short]);
      return { key: "problem", label: "problem", kind: "select", options, value: data.problems[choose.problem(places)].name };
    },
    over: () => choose.select("over", "problems", [["", "all"], ...data.problems.map(({ name, short }) => [name, short])]),
    problemsOver: () => {
      const all = data.problems.map((_, place) => place);
      const one = all.filter((place) => data.problems[place].name === state.get("over"));
      return one.length ? one : all;
    },
    // The problem whose styles a view draws in; null: those over all problems.
    problemOf: (view) => (view.overall ? null : choose.problem()),
    // End the axes of a drawing where the reader has zoomed to.
    zoom: ({ zooms, layout }) => {
      const ends = state.get("zoom").split(",").map(Number);
      if (!zooms || ends.length !== 4 || !ends.every(Number.isFinite) || ends[0] >= ends[1] || ends[2] >= ends[3]) return;
      layout.xaxis.range = ends.slice(0, 2);
      layout.yaxis.range = ends.slice(2);
    },
    overWords: () => {
      const over = choose.problemsOver();
      return over.length === 1 ? data.problems[over[0]].short : `${over.length} problems`;
    },
    filters: (rows) => {
      const used = (key) => [...new Set(rows.map((row) => row[key]))].sort((a, b) => a - b);
      const batches = used("batch").map((place) => [data.batches[place], data.batches[place]]);
      const schedules = used("schedule").map((place) => [data.schedules[place].name, data.schedules[place].short]);
      const all = (options) => (options.length > 1 ? [["", "all"], ...options] : [["", "all"]]);
      return [choose.select("batch", "batch size", all(batches)), choose.select("schedule", "schedule", all(schedules))];
    },
    // The rows of the problem that pass the filters, those of hidden optimizers left out.
    passing: (rows, filtered = true) => {
      const out = hidden();
      const mine = rows.filter((row) => row.problem === choose.problem());
      const [batch, schedule] = choose.filters(mine).map((spec) => spec.value);
      return mine.filter((row) => !out.has(row.optimizer) && (!filtered ||
        ((!batch || data.batches[row.batch] === batch) && (!schedule || data.schedules[row.schedule].name === schedule))));
    },
    shown: () => {
      const out = hidden();
      return data.optimizers.map((_, place) => place).filter((place) => !out.has(place));
    },
  };

  const draw = () => {
    const name = viewName();
    const view = views[name];
    controls.tabs(element("views"), viewNames().map((key) => [key, views[key].title]), name, (key) => change("view", key));
    controls.sync(element("controls"), view.controls(data, choose), change);
    legend.draw(element("legend"), data, choose.problemOf(view), hidden(), hide);
    const none = !choose.shown().length;
    element("nothing").hidden = !none;
    chart.hidden = none;
    for (const each of ["png", "svg", "csv"]) element(each).disabled = none;
    if (none) {
      chart.drawn = { panels: [], traces: [] };
      for (const each of ["player", "table", "markdown"]) element(each).hidden = true;
      element("note").textContent = "";
      current = { name, traces: [], layout: {} };
      return;
    }
    current = { ...view.draw(data, choose), name };
    choose.zoom(current);
    optbench.chart.draw(chart, current.traces, current.layout);
    chart.setAttribute("aria-label", current.label);
    element("note").textContent = current.note;
    element("table").replaceChildren(...(current.table ? [current.table] : []));
    element("table").hidden = element("markdown").hidden = !current.table;
    prepare(current.player);
  };

  // A choice that makes another chart of it forgets where the last one was zoomed to.
  const change = (key, value) => {
    stop();
    const kept = ["others", "bands", "single", "color", "hide"].includes(key) ? {} : { zoom: "" };
    const again = ["problem", "clock", "show"].includes(key) ? { at: "", brush: "" } : {};
    state.set({ view: viewName(), ...kept, ...again, [key]: value }, ["view", "problem", "over"].includes(key));
    draw();
  };
  const hide = (places) => {
    const names = [...places].map((place) => encodeURIComponent(data.optimizers[place].name));
    change("hide", names.join(","));
  };

  // The player of the paths.
  const prepare = (player) => {
    element("player").hidden = !player;
    chart.tabIndex = player ? 0 : -1; // for its keys
    if (!player) return;
    Object.assign(element("step"), { max: player.stops.length - 1, value: player.at });
    tell(player.at);
  };
  const tell = (place) => {
    const { stops, unit } = current.player;
    const words = `${stops[place].toLocaleString("en")} of ${stops.at(-1).toLocaleString("en")} ${unit}`;
    element("at").textContent = words;
    element("step").setAttribute("aria-valuetext", words);
  };
  const go = (place) => {
    element("step").value = place;
    current.player.show(chart, place);
    tell(place);
  };
  const remember = () => {
    if (!current.player) return;
    const { stops } = current.player;
    const place = Number(element("step").value);
    state.set({ view: viewName(), at: place === stops.length - 1 ? "" : String(stops[place]) });
  };
  const stop = () => {
    if (!timer) return;
    cancelAnimationFrame(timer);
    timer = 0;
    element("play").textContent = "Play";
    remember();
  };
  const play = () => {
    if (timer) return stop();
    const { stops, seconds } = current.player;
    const last = stops.length - 1;
    const from = Number(element("step").value) % last;
    const began = performance.now();
    let place = -1;
    element("play").textContent = "Pause";
    const move = (now) => {
      const next = Math.min(last, from + Math.floor((Math.max(0, now - began) / 1000 / seconds) * last));
      if (next !== place) go((place = next));
      if (place >= last) return stop();
      timer = requestAnimationFrame(move);
    };
    timer = requestAnimationFrame(move);
  };

  const say = (text) => {
    element("said").textContent = text;
    setTimeout(() => (element("said").textContent = ""), 2500);
  };
  const copy = () => {
    state.set({ view: viewName() });
    toClipboard(location.href, "Copied.", "The link is this page's address.");
  };
  const toClipboard = async (text, done, otherwise) => say((await optbench.exports.copy(text)) ? done : otherwise);
  const fileName = (kind) => `optbench-${current.file || current.name}.${kind}`;
  const save = (format) => {
    stop();
    remember();
    const view = views[current.name];
    const chosen = view.controls(data, choose).filter(({ key, value }) => ["batch", "schedule"].includes(key) && value);
    const filters = chosen.map(({ label, options, value }) => `${label} ${options.find(([each]) => each === value)[1]}`);
    const subtitle = [...filters, ...(current.player ? [element("at").textContent] : [])].join(", ");
    return picture.save(format, element("size").value, fileName(format), view, subtitle, data, choose);
  };
  const saveTable = () => {
    stop();
    remember();
    const { csvOf, save: saveText } = optbench.exports;
    saveText(fileName("csv"), csvOf(views[current.name].draw(data, choose).rows()), "text/csv");
  };

  const listen = () => {
    hover.listen(chart, () => current, data, (panel, across, along) => {
      const scaled = ([type, ends]) => ends.map((end) => Number((type === "log" ? Math.log10(end) : end).toPrecision(5)));
      const { xaxis, yaxis } = current.layout;
      state.set(current.brush
        ? { view: viewName(), brush: current.brush(panel, across, along) }
        : { view: viewName(), zoom: [[xaxis.type, across], [yaxis.type, along]].flatMap(scaled).join(",") });
      draw();
    });
    chart.addEventListener("dblclick", () => change(current.brush ? "brush" : "zoom", ""));
    let wide = theme.room();
    new ResizeObserver(() => {
      if (chart.hidden || theme.room() === wide) return;
      wide = theme.room();
      draw();
    }).observe(chart);
    element("copy").addEventListener("click", copy);
    element("png").addEventListener("click", () => save("png"));
    element("svg").addEventListener("click", () => save("svg"));
    element("csv").addEventListener("click", saveTable);
    element("markdown").addEventListener("click", () => toClipboard(optbench.exports.markdown(current.table), "Copied.", "No clipboard here."));
    element("nothing").querySelector("button").addEventListener("click", () => change("hide", ""));
    element("reset").addEventListener("click", () => {
      stop();
      state.set(Object.fromEntries(KEYS.map((key) => [key, ""])), true);
      draw();
    });
    element("play").addEventListener("click", play);
    element("step").addEventListener("input", () => {
      if (timer) stop();
      go(Number(element("step").value));
    });
    element("step").addEventListener("change", remember);
    element("app").addEventListener("keydown", (event) => {
      const { target, key } = event;
      if (!current.player || event.ctrlKey || event.metaKey || event.altKey || !(target === chart || target.closest("#explore-player"))) return;
      const move = { ArrowLeft: -1, ArrowRight: 1 }[key];
      if (move && target !== element("step")) {
        stop();
        go(Math.max(0, Math.min(current.player.stops.length - 1, Number(element("step").value) + move)));
        remember();
      } else if (key === " " && target !== element("play")) play();
      else return;
      event.preventDefault();
    });
    state.on(() => {
      stop();
      draw();
    });
    theme.on(draw);
  };

  const start = () => {
    if (!viewNames().length) return;
    element("app").hidden = false;
    for (const [key, { name }] of Object.entries(picture.SIZES)) element("size").append(controls.make("option", name, { value: key }));
    draw();
    listen();
    if (state.get("view")) document.getElementById("explorer").scrollIntoView();
  };
  return { start, shown: () => ({ ...current, ...chart.drawn }) };
})();
