// The plot's life: drawn by Vega-Lite, walked through by pointer and by keyboard.

import { DIMENSIONS, data } from "./explorer_model.js";
import { spec } from "./explorer_plot.js";
import { measure, measureLabel, rows, spreadDimension, state, valueOf } from "./explorer_state.js";
import { pick, say, sentence } from "./explorer_words.js";
import { make } from "./page.js";

const { strategies, replications } = data;

export const heading = make("p", { class: "explorer-title" });
export const legend = make("p", { class: "explorer-hint" });
const canvas = make("div", { class: "explorer-canvas" });
export const readout = make("p", { class: "explorer-readout", "aria-hidden": "true" });
export const plot = make(
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
export const keys = make(
  "p",
  { class: "explorer-hint", id: "explorer-keys" },
  "Click a point to learn which data set it is. With the keyboard: arrow keys go from point to point, Enter picks one, Escape clears it.",
);

let view = null,
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
export async function drawPlot() {
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
    font: getComputedStyle(plot).fontFamily,
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

export function showPicked() {
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

// A window of another width has another drawing.
new ResizeObserver(() => canvas.clientWidth !== drawnWidth && drawPlot()).observe(canvas);
