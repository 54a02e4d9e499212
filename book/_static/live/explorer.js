// The explorer's page, put together. No kernel, no request: explorer.py wrote the data
// (window.explorerData) and the library (window.vegaEmbed).

import { card, drawCard } from "./explorer_card.js";
import { controls, showControls, zoom } from "./explorer_controls.js";
import {
  change, condition, listeners, measure, measureLabel, readAddress, state, updateRows,
} from "./explorer_state.js"; // prettier-ignore
import { drawSets, drawSummary, sets, summaryBox } from "./explorer_tables.js";
import { drawPlot, heading, keys, legend, plot, readout, showPicked } from "./explorer_view.js";
import { announcements, say } from "./explorer_words.js";
import { make, stillness } from "./page.js";
import { addPalette } from "./strategy_looks.js";

const app = document.getElementById("explorer-app");

const LEGENDS = {
  intervals:
    "Lines are data sets, in the same order for every strategy. Dark lines with a cross say no. Beside them stands the rate of yes, with its Monte Carlo standard error.",
  rates:
    "Small marks are data sets, no at the left and yes at the right. Large marks are rates, with bars for 95 % Monte Carlo intervals.",
  values: "Small marks are data sets. Large marks are medians, and bars hold the middle half.",
};

addPalette();

let drawn = "";
function draw() {
  showControls();
  const { picked, ...seen } = state;
  // Picking a point changes nothing else, and must not take a table's button from under the focus.
  if (JSON.stringify(seen) !== drawn) {
    const first = drawn === "";
    drawn = JSON.stringify(seen);
    updateRows();
    const text = `${measureLabel()}: ${condition()}`;
    heading.textContent = text;
    plot.setAttribute("aria-label", text);
    legend.textContent = LEGENDS[measure().interval ? "intervals" : measure().rate ? "rates" : "values"];
    drawPlot();
    drawSummary();
    drawSets();
    if (!first) say(`Showing ${text}.`);
  } else showPicked();
  drawCard();
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

const known = () => location.hash.includes("measure=");
listeners.push(draw);
change(known() ? readAddress(location.hash.slice(1)) : {}, { keepAddress: true });
addEventListener(
  "hashchange",
  () => known() && change(readAddress(location.hash.slice(1)), { keepAddress: true }),
);

// Links of the page that show a view.
for (const link of document.querySelectorAll("a[data-view]")) {
  link.addEventListener("click", (event) => {
    event.preventDefault();
    history.pushState(null, "", `#${link.dataset.view}`);
    change(readAddress(link.dataset.view), { keepAddress: true });
    app.scrollIntoView({
      behavior: stillness() ? "auto" : "smooth",
    });
  });
}
