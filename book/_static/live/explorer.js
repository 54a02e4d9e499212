// The explorer's page: controls, the plot's life, the picked data set, the tables. No kernel, no
// request: explorer.py wrote the data (window.explorerData) and the library (window.vegaEmbed).

import { DIMENSIONS, MEASURES, addressOf, data, describe, dimensions, estimate, isSingular, isWarned, line, number, placeOf, se, truth } from "./explorer_model.js";
import { spec } from "./explorer_plot.js";
import { simulate } from "./numpy_random.js";
import { announcer, copyable, draw as svg, make, table } from "./page.js";
import { axisBelow, canvas as canvasOf, clipped, line as segment, scale } from "./plot.js";
import { addPalette, colorOf, named as nameOf } from "./strategy_looks.js";

const app = document.getElementById("explorer-app");
const { terms, strategies, levels, replications } = data;
const ALL = "all";

addPalette();

// ---- State, which the address of the page keeps -------------------------------------------

const DEFAULTS = {
  measure: "covered",
  coefficient: "IV1",
  n_groups: "30",
  n_obs: "25",
  group_sd: "1",
  strategies: strategies.map((s) => s.id),
  zoom: false,
  picked: null,
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

// ---- What the controls ask for --------------------------------------------------------------

const measure = () => MEASURES[state.measure];
const valueOf = (s, place) => measure().value(s, place, terms.indexOf(state.coefficient));
const intervalOf = (s, place) => measure().interval?.of(s, place, terms.indexOf(state.coefficient));
// What Python says of a condition's data sets, the first of which is at a place.
const summaryOf = (s, first) => {
  const k = measure().coefficient ? terms.indexOf(state.coefficient) : 0;
  const [q1, median, q3, mean, mcse] = data.summaries[state.measure][k][s][first / replications];
  return { q1, median, q3, mean, mcse };
};
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
      const values = Array.from({ length: replications }, (_, r) => ({
        place: first + r,
        value: valueOf(s, first + r),
        interval: intervalOf(s, first + r),
      }));
      return [{ strategy, level, levelAt: i, values, n: replications, ...summaryOf(s, first) }];
    }),
  );
}

const said = ([centre, reach]) => `${number(centre)} [${number(centre - reach)}, ${number(centre + reach)}]`;
const shown = (value) => (measure().rate ? (value ? "yes" : "no") : number(value));

const { region: status, say } = announcer(0);
const named = (strategy) => nameOf(strategy.id);

function copyLine(label, code) {
  const line = copyable(label, say);
  line.show(code);
  return line.field;
}

// ---- Controls -------------------------------------------------------------------------------

const measureSelect = make("select", {
  id: "explorer-measure",
  onchange: (e) => change({ measure: e.target.value }),
});
for (const group of new Set(Object.values(MEASURES).map((m) => m.group))) {
  const options = Object.entries(MEASURES).filter(([, m]) => m.group === group);
  measureSelect.append(
    make("optgroup", { label: group }, ...options.map(([id, m]) => make("option", { value: id }, m.label))),
  );
}
const coefficientSelect = make(
  "select",
  { id: "explorer-coefficient", onchange: (e) => change({ coefficient: e.target.value }) },
  ...terms.map((term) => make("option", { value: term }, term)),
);
const coefficientField = make(
  "div",
  {},
  make("label", { for: "explorer-coefficient" }, "Coefficient"),
  coefficientSelect,
);
const hint = make("p", { class: "explorer-hint", id: "explorer-hint" });
measureSelect.setAttribute("aria-describedby", "explorer-hint");

const choice = (type, name, value, content, onchange) =>
  make(
    "label",
    {},
    make("input", { type, name: `explorer-${name}`, value, onchange }),
    make("span", {}, content),
  );
