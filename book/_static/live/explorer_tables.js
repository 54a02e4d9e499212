// The view as tables: a row a condition and strategy, and a row a data set.

import { DIMENSIONS, data, describe, number } from "./explorer_model.js";
import { condition, measure, measureLabel, rows, spreadDimension, state } from "./explorer_state.js";
import { named, pick, shown } from "./explorer_words.js";
import { make, table } from "./page.js";

const { strategies, replications } = data;

export const summaryBox = make("div");
const setsBox = make("div");
export const sets = make(
  "details",
  { ontoggle: () => drawSets() },
  make("summary", {}, "Every data set of this view, as a table"),
  setsBox,
);

export function drawSummary() {
  const spread = spreadDimension();
  const rate = measure().rate;
  const longer = rows.some((row) => row.longer);
  const head = [
    ...(spread ? [DIMENSIONS[spread].label] : []),
    "Strategy",
    "Data sets",
    ...(rate
      ? ["Rate, %", "MCSE", ...(longer ? [`Rate in ${data.longer.n} others, %`, "MCSE"] : [])]
      : ["Lower quartile", "Median", "Upper quartile", "Mean", "MCSE of the mean"]),
  ];
  const body = rows.map((row) => [
    ...(spread ? [String(row.level)] : []),
    named(row.strategy),
    String(row.n),
    ...(rate
      ? [row.mean.toFixed(0), row.mcse.toFixed(1), ...(row.longer ?? []).map((one) => one.toFixed(1))]
      : [row.q1, row.median, row.q3, row.mean, row.mcse].map(number)),
  ]);
  summaryBox.replaceChildren(table(`${measureLabel()}: ${condition()}`, head, body));
  if (longer) {
    const words = `The ${data.longer.n} others are further data sets of the same conditions, in a stored study with the batch engine.`;
    summaryBox.append(make("p", { class: "explorer-hint" }, words));
  }
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

export function drawSets() {
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
