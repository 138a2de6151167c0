// The explorer: the state of the page decides what is drawn; whoever changes it changes the state and draws.
optbench.explorer = (() => {
  "use strict";
  const { state, data, views, theme, controls, legend, hover } = optbench;
  const element = (name) => document.getElementById("explore-" + name);
  const KEYS = [
    "view", "problem", "over", "x", "y", "lx", "ly", "batch", "schedule", "color", "others", "bands", "clock", "hide", "step", "zoom",
  ];
  const TITLE_ROOM = 28; // pixels above the chart of a picture, for a line
  const NARROWEST = 720; // pixels of a picture, whose title and legend need more room than a phone has
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
    check: (key, label) => ({ key, label, kind: "check", value: state.get(key) !== "no" }),
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

  const config = { displayModeBar: false, responsive: true, doubleClick: false, displaylogo: false };

  const draw = () => {
    const name = viewName();
    const view = views[name];
    controls.tabs(element("views"), viewNames().map((key) => [key, views[key].title]), name, (key) => change("view", key));
    controls.sync(element("controls"), view.controls(data, choose), change);
    const problem = ["curves", "rates", "tuning", "paths"].includes(name) ? choose.problem() : null;
    legend.draw(element("legend"), data, problem, hidden(), hide);
    current = view.draw(data, choose);
    Object.assign(current, { name, problem });
    const zoom = state.get("zoom").split(",").map(Number);
    if (view.zooms && zoom.length === 4 && zoom.every(Number.isFinite)) {
      current.layout.xaxis.range = zoom.slice(0, 2);
      current.layout.yaxis.range = zoom.slice(2);
    }
    const layout = theme.layout(current.layout);
    layout.dragmode = view.zooms && !matchMedia("(pointer: coarse)").matches ? "zoom" : false;
    if (theme.printing()) layout.width = 680;
    hover.clear(chart);
    chart.style.height = `${layout.height}px`; // which Plotly asks for when the window changes
    Plotly.react(chart, current.traces, layout, config);
    chart.setAttribute("aria-label", current.label);
    element("note").textContent = current.note;
    element("table").replaceChildren(...(current.table ? [current.table] : []));
    element("table").hidden = !current.table;
    prepare(current.player);
  };

  // A choice that makes another chart of it forgets where the last one was zoomed to.
  const change = (key, value) => {
    stop();
    const kept = ["others", "bands", "color", "hide"].includes(key) ? {} : { zoom: "" };
    const text = value === true ? "" : value === false ? "no" : value;
    const again = key === "problem" ? { step: "" } : {};
    state.set({ view: viewName(), ...kept, ...again, [key]: text });
    draw();
  };
  const hide = (places) => {
    const names = [...places].map((place) => encodeURIComponent(data.optimizers[place].name));
    change("hide", names.join(","));
  };

  // The player of the paths.
  const prepare = (player) => {
    element("player").hidden = !player;
    if (!player) return;
    Object.assign(element("step"), { max: player.stops.length - 1, value: player.at });
    tell(player.at);
  };
  const tell = (place) => {
    const { stops } = current.player;
    const words = `step ${stops[place].toLocaleString("en")} of ${stops.at(-1).toLocaleString("en")}`;
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
    state.set({ view: viewName(), step: place === stops.length - 1 ? "" : String(stops[place]) });
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
  const copy = async () => {
    state.set({ view: viewName() });
    try {
      await navigator.clipboard.writeText(location.href);
      say("Copied.");
    } catch {
      const field = controls.make("textarea", location.href);
      document.body.append(field);
      field.select();
      const done = document.execCommand("copy"); // where a browser keeps the clipboard from files
      field.remove();
      say(done ? "Copied." : "The link is this page's address.");
    }
  };
  // The chart with a title and a legend, which on the page stand around it.
  const picture = () => {
    const { plain, count, shorten } = optbench.text;
    const chosen = views[current.name].controls(data, choose).filter(({ key, value }) => ["batch", "schedule"].includes(key) && value);
    const filters = chosen.map(({ label, options, value }) => `${label} ${options.find(([each]) => each === value)[1]}`);
    const step = current.player ? [element("at").textContent] : [];
    const drawn = new Set(chart.data.map(({ name }) => name));
    const here = choose.shown().filter((place) => drawn.has(plain(data.short(place))));
    const looks = here.map((place) => data.look(place, current.problem));
    const sample = (name, line) => ({ x: [null], y: [null], mode: "lines", type: "scatter", name: plain(name), line, showlegend: true });
    const samples = here.flatMap((place, at) =>
      looks[at] ? [sample(data.short(place), { color: theme.seen(looks[at].color), width: 2.4, dash: looks[at].dash })] : []);
    const others = looks.filter((look) => !look).length;
    const gray = current.gray || (others ? count(others, "other optimizer") : "");
    if (gray) samples.push(sample(gray, { color: theme.gray(), width: 1.2 }));
    const width = Math.max(chart.clientWidth, NARROWEST);
    const fitting = (text, letter) => plain(shorten(text, Math.floor(width / letter)));
    const subtitle = [...filters, ...step].join(", ");
    const room = subtitle ? 2 * TITLE_ROOM : TITLE_ROOM;
    const height = chart.clientHeight + room + (samples.length && element("legend").clientHeight);
    const { margin } = chart.layout;
    return {
      data: [...chart.data.map((trace) => ({ ...trace, showlegend: false })), ...samples],
      layout: {
        ...chart.layout, width, height, showlegend: samples.length > 0, margin: { ...margin, t: margin.t + room },
        title: {
          text: fitting(current.heading, 9), font: { size: 15 }, subtitle: { text: fitting(subtitle, 8) },
          xref: "paper", x: 0, xanchor: "left", yref: "container", y: 1, yanchor: "top", pad: { t: 12 },
        },
        legend: { orientation: "h", xref: "paper", x: 0, xanchor: "left", yref: "container", y: 0.01, yanchor: "bottom" },
      },
      config,
    };
  };
  const save = (format) => {
    const figure = picture();
    const { width, height } = figure.layout;
    return Plotly.downloadImage(figure, { format, width, height, scale: format === "png" ? 2 : 1, filename: `optbench-${current.name}` });
  };

  const listen = () => {
    chart.on("plotly_hover", ({ points }) => {
      const curve = current.owner && current.owner(points[0]);
      if (curve) hover.show(chart, { x: curve.x, y: curve.line, color: curve.color });
    });
    chart.on("plotly_unhover", () => hover.clear(chart));
    chart.on("plotly_relayout", (changes) => {
      hover.clear(chart);
      const ends = ["xaxis.range[0]", "xaxis.range[1]", "yaxis.range[0]", "yaxis.range[1]"];
      if (!ends.some((end) => end in changes)) return;
      const { xaxis, yaxis } = chart.layout;
      const zoom = [...xaxis.range, ...yaxis.range].map((end) => Number(end).toPrecision(5)).map(Number);
      if (zoom.join(",") === state.get("zoom")) return;
      state.set({ view: viewName(), zoom: zoom.join(",") });
      draw(); // with labels for these ends
    });
    chart.on("plotly_doubleclick", () => change("zoom", ""));
    element("copy").addEventListener("click", copy);
    element("png").addEventListener("click", () => save("png"));
    element("svg").addEventListener("click", () => save("svg"));
    element("reset").addEventListener("click", () => {
      stop();
      state.set(Object.fromEntries(KEYS.map((key) => [key, ""])));
      draw();
    });
    element("play").addEventListener("click", play);
    element("step").addEventListener("input", () => {
      if (timer) stop();
      go(Number(element("step").value));
    });
    element("step").addEventListener("change", remember);
    state.on(() => {
      stop();
      draw();
    });
    theme.on(draw);
  };

  const start = () => {
    if (!viewNames().length) return;
    element("app").hidden = false;
    draw();
    listen();
    if (state.get("view")) document.getElementById("explorer").scrollIntoView();
  };
  return { start, shown: () => current };
})();