const radios = dimensions.map((name) =>
  make(
    "fieldset",
    { class: "explorer-choices" },
    make("legend", {}, DIMENSIONS[name].label),
    ...[...levels[name], ALL].map((v) =>
      choice("radio", name, String(v), String(v), () => change({ [name]: String(v) })),
    ),
  ),
);
const boxes = make(
  "fieldset",
  { class: "explorer-strategies" },
  make("legend", {}, "Strategies"),
  ...strategies.map((strategy) =>
    choice("checkbox", "strategies", strategy.id, named(strategy), () =>
      change({ strategies: strategies.map((s) => s.id).filter((id) => input("strategies", id).checked) }),
    ),
  ),
);
const zoom = choice("checkbox", "zoom", "1", "Zoom in on this view", (e) =>
  change({ zoom: e.target.checked }),
);
zoom.className = "explorer-zoom";
const input = (name, value) => controls.querySelector(`input[name="explorer-${name}"][value="${value}"]`);
const controls = make(
  "form",
  { class: "explorer-controls", "aria-label": "What to show", onsubmit: (e) => e.preventDefault() },
  make(
    "div",
    { class: "explorer-fields" },
    make("div", {}, make("label", { for: "explorer-measure" }, "Measure"), measureSelect),
    coefficientField,
  ),
  hint,
  make("div", { class: "explorer-fields" }, ...radios),
  boxes,
);

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
const plot = make(
  "div",
  {
    class: "explorer-plot",
    id: "explorer-plot",
    tabindex: "0",
    role: "application",
    "aria-roledescription": "plot",
    "aria-describedby": "explorer-keys",
  },
  canvas,
);
const keys = make(
  "p",
  { class: "explorer-hint", id: "explorer-keys" },
  "Click a point to learn which data set it is. With the keyboard: arrow keys go from point to point, Enter picks one, Escape clears it.",
);

let rows = [],
  view = null,
  cursor = null,
  drawnWidth = 0,
  drawings = 0;

function domain() {
  if (measure().interval) return domainOfIntervals();
  if (measure().rate) return [-4, 104];
  let shownValues = rows.flatMap((row) => row.values.map((v) => v.value));
  if (!state.zoom) {
    // One axis for all conditions, so that what changes is seen to change.
    const places = data.flags[0].map((_, place) => place);
    shownValues = strategies.flatMap((_, s) => places.map((place) => valueOf(s, place)));
  }
  let low = Infinity,
    high = -Infinity;
  for (const v of shownValues) {
    low = Math.min(low, v);
    high = Math.max(high, v);
  }
  if (measure().scale === "log") return [low / 1.06, high * 1.06];
  const reach = 1.04 * Math.max(-low, high);
  return [-reach, reach];
}

// Nearly all of the view's intervals; the few that reach further are cut.
function domainOfIntervals() {
  const ends = rows.flatMap((row) =>
    row.values.flatMap(({ interval: [centre, reach] }) => [centre - reach, centre + reach]),
  );
  ends.sort((a, b) => a - b);
  const [low, high] = [0.005, 0.995].map((p) => ends[Math.floor(p * (ends.length - 1))]);
  const margin = 0.05 * (high - low);
  return [Math.min(low - margin, 0), Math.max(high + margin, 0)];
}

// Draw, and say so where that fails.
async function drawPlot() {
  try {
    await drawIt();
  } catch (error) {
    console.error(error);
    const words = `This view could not be drawn (${error.message}). The table below holds its numbers.`;
    canvas.replaceChildren(make("p", { class: "live-failed" }, words));
    say(words);
  }
}

