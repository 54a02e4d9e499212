// The plot's life: drawn by Vega-Lite, walked through by pointer and by keyboard.

import { spec } from "./explorer_plot.js";
import {
  isReference, measure, measureLabel, rows, section, state, termOf, xOf,
} from "./explorer_state.js"; // prettier-ignore
import { pick, say, sentence } from "./explorer_words.js";
import { make } from "./page.js";

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
export const keys = make("p", { class: "explorer-hint", id: "explorer-keys" });

const WORDS = {
  intervals:
    "Lines are data sets, in the same order for every strategy. Dark lines with a cross say no. Beside them stands the rate of yes, with its Monte Carlo standard error.",
  rates:
    "Small marks are data sets, no at the left and yes at the right. Large marks are rates, with bars for 95 % Monte Carlo intervals.",
  values: "Small marks are data sets. Large marks are medians, and bars hold the middle half.",
  study:
    "This study keeps no single data sets, so there are none to see or to pick: a mark is what all of a condition come to, and its bar a 95 % Monte Carlo interval.",
};

export function showWords(title) {
  heading.textContent = title;
  plot.setAttribute("aria-label", title);
  const { interval, rate } = measure();
  legend.textContent = WORDS[isReference() ? (interval ? "intervals" : rate ? "rates" : "values") : "study"];
  const what = isReference() ? "point to learn which data set it is" : "mark to learn how to run its condition";
  keys.textContent = `Click a ${what}. With the keyboard: arrow keys go from one to the next, Enter picks one, Escape clears it.`;
}

let view = null,
  cursor = null,
  drawnWidth = 0,
  drawings = 0;

// Nearly all of the view's intervals; the few that reach further are cut. Otherwise one axis for
// all conditions, so that what changes is seen to change, or, zoomed in, what Vega-Lite finds.
function domain() {
  if (!measure().interval)
    return state.zoom ? undefined : section().ranges[state.measure][termOf()];
  const ends = rows
    .flatMap((row) => row.points)
    .flatMap(({ interval: [centre, reach] }) => [centre - reach, centre + reach])
    .sort((a, b) => a - b);
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
    const words = state.strategies.length
      ? `There are no such numbers for ${state.coefficient} here. Choose another coefficient or measure.`
      : "Choose at least one strategy.";
    canvas.replaceChildren(make("p", { class: "explorer-empty" }, words));
    return;
  }
  const made = make("div");
  const drawing = spec({
    rows,
    replications: section().replications,
    measure: measure(),
    label: measureLabel(),
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
  const points = rows.flatMap((row) => row.points);
  view.addSignalListener("near", (_, { at }) => at && moveTo(points[at[0]]));
  view.addSignalListener("chosen", (_, { at }) => at && pickPoint(points[at[0]]));
  // The table says the same to those who cannot see it.
  made.querySelector("svg").setAttribute("aria-hidden", "true");
  canvas.replaceChildren(made);
  showPicked();
}

export const showPicked = () => view?.signal("picked", state.picked ?? -1).runAsync();

function moveTo(point) {
  if (!view || point === cursor) return;
  cursor = point;
  view.signal("cursor", point?.at ?? -1).runAsync();
  readout.textContent = point ? sentence(point) : "";
}

function pickPoint(point) {
  pick(point.place);
  moveTo(point);
}

function move(key) {
  if (!cursor) return rows[0].byValue[rows[0].byValue.length >> 1];
  const { byValue } = rows[cursor.row];
  const at = byValue.indexOf(cursor);
  if (key === "ArrowLeft") return byValue[Math.max(at - 1, 0)];
  if (key === "ArrowRight") return byValue[Math.min(at + 1, byValue.length - 1)];
  if (key === "Home") return byValue[0];
  if (key === "End") return byValue.at(-1);
  const next = rows[cursor.row + (key === "ArrowDown" ? 1 : -1)];
  const away = (point) => Math.abs(xOf(point) - xOf(cursor));
  return next?.byValue.reduce((a, b) => (away(b) < away(a) ? b : a)) ?? cursor;
}

plot.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !rows.length) return;
  if (["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End"].includes(event.key)) {
    moveTo(move(event.key));
    say(sentence(cursor));
  } else if ((event.key === "Enter" || event.key === " ") && cursor) {
    pickPoint(cursor);
  } else if (event.key === "Escape") {
    pick(null);
  } else return;
  event.preventDefault();
  event.stopPropagation(); // the theme pages through the book with the arrow keys
});
canvas.addEventListener("pointerleave", () => moveTo(null));

// A window of another width has another drawing, but for one that is hidden.
new ResizeObserver(([{ contentRect }]) => {
  if (drawings && contentRect.width && canvas.clientWidth !== drawnWidth) drawPlot();
}).observe(canvas);
