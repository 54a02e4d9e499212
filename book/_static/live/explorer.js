// The explorer's page, put together. No kernel, no request but for a chosen study: explorer.py wrote
// the data (window.explorerData) and the library (window.vegaEmbed).

import { card, drawCard } from "./explorer_card.js";
import { controls, showControls, zoom } from "./explorer_controls.js";
import { condition, listeners, measureLabel, show, state, updateRows } from "./explorer_state.js";
import { drawSets, drawSummary, sets, summaryBox } from "./explorer_tables.js";
import { drawPlot, heading, keys, legend, plot, readout, showPicked, showWords } from "./explorer_view.js";
import { announcements, say } from "./explorer_words.js";
import { make, stillness } from "./page.js";
import { addPalette } from "./strategy_looks.js";

const app = document.getElementById("explorer-app");

addPalette();

let drawn = "";
function draw() {
  showControls();
  const { picked, failure, ...seen } = state;
  // Picking a point changes nothing else, and must not take a table's button from under the focus.
  if (JSON.stringify(seen) !== drawn) {
    const first = drawn === "";
    drawn = JSON.stringify(seen);
    updateRows();
    const title = `${measureLabel()}: ${condition()}`;
    showWords(title);
    drawPlot();
    drawSummary();
    drawSets();
    if (!first) say(`Showing ${title}.`);
  } else showPicked();
  drawCard();
  if (failure) say(failure);
}

app.replaceChildren(
  announcements.region,
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

const follow = (text) => show(text, { keepAddress: true });
const known = () => location.hash.includes("measure=") || location.hash.includes("study=");
listeners.push(draw);
follow(known() ? location.hash.slice(1) : "");
addEventListener("hashchange", () => known() && follow(location.hash.slice(1)));

// Links of the page that show a view.
for (const link of document.querySelectorAll("a[data-view]")) {
  link.addEventListener("click", (event) => {
    event.preventDefault();
    history.pushState(null, "", `#${link.dataset.view}`);
    follow(link.dataset.view);
    app.scrollIntoView({ behavior: stillness() ? "auto" : "smooth" });
  });
}