async function drawIt() {
  view?.finalize();
  view = cursor = null;
  readout.textContent = "";
  drawnWidth = canvas.clientWidth;
  const mine = ++drawings;
  if (!rows.length) {
    canvas.replaceChildren(make("p", { class: "explorer-empty" }, "Choose at least one strategy."));
    return;
  }
  const made = make("div");
  const drawing = spec({
    rows,
    measure: measure(),
    label: measureLabel(),
    title: DIMENSIONS[spreadDimension()]?.label ?? null,
    domain: domain(),
    width: drawnWidth,
    font: getComputedStyle(app).fontFamily,
  });
  const { view: fresh } = await window.vegaEmbed(made, drawing, {
    mode: "vega-lite",
    renderer: "svg",
    actions: false,
    tooltip: false,
    defaultStyle: false,
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
  const found = point.interval ? `${shown(point.value)}, ${said(point.interval)}` : shown(point.value);
  return `${strategy.label}${where}, replication ${point.place % replications}: ${found}`;
}

// The point nearest to the pointer, so that a finger need not hit it exactly.
function nearest(event) {
  const points = canvas.querySelector("g.points_marks");
  if (!points || !view) return null;
  const box = points.getScreenCTM();
  const [scaleX, scaleY] = [view.scale("x"), view.scale("y")];
  const [px, py] = [(event.clientX - box.e) / box.a, (event.clientY - box.f) / box.d];
  let found = null,
    best = 24 ** 2;
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
  say(
    place === null
      ? "No data set is picked."
      : `Picked ${describe(place)}. Its values and how to reproduce it follow the plot.`,
  );
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
    named(strategy),
    ...["coef_abs_error", "se_sum", "t_sum"].map((id) => number(MEASURES[id].value(s, place))),
    isSingular(s, place) ? "singular" : isWarned(s, place) ? "warning" : "no complaint",
  ]);
  const estimates = strategies.map((strategy, s) => [
    named(strategy),
    ...terms.map((_, k) => `${number(estimate(s, k, place))} (${number(se(s, k, place))})`),
  ]);
  const said = strategies.flatMap((strategy, s) => {
    const text = data.messages[`${s} ${place}`];
    return text ? [make("li", {}, `${strategy.label}: `, make("code", {}, text))] : [];
  });
  const text = describe(place);
  card.replaceChildren(
    title,
    make("p", { class: "explorer-which" }, `${text[0].toUpperCase()}${text.slice(1)}.`),
    pictureOf(place),
    copyLine("Draw it again", code),
    copyLine("Fit all four strategies to it", `compare(${code})`),
    copyLine("Needed once, before either", "from mlmlearn import Condition, compare, simulate"),
    table(
      "What each strategy made of it",
      ["Strategy", "Sum of |error|", "Sum of SE", "Sum of |t|", "Fit"],
      sums,
    ),
    table(
      "Estimates, with standard errors in brackets",
      ["Strategy", ...terms],
      [["Truth", ...terms.map((_, k) => number(truth(k, place)))], ...estimates],
    ),
    ...(said.length
      ? [
          make("p", {}, "What the fitting program said:"),
          make("ul", { class: "explorer-messages" }, ...said),
        ]
      : []),
    make(
      "button",
      {
        type: "button",
        onclick: () => {
          pick(null);
          plot.focus();
        },
      },
      "Clear",
    ),
  );
}

// The rows of the picked data set, drawn once more from its random numbers.
function pictureOf(place) {
  const k = Math.max(1, terms.indexOf(state.coefficient));
  const { X, y, coefs, betas } = simulate({ ...addressOf(place), seed: data.seed });
  const dots = X.flatMap((people, j) => people.map((x, i) => [x[k - 1], y[j][i]]));
  const most = 1500; // dots that can still be told apart
  const few = dots.filter((_, i) => i % Math.ceil(dots.length / most) === 0);
  const reach = Math.max(...dots.map(([, outcome]) => Math.abs(outcome)));
  const words =
    `The data set: outcome against ${terms[k]}. Thin lines are people, with the other predictors at zero; ` +
    "the dashed line is the true average.";
  const drawing = canvasOf(words, (group, width) => {
    const height = Math.min(340, 0.75 * width);
    const [across, up] = [scale([-3.2, 3.2], [6, width - 6]), scale([-reach, reach], [height - 40, 4])];
    const inside = clipped(group, 0, 0, width, height - 40);
    const put = (level, slope, look) =>
      inside.append(segment(across(-3.2), up(level - 3.2 * slope), across(3.2), up(level + 3.2 * slope), look));
    for (const person of coefs) put(person[0], person[k], { class: "live-person" });
    for (const [x, outcome] of few)
      inside.append(svg("circle", { cx: across(x), cy: up(outcome), r: 1.8, class: "live-dot" }));
    put(betas[0], betas[k], { class: "live-truth" });
    strategies.forEach((strategy, s) => {
      if (state.strategies.includes(strategy.id))
        put(estimate(s, 0, place), estimate(s, k, place), {
          stroke: colorOf(strategy.id),
          "stroke-width": 2,
          class: "explorer-estimate",
        });
    });
    group.append(axisBelow(across, [-3, 3], height - 40, { title: terms[k] }));
    return height;
  });
  const some = few.length < dots.length ? ` Every ${Math.ceil(dots.length / most)}th row is shown.` : "";
  const caption = make("p", { class: "explorer-hint" }, `${words} Coloured lines are the strategies’ averages.${some}`);
  return make("div", {}, drawing.box, caption);
}

