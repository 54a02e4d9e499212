// The explorer: the reference run in the reader's hands. No kernel, no request.
// explorer.py wrote the data (window.explorerData) and the library (window.vegaEmbed).
(() => {
  "use strict";
  const data = window.explorerData;
  const app = document.getElementById("explorer-app");
  if (!data || !app || !window.vegaEmbed) return; // the static view stays

  const { terms, strategies, levels, replications, unit } = data;
  const ALL = "all";

  // ---- What there is to see ---------------------------------------------------------------

  const DIMENSIONS = {
    n_groups: { label: "People", title: "Number of people", say: (v) => `${v} people` },
    n_obs: { label: "Observations per person", title: "Observations per person", say: (v) => `${v} observations each` },
    group_sd: { label: "Between-person SD", title: "Between-person SD", say: (v) => `between-person SD ${v}` },
  };
  const dimensions = Object.keys(DIMENSIONS);

  // A data set goes by its place in the grid; `s` counts strategies, `k` coefficients.
  const truth = (k, place) => data.truth[k][place] * unit;
  const error = (s, k, place) => data.error[s][k][place] * unit;
  const se = (s, k, place) => data.se[s][k][place] * unit;
  const estimate = (s, k, place) => truth(k, place) + error(s, k, place);
  const flag = (s, bit, place) => (data.flags[s][place] >> bit) & 1;
  const SINGULAR = 8, FAILED = 9;
  const total = (one) => (s, place) => terms.reduce((sum, _, k) => sum + one(s, k, place), 0);

  const MEASURES = {
    coef_abs_error: {
      group: "All four coefficients", label: "Sum of absolute errors", scale: "log",
      value: total((s, k, place) => Math.abs(error(s, k, place))),
      hint: "How far the four estimates lie from the truth, added up. Smaller is better.",
    },
    se_sum: {
      group: "All four coefficients", label: "Sum of standard errors", scale: "log",
      value: total(se),
      hint: "How uncertain the strategy says it is. A small one is a claim, which may be wrong.",
    },
    t_sum: {
      group: "All four coefficients", label: "Sum of |t| statistics", scale: "log",
      value: total((s, k, place) => Math.abs(estimate(s, k, place) / se(s, k, place))),
      hint: "How strong the evidence against zero looks, which may be right or wrong.",
    },
    error: {
      group: "One coefficient", label: "Error", coefficient: true, scale: "linear", reference: 0,
      value: (s, place, k) => error(s, k, place),
      hint: "Estimate minus truth. The grey line is a perfect estimate; the mean of the errors is the bias.",
    },
    se: {
      group: "One coefficient", label: "Standard error", coefficient: true, scale: "log",
      value: (s, place, k) => se(s, k, place),
      hint: "What the strategy says about its own precision.",
    },
    covered: {
      group: "One coefficient", label: "95 % interval contains the truth", coefficient: true, rate: true, reference: 95,
      value: (s, place, k) => 100 * flag(s, k, place),
      hint: "An honest strategy's intervals contain the truth in 95 % of data sets, the grey line.",
    },
    significant: {
      group: "One coefficient", label: "Significant at 5 %", coefficient: true, rate: true,
      value: (s, place, k) => 100 * flag(s, 4 + k, place),
      hint: "Whether p is below 0.05. True coefficients lie between 0 and 1, so nearly every effect is there to be found.",
    },
    singular: {
      group: "The fit", label: "Singular fit", rate: true,
      value: (s, place) => 100 * flag(s, SINGULAR, place),
      hint: "The estimated random effects have lost a dimension: a variance is zero, or a correlation is one.",
    },
    failed: {
      group: "The fit", label: "Convergence warning", rate: true,
      value: (s, place) => 100 * flag(s, FAILED, place),
      hint: "lme4 doubts that its search ended at the best values. The answer may be fine all the same.",
    },
  };

  // ---- State, which the address of the page keeps -------------------------------------------

  const DEFAULTS = {
    measure: "coef_abs_error", coefficient: "IV1", n_groups: "30", n_obs: "25", group_sd: ALL,
    strategies: strategies.map((s) => s.id), zoom: false, picked: null,
  };
  const state = { ...DEFAULTS };
  const lastLevel = { n_groups: "30", n_obs: "25", group_sd: "1" };

  function readAddress(text) {
    const wanted = new URLSearchParams(text);
    const one = (name, allowed) => (allowed.includes(wanted.get(name)) ? wanted.get(name) : DEFAULTS[name]);
    const chosen = {
      measure: one("measure", Object.keys(MEASURES)),
      coefficient: one("coefficient", terms),
      zoom: wanted.get("zoom") === "1",
      picked: placeOf((wanted.get("data") ?? "").split(",")),
    };
    for (const name of dimensions) chosen[name] = one(name, [...levels[name].map(String), ALL]);
    const named = (wanted.get("strategies") ?? "").split(",");
    const known = strategies.map((s) => s.id).filter((id) => named.includes(id));
    chosen.strategies = wanted.has("strategies") && known.length ? known : DEFAULTS.strategies;
    return chosen;
  }

  function address() {
    const said = new URLSearchParams({ measure: state.measure });
    if (MEASURES[state.measure].coefficient) said.set("coefficient", state.coefficient);
    for (const name of dimensions) said.set(name, state[name]);
    if (state.strategies.length < strategies.length) said.set("strategies", state.strategies.join(","));
    if (state.zoom) said.set("zoom", "1");
    if (state.picked !== null) said.set("data", Object.values(addressOf(state.picked)).join(","));
    return `#${said.toString().replaceAll("%2C", ",")}`;
  }

  function change(patch, { keepAddress = false } = {}) {
    for (const name of dimensions) if (state[name] !== ALL) lastLevel[name] = state[name];
    // One dimension at a time lies side by side: the one that was asked for last.
    const spread = dimensions.filter((name) => (patch[name] ?? state[name]) === ALL);
    const stays = spread.find((name) => name in patch && state[name] !== ALL) ?? spread[0];
    for (const name of spread) if (name !== stays) patch[name] = lastLevel[name];
    Object.assign(state, patch);
    // Another address in the bar, no new entry in the history.
    if (!keepAddress) history.replaceState(null, "", address());
    draw();
  }

  // ---- Data sets and their places -----------------------------------------------------------

  function placeOf([n_groups, n_obs, group_sd, replication]) {
    const at = [n_groups, n_obs, group_sd].map((v, d) => levels[dimensions[d]].findIndex((l) => String(l) === String(v)));
    const rep = /^\d+$/.test(replication) ? Number(replication) : replications;
    if (at.includes(-1) || rep >= replications) return null;
    const condition = at.reduce((sum, i, d) => sum * levels[dimensions[d]].length + i, 0);
    return condition * replications + rep;
  }

  function addressOf(place) {
    const found = { replication: place % replications };
    let rest = Math.floor(place / replications);
    for (const name of [...dimensions].reverse()) {
      found[name] = levels[name][rest % levels[name].length];
      rest = Math.floor(rest / levels[name].length);
    }
    return { n_groups: found.n_groups, n_obs: found.n_obs, group_sd: found.group_sd, replication: found.replication };
  }

  const describe = (place) => {
    const { replication, ...condition } = addressOf(place);
    return `replication ${replication} of ${dimensions.map((name) => DIMENSIONS[name].say(condition[name])).join(", ")}`;
  };

  const line = (place) => {
    const { n_groups, n_obs, group_sd, replication } = addressOf(place);
    return `simulate(Condition(n_groups=${n_groups}, n_obs=${n_obs}, group_sd=${group_sd}), seed=${data.seed}, replication=${replication})`;
  };

  // ---- What the controls ask for --------------------------------------------------------------

  const measure = () => MEASURES[state.measure];
  const valueOf = (s, place) => measure().value(s, place, terms.indexOf(state.coefficient));
  const measureLabel = () => measure().label + (measure().coefficient ? `, ${state.coefficient}` : "");
  const spreadDimension = () => dimensions.find((name) => state[name] === ALL);

  // One row a level and strategy, from top to bottom, with its fifty data sets.
  function rowsInView() {
    const spread = spreadDimension();
    const shown = spread ? levels[spread] : [null];
    return shown.flatMap((level, i) =>
      strategies.flatMap((strategy, s) => {
        if (!state.strategies.includes(strategy.id)) return [];
        const at = dimensions.map((name) => (name === spread ? level : state[name]));
        const first = placeOf([...at, "0"]);
        const values = Array.from({ length: replications }, (_, r) => ({ place: first + r, value: valueOf(s, first + r) }));
        return [{ strategy, level, levelAt: i, values, ...summary(values.map((v) => v.value)) }];
      }),
    );
  }

  function summary(values) {
    const sorted = [...values].sort((a, b) => a - b);
    const n = sorted.length;
    const quantile = (p) => {
      const at = (n - 1) * p, low = Math.floor(at);
      return sorted[low] + (at - low) * (sorted[Math.min(low + 1, n - 1)] - sorted[low]);
    };
    const mean = sorted.reduce((a, b) => a + b, 0) / n;
    const squares = sorted.reduce((a, b) => a + (b - mean) ** 2, 0);
    // A rate's Monte Carlo standard error is that of a proportion.
    const mcse = Math.sqrt(squares / (measure().rate ? n : n - 1) / n);
    return { n, mean, mcse, q1: quantile(0.25), median: quantile(0.5), q3: quantile(0.75) };
  }

  const number = (value) => {
    const text = Math.abs(value) < 1e-4 ? "0" : value.toPrecision(3);
    return (text.includes("e") ? String(Number(text)) : text).replace("-", "−");
  };
  const shown = (value) => (measure().rate ? (value ? "yes" : "no") : number(value));

  // ---- Small helpers for the page -------------------------------------------------------------

  function make(tag, attributes = {}, ...children) {
    const found = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) found.addEventListener(name.slice(2), value);
      else if (value !== false && value !== null) found.setAttribute(name, value === true ? "" : value);
    }
    found.append(...children);
    return found;
  }

  // The strategy's mark as in the plots, beside its name.
  const SYMBOLS = {
    circle: "M8 2.5a5.5 5.5 0 1 1 0 11a5.5 5.5 0 1 1 0 -11z", square: "M3 3h10v10H3z",
    "triangle-up": "M8 2l6.5 11.5h-13z", diamond: "M8 1.5l6 6.5l-6 6.5l-6 -6.5z",
  };
  function mark(strategy) {
    const holder = make("span", { class: "explorer-mark", "aria-hidden": "true" });
    holder.innerHTML = `<svg viewBox="0 0 16 16"><path d="${SYMBOLS[strategy.shape]}" fill="${strategy.color}"/></svg>`;
    return holder;
  }
  const named = (strategy) => make("span", { class: "explorer-strategy" }, mark(strategy), strategy.label);

  function table(caption, head, body) {
    const header = (cell, scope) => make("th", { scope }, cell);
    const rows = body.map(([first, ...rest]) => make("tr", {}, header(first, "row"), ...rest.map((cell) => make("td", {}, cell))));
    return make("div", { class: "explorer-scroll", tabindex: "0", role: "region", "aria-label": caption },
      make("table", {}, make("caption", {}, caption),
        make("thead", {}, make("tr", {}, ...head.map((cell) => header(cell, "col")))), make("tbody", {}, ...rows)));
  }

  function copyable(label, code) {
    const button = make("button", {
      type: "button", "aria-label": `Copy: ${label}`,
      onclick: async () => {
        try {
          await navigator.clipboard.writeText(code);
          button.textContent = "Copied";
          say("Copied");
        } catch { // no permission: leave it selected, for the reader's own copy key
          getSelection().selectAllChildren(text);
          button.textContent = "Selected";
        }
        setTimeout(() => (button.textContent = "Copy"), 2000);
      },
    }, "Copy");
    const text = make("code", {}, code);
    return make("div", { class: "explorer-line" }, make("span", {}, label), text, button);
  }

  const status = make("div", { class: "explorer-unseen", role: "status", "aria-live": "polite" });
  const say = (text) => (status.textContent = text);

  // ---- Controls -------------------------------------------------------------------------------

  const measureSelect = make("select", { id: "explorer-measure", onchange: (e) => change({ measure: e.target.value }) });
  for (const group of new Set(Object.values(MEASURES).map((m) => m.group))) {
    const options = Object.entries(MEASURES).filter(([, m]) => m.group === group);
    measureSelect.append(make("optgroup", { label: group }, ...options.map(([id, m]) => make("option", { value: id }, m.label))));
  }
  const coefficientSelect = make("select", { id: "explorer-coefficient", onchange: (e) => change({ coefficient: e.target.value }) },
    ...terms.map((term) => make("option", { value: term }, term)));
  const coefficientField = make("div", {}, make("label", { for: "explorer-coefficient" }, "Coefficient"), coefficientSelect);
  const hint = make("p", { class: "explorer-hint", id: "explorer-hint" });
  measureSelect.setAttribute("aria-describedby", "explorer-hint");

  const choice = (type, name, value, content, onchange) =>
    make("label", {}, make("input", { type, name: `explorer-${name}`, value, onchange }), make("span", {}, content));
  const radios = dimensions.map((name) =>
    make("fieldset", { class: "explorer-choices" }, make("legend", {}, DIMENSIONS[name].label),
      ...[...levels[name], ALL].map((v) => choice("radio", name, String(v), String(v), () => change({ [name]: String(v) })))));
  const boxes = make("fieldset", { class: "explorer-strategies" }, make("legend", {}, "Strategies"),
    ...strategies.map((strategy) => choice("checkbox", "strategies", strategy.id, named(strategy), () =>
      change({ strategies: strategies.map((s) => s.id).filter((id) => input("strategies", id).checked) }))));
  const zoom = choice("checkbox", "zoom", "1", "Zoom in on this view", (e) => change({ zoom: e.target.checked }));
  zoom.className = "explorer-zoom";
  const input = (name, value) => controls.querySelector(`input[name="explorer-${name}"][value="${value}"]`);
  const controls = make("form", { class: "explorer-controls", "aria-label": "What to show", onsubmit: (e) => e.preventDefault() },
    make("div", { class: "explorer-fields" }, make("div", {}, make("label", { for: "explorer-measure" }, "Measure"), measureSelect), coefficientField),
    hint, make("div", { class: "explorer-fields" }, ...radios), boxes);

  function showControls() {
    measureSelect.value = state.measure;
    coefficientSelect.value = state.coefficient;
    coefficientField.hidden = !measure().coefficient;
    hint.textContent = measure().hint;
    for (const name of dimensions) input(name, state[name]).checked = true;
    for (const { id } of strategies) input("strategies", id).checked = state.strategies.includes(id);
    zoom.firstChild.checked = state.zoom;
    zoom.hidden = Boolean(measure().rate);
  }

  // ---- The plot -------------------------------------------------------------------------------

  const heading = make("p", { class: "explorer-title" });
  const legend = make("p", { class: "explorer-hint" });
  const canvas = make("div", { class: "explorer-canvas" });
  const readout = make("p", { class: "explorer-readout", "aria-hidden": "true" });
  const plot = make("div", {
    class: "explorer-plot", id: "explorer-plot", tabindex: "0", role: "application",
    "aria-roledescription": "plot", "aria-describedby": "explorer-keys",
  }, canvas);
  const keys = make("p", { class: "explorer-hint", id: "explorer-keys" },
    "Click a point to learn which data set it is. With the keyboard: arrow keys go from point to point, Enter picks one, Escape clears it.");

  let rows = [], view = null, cursor = null, drawnWidth = 0, drawings = 0;

  // Spread the points of a row by a fixed disorder, so that a data set keeps its place in it.
  const jitter = (place, salt) => {
    const scrambled = 43758.5453 * Math.sin(12.9898 * (place % replications + 1) + salt);
    return scrambled - Math.floor(scrambled) - 0.5;
  };

  // Where things lie: rows from top to bottom, with a gap between levels.
  function layOut() {
    let y = 0;
    rows.forEach((row, i) => {
      if (i && row.levelAt !== rows[i - 1].levelAt) y += 0.8;
      row.y = y++;
      row.points = row.values.map(({ place, value }) => ({
        place, value, row: i, strategy: row.strategy.id, y: row.y + 0.7 * jitter(place, 0),
        // A rate's data sets are all at yes or at no: a heap at either end.
        x: measure().rate ? value + 6 * jitter(place, 1) : value,
      }));
      row.byValue = [...row.points].sort((a, b) => a.x - b.x);
    });
    return y;
  }

  function domain() {
    if (measure().rate) return [-4, 104];
    let shownValues = rows.flatMap((row) => row.values.map((v) => v.value));
    if (!state.zoom) {
      // One axis for all conditions, so that what changes is seen to change.
      const places = data.flags[0].map((_, place) => place);
      shownValues = strategies.flatMap((_, s) => places.map((place) => valueOf(s, place)));
    }
    let low = Infinity, high = -Infinity;
    for (const v of shownValues) { low = Math.min(low, v); high = Math.max(high, v); }
    if (measure().scale === "log") return [low / 1.06, high * 1.06];
    const reach = 1.04 * Math.max(-low, high);
    return [-reach, reach];
  }

  // Ticks of a logarithmic axis: 1, 2, 5, 10, and so on.
  function decades() {
    const [low, high] = domain();
    const ticks = [];
    for (let power = -4; power < 4; power++) ticks.push(...[1, 2, 5].map((first) => Number(`${first}e${power}`)));
    return ticks.filter((tick) => tick >= low && tick <= high);
  }

  function spec(height, width) {
    const spread = spreadDimension();
    const rate = Boolean(measure().rate);
    const text = "currentColor", paper = "var(--pst-color-background)";
    const x = {
      field: "x", type: "quantitative", title: measureLabel() + (rate ? ", % of data sets" : measure().scale === "log" ? " (log scale)" : ""),
      scale: { type: rate ? "linear" : measure().scale, domain: domain(), nice: false },
      axis: rate ? { values: [0, 25, 50, 75, 100] } : measure().scale === "log" ? { values: decades(), format: "~g", labelOverlap: true } : { format: "~g", tickCount: 6 },
    };
    // Labels stand at the middle of a level, or at each row when there is one condition.
    const labels = new Map();
    for (const row of rows) {
      const key = spread ? String(row.level) : row.strategy.label;
      labels.set(key, [...(labels.get(key) ?? []), row.y]);
    }
    const places = [...labels].map(([label, ys]) => ({ label, y: ys.reduce((a, b) => a + b) / ys.length }));
    const y = {
      field: "y", type: "quantitative", scale: { domain: [height - 0.4, -0.6], nice: false, zero: false },
      axis: {
        values: places.map((p) => p.y), grid: false, ticks: false, domain: false, labelPadding: 8, labelLimit: 150,
        labelExpr: `{${places.map((p) => `"${p.y}": ${spread ? JSON.stringify(p.label) : `split(${JSON.stringify(p.label)}, " ")`}`).join(", ")}}["" + datum.value]`,
        title: spread ? DIMENSIONS[spread].title : null, titleAngle: 0, titleAlign: "left", titleAnchor: "end", titleX: -30, titleY: -14, titleBaseline: "bottom",
      },
    };
    const channel = (range) => ({ field: "strategy", type: "nominal", legend: null, scale: { domain: strategies.map((s) => s.id), range } });
    const color = channel(strategies.map((s) => s.color));
    const shape = channel(strategies.map((s) => s.shape));
    const edges = rows.filter((row, i) => i && row.levelAt !== rows[i - 1].levelAt).map((row) => ({ y: row.y - 0.9 }));
    const bars = rows.map((row) => ({
      strategy: row.strategy.id, y: row.y,
      x: rate ? Math.max(row.mean - 1.96 * row.mcse, 0) : row.q1,
      to: rate ? Math.min(row.mean + 1.96 * row.mcse, 100) : row.q3,
      centre: rate ? row.mean : row.median,
    }));
    const ring = (size, stroke, width) => ({ type: "point", filled: false, size, stroke, strokeWidth: width, opacity: 1 });
    return {
      width, height: 22 * height + (spread ? 0 : 26 * rows.length), padding: { top: 6, right: 6, bottom: 4, left: 2 },
      autosize: { type: "fit-x", contains: "padding" }, background: null,
      datasets: { points: rows.flatMap((row) => row.points), bars, edges, picked: [], cursor: [] },
      layer: [
        { data: { name: "edges" }, mark: { type: "rule", color: text, opacity: 0.18 }, encoding: { y } },
        ...(measure().reference === undefined ? [] : [{
          data: { values: [{ x: measure().reference }] }, mark: { type: "rule", color: text, opacity: 0.55, strokeWidth: 2 }, encoding: { x },
        }]),
        { name: "points", data: { name: "points" }, mark: { type: "point", filled: true, size: 26, opacity: 0.5 }, encoding: { x, y, color, shape } },
        { data: { name: "bars" }, mark: { type: "rule", strokeWidth: rate ? 4 : 11, opacity: rate ? 0.9 : 0.5 }, encoding: { x, x2: { field: "to" }, y, color } },
        {
          data: { name: "bars" }, mark: { type: "point", filled: true, size: 110, opacity: 1, stroke: paper, strokeWidth: 1.5 },
          encoding: { x: { ...x, field: "centre" }, y, color, shape },
        },
        { data: { name: "picked" }, mark: { type: "line", color: text, strokeDash: [4, 3], strokeWidth: 1.4 }, encoding: { x, y, order: { field: "y", type: "quantitative" } } },
        { data: { name: "picked" }, mark: { ...ring(90, text, 1.6), filled: true, opacity: 1 }, encoding: { x, y, color, shape } },
        { name: "cursor", data: { name: "cursor" }, mark: ring(230, text, 2.2), encoding: { x, y } },
      ],
      config: {
        aria: false, font: getComputedStyle(app).fontFamily, view: { stroke: null },
        axis: {
          labelColor: text, titleColor: text, tickColor: text, domainColor: text, gridColor: text, gridOpacity: 0.13,
          tickOpacity: 0.4, domainOpacity: 0.4, labelFontSize: 12.5, titleFontSize: 13, titleFontWeight: 600, titlePadding: 8,
        },
      },
    };
  }

  async function drawPlot() {
    view?.finalize();
    view = cursor = null;
    readout.textContent = "";
    drawnWidth = canvas.clientWidth;
    if (!rows.length) {
      canvas.replaceChildren(make("p", { class: "explorer-empty" }, "Choose at least one strategy."));
      return;
    }
    const mine = ++drawings;
    const height = layOut();
    const made = make("div");
    const { view: fresh } = await window.vegaEmbed(made, spec(height, drawnWidth), {
      mode: "vega-lite", renderer: "svg", actions: false, tooltip: false, defaultStyle: false,
    });
    if (mine !== drawings) return fresh.finalize(); // another view was chosen meanwhile
    view = fresh;
    // The table says the same to those who cannot see it.
    made.querySelector("svg").setAttribute("aria-hidden", "true");
    canvas.replaceChildren(made);
    showPicked();
  }

  function showPicked() {
    if (!view) return;
    const same = rows.flatMap((row) => row.points.filter((point) => point.place === state.picked));
    view.data("picked", same).run();
  }

  function moveTo(point) {
    if (!view || point === cursor) return;
    cursor = point;
    view.data("cursor", point ? [point] : []).run();
    readout.textContent = point ? sentence(point) : "";
  }

  function sentence(point) {
    const { strategy, level } = rows[point.row];
    const spread = spreadDimension();
    const where = spread ? `, ${DIMENSIONS[spread].say(level)}` : "";
    return `${strategy.label}${where}, replication ${point.place % replications}: ${shown(point.value)}`;
  }

  // The point nearest to the pointer, so that a finger need not hit it exactly.
  function nearest(event) {
    const points = canvas.querySelector("g.points_marks");
    if (!points || !view) return null;
    const box = points.getScreenCTM();
    const [scaleX, scaleY] = [view.scale("x"), view.scale("y")];
    const [px, py] = [(event.clientX - box.e) / box.a, (event.clientY - box.f) / box.d];
    let found = null, best = 24 ** 2;
    for (const row of rows) {
      for (const point of row.points) {
        const distance = (scaleX(point.x) - px) ** 2 + (scaleY(point.y) - py) ** 2;
        if (distance < best) [found, best] = [point, distance];
      }
    }
    return found;
  }

  function pick(place) {
    change({ picked: place });
    say(place === null ? "No data set is picked." : `Picked ${describe(place)}. Its values and how to reproduce it follow the plot.`);
  }

  function move(key) {
    if (!cursor) return rows[0].byValue[Math.floor(replications / 2)];
    const row = rows[cursor.row];
    const at = row.byValue.indexOf(cursor);
    const end = row.byValue.length - 1;
    if (key === "ArrowLeft") return row.byValue[Math.max(at - 1, 0)];
    if (key === "ArrowRight") return row.byValue[Math.min(at + 1, end)];
    if (key === "Home") return row.byValue[0];
    if (key === "End") return row.byValue[end];
    const next = rows[cursor.row + (key === "ArrowDown" ? 1 : -1)];
    if (!next) return cursor;
    return next.byValue.reduce((a, b) => (Math.abs(b.x - cursor.x) < Math.abs(a.x - cursor.x) ? b : a));
  }

  plot.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !rows.length) return;
    if (["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End"].includes(event.key)) {
      moveTo(move(event.key));
      say(sentence(cursor));
    } else if ((event.key === "Enter" || event.key === " ") && cursor) {
      const { place, row } = cursor;
      pick(place);
      moveTo(rows[row].points.find((point) => point.place === place));
    } else if (event.key === "Escape") {
      pick(null);
    } else return;
    event.preventDefault();
    event.stopPropagation(); // the theme pages through the book with the arrow keys
  });
  canvas.addEventListener("pointermove", (event) => event.pointerType === "mouse" && moveTo(nearest(event)));
  canvas.addEventListener("pointerleave", () => moveTo(null));
  canvas.addEventListener("click", (event) => {
    const point = nearest(event);
    if (!point) return;
    pick(point.place);
    moveTo(rows[point.row].points.find((other) => other.place === point.place));
  });

  // ---- The picked data set, and the tables ------------------------------------------------------

  const card = make("section", { class: "explorer-card", "aria-labelledby": "explorer-card-title" });

  function drawCard() {
    const title = make("h3", { id: "explorer-card-title" }, "The data set behind the point");
    if (state.picked === null) {
      card.replaceChildren(title, make("p", { class: "explorer-hint" }, "None is picked yet."));
      return;
    }
    const place = state.picked;
    const code = line(place);
    const sums = strategies.map((strategy, s) => [
      named(strategy), ...["coef_abs_error", "se_sum", "t_sum"].map((id) => number(MEASURES[id].value(s, place))),
      flag(s, SINGULAR, place) ? "singular" : flag(s, FAILED, place) ? "warning" : "no complaint",
    ]);
    const estimates = strategies.map((strategy, s) => [
      named(strategy), ...terms.map((_, k) => `${number(estimate(s, k, place))} (${number(se(s, k, place))})`),
    ]);
    const said = strategies.flatMap((strategy, s) => {
      const text = data.messages[`${s} ${place}`];
      return text ? [make("li", {}, `${strategy.label}: `, make("code", {}, text))] : [];
    });
    const text = describe(place);
    card.replaceChildren(
      title, make("p", { class: "explorer-which" }, `${text[0].toUpperCase()}${text.slice(1)}.`),
      copyable("Draw it again", code),
      copyable("Fit all four strategies to it", `compare(${code}, engine="batch")`),
      copyable("Needed once, before either", "from mlmlearn import Condition, compare, simulate"),
      table("What each strategy made of it", ["Strategy", "Sum of |error|", "Sum of SE", "Sum of |t|", "Fit"], sums),
      table("Estimates, with standard errors in brackets", ["Strategy", ...terms],
        [["Truth", ...terms.map((_, k) => number(truth(k, place)))], ...estimates]),
      ...(said.length ? [make("p", {}, "What the fitting program said:"), make("ul", { class: "explorer-messages" }, ...said)] : []),
      make("button", { type: "button", onclick: () => { pick(null); plot.focus(); } }, "Clear"),
    );
  }

  const summaryBox = make("div");
  const setsBox = make("div");
  const sets = make("details", { ontoggle: () => drawSets() }, make("summary", {}, "Every data set of this view, as a table"), setsBox);

  function condition() {
    const spread = spreadDimension();
    return dimensions.map((name) => (name === spread ? `each ${DIMENSIONS[name].label.toLowerCase()}` : DIMENSIONS[name].say(state[name])))
      .join(", ").replace("each between-person sd", "every between-person SD")
      .replace("each observations per person", "every number of observations").replace("each people", "every number of people");
  }

  function drawSummary() {
    const spread = spreadDimension();
    const rate = measure().rate;
    const head = [...(spread ? [DIMENSIONS[spread].label] : []), "Strategy", "Data sets",
      ...(rate ? ["Rate, %", "MCSE"] : ["Lower quartile", "Median", "Upper quartile", "Mean", "MCSE of the mean"])];
    const body = rows.map((row) => [
      ...(spread ? [String(row.level)] : []), named(row.strategy), String(row.n),
      ...(rate ? [row.mean.toFixed(0), row.mcse.toFixed(1)] : [row.q1, row.median, row.q3, row.mean, row.mcse].map(number)),
    ]);
    summaryBox.replaceChildren(table(`${measureLabel()}: ${condition()}`, head, body));
    if (rate) {
      summaryBox.append(make("p", { class: "explorer-hint" },
        "A rate of 0 or 100 % has an MCSE of 0, though with fifty data sets the true rate may lie some 7 points away."));
    }
  }

  function drawSets() {
    setsBox.replaceChildren();
    if (!sets.open || !rows.length) return;
    const spread = spreadDimension();
    const head = ["Replication", ...(spread ? [DIMENSIONS[spread].label] : []), ...state.strategies.map((id) => strategies.find((s) => s.id === id).label)];
    const levelRows = Map.groupBy ? Map.groupBy(rows, (row) => row.levelAt) : rows.reduce((m, row) => m.set(row.levelAt, [...(m.get(row.levelAt) ?? []), row]), new Map());
    const body = [...levelRows.values()].flatMap((group) => group[0].values.map(({ place }, r) => [
      make("button", { type: "button", "aria-label": `Pick ${describe(place)}`, onclick: () => pick(place) }, String(place % replications)),
      ...(spread ? [String(group[0].level)] : []), ...group.map((row) => shown(row.values[r].value)),
    ]));
    setsBox.append(table(`${measureLabel()}, a row a data set`, head, body));
  }

  // ---- All of it ------------------------------------------------------------------------------

  let drawn = "";
  function draw() {
    showControls();
    const { picked, ...seen } = state;
    // Picking a point changes nothing else, and must not take a table's button from under the focus.
    if (JSON.stringify(seen) !== drawn) {
      const first = drawn === "";
      drawn = JSON.stringify(seen);
      rows = rowsInView();
      const text = `${measureLabel()}: ${condition()}`;
      heading.textContent = text;
      plot.setAttribute("aria-label", text);
      legend.textContent = measure().rate
        ? "Small marks are data sets, no at the left and yes at the right. Large marks are rates, with bars for 95 % Monte Carlo intervals."
        : "Small marks are data sets. Large marks are medians, and bars hold the middle half.";
      drawPlot();
      drawSummary();
      drawSets();
      if (!first) say(`Showing ${text}.`);
    } else showPicked();
    drawCard();
  }

  app.replaceChildren(status, controls,
    make("div", { class: "explorer-figure" }, heading, plot, readout, make("div", { class: "explorer-under" }, legend, zoom), keys),
    card, make("section", { "aria-label": "The view as a table" }, make("h3", {}, "The view as a table"), summaryBox, sets));
  app.classList.add("explorer-ready");

  const known = () => location.hash.includes("measure=");
  change(known() ? readAddress(location.hash.slice(1)) : {}, { keepAddress: true });
  addEventListener("hashchange", () => known() && change(readAddress(location.hash.slice(1)), { keepAddress: true }));
  new ResizeObserver(() => canvas.clientWidth !== drawnWidth && drawPlot()).observe(canvas);

  // Links of the page that show a view.
  for (const link of document.querySelectorAll("a[data-view]")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      history.pushState(null, "", `#${link.dataset.view}`);
      change(readAddress(link.dataset.view), { keepAddress: true });
      app.scrollIntoView({ behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
    });
  }
})();