const summaryBox = make("div");
const setsBox = make("div");
const sets = make(
  "details",
  { ontoggle: () => drawSets() },
  make("summary", {}, "Every data set of this view, as a table"),
  setsBox,
);

const condition = () =>
  dimensions
    .map((name) => (state[name] === ALL ? DIMENSIONS[name].every : DIMENSIONS[name].say(state[name])))
    .join(", ");

function drawSummary() {
  const spread = spreadDimension();
  const rate = measure().rate;
  const head = [
    ...(spread ? [DIMENSIONS[spread].label] : []),
    "Strategy",
    "Data sets",
    ...(rate
      ? ["Rate, %", "MCSE"]
      : ["Lower quartile", "Median", "Upper quartile", "Mean", "MCSE of the mean"]),
  ];
  const body = rows.map((row) => [
    ...(spread ? [String(row.level)] : []),
    named(row.strategy),
    String(row.n),
    ...(rate
      ? [row.mean.toFixed(0), row.mcse.toFixed(1)]
      : [row.q1, row.median, row.q3, row.mean, row.mcse].map(number)),
  ]);
  summaryBox.replaceChildren(table(`${measureLabel()}: ${condition()}`, head, body));
  if (rate) {
    summaryBox.append(
      make(
        "p",
        { class: "explorer-hint" },
        "A rate of 0 or 100 % has an MCSE of 0, though with fifty data sets the true rate may lie some 7 points away.",
      ),
    );
  }
}

function drawSets() {
  setsBox.replaceChildren();
  if (!sets.open || !rows.length) return;
  const spread = spreadDimension();
  const head = [
    "Replication",
    ...(spread ? [DIMENSIONS[spread].label] : []),
    ...state.strategies.map((id) => strategies.find((s) => s.id === id).label),
  ];
  const levelRows = Map.groupBy
    ? Map.groupBy(rows, (row) => row.levelAt)
    : rows.reduce((m, row) => m.set(row.levelAt, [...(m.get(row.levelAt) ?? []), row]), new Map());
  const body = [...levelRows.values()].flatMap((group) =>
    group[0].values.map(({ place }, r) => [
      make(
        "button",
        { type: "button", "aria-label": `Pick ${describe(place)}`, onclick: () => pick(place) },
        String(place % replications),
      ),
      ...(spread ? [String(group[0].level)] : []),
      ...group.map((row) => shown(row.values[r].value)),
    ]),
  );
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
    legend.textContent = measure().interval
      ? "Lines are data sets, in the same order for every strategy. Dark lines with a cross say no. Beside them stands the rate of yes, with its Monte Carlo standard error."
      : measure().rate
      ? "Small marks are data sets, no at the left and yes at the right. Large marks are rates, with bars for 95 % Monte Carlo intervals."
      : "Small marks are data sets. Large marks are medians, and bars hold the middle half.";
    drawPlot();
    drawSummary();
    drawSets();
    if (!first) say(`Showing ${text}.`);
  } else showPicked();
  drawCard();
}

app.replaceChildren(
  status,
  controls,
  make(
    "div",
    { class: "explorer-figure" },
    heading,
    plot,
    readout,
    make("div", { class: "explorer-under" }, legend, zoom),
    keys,
  ),
  card,
  make(
    "section",
    { "aria-label": "The view as a table" },
    make("h3", {}, "The view as a table"),
    summaryBox,
    sets,
  ),
);
app.classList.add("explorer-ready");

const known = () => location.hash.includes("measure=");
change(known() ? readAddress(location.hash.slice(1)) : {}, { keepAddress: true });
addEventListener(
  "hashchange",
  () => known() && change(readAddress(location.hash.slice(1)), { keepAddress: true }),
);
new ResizeObserver(() => canvas.clientWidth !== drawnWidth && drawPlot()).observe(canvas);

// Links of the page that show a view.
for (const link of document.querySelectorAll("a[data-view]")) {
  link.addEventListener("click", (event) => {
    event.preventDefault();
    history.pushState(null, "", `#${link.dataset.view}`);
    change(readAddress(link.dataset.view), { keepAddress: true });
    app.scrollIntoView({
      behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth",
    });
  });
}
