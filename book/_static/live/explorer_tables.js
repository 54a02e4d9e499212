// The view as tables: a row a condition and strategy, and a row a data set.

import { describe, numbers } from "./explorer_model.js";
import { condition, measure, measureLabel, rows, section, spreadKey } from "./explorer_state.js";
import { pick, shown } from "./explorer_words.js";
import { make, table } from "./page.js";
import { looks, named } from "./strategy_looks.js";

export const summaryBox = make("div");
const setsBox = make("div");
export const sets = make(
  "details",
  { ontoggle: () => drawSets() },
  make("summary", {}, "Every data set of this view, as a table"),
  setsBox,
);

const fixed = (value) => value?.toFixed(1) ?? "–";

export function drawSummary() {
  const spread = spreadKey();
  const { replications, longer } = section();
  const { rate } = measure();
  const more = longer && rows.some((row) => row.longer);
  const head = [
    ...(spread ? [spread.label] : []),
    "Strategy",
    "Data sets",
    ...(rate ? ["Rate, %", "MCSE"] : []),
    ...(more ? [`Rate in ${longer.n} others, %`, "MCSE"] : []),
    ...(rate ? [] : replications ? ["Lower quartile", "Median", "Upper quartile", "Mean"] : [measure().label]),
    ...(rate ? [] : [replications ? "MCSE of the mean" : "MCSE"]),
  ];
  const body = rows.map(({ level, strategy, n, mean, mcse, q1, median, q3, longer: others }) => [
    ...(spread ? [level.label] : []),
    named(strategy),
    String(n),
    ...(rate ? [mean, mcse, ...(others ?? [])].map(fixed) : []),
    ...(rate ? [] : numbers(replications ? [q1, median, q3, mean, mcse] : [mean, mcse])),
  ]);
  const notes = [];
  if (more)
    notes.push(
      `The ${longer.n} others are further data sets of the same conditions, in a stored study with the batch engine.`,
    );
  if (rate && replications)
    notes.push(
      "A rate of 0 or 100 % has an MCSE of 0, though with fifty data sets the true rate may lie some 7 points away.",
    );
  summaryBox.replaceChildren(
    table(`${measureLabel()}: ${condition()}`, head, body),
    ...notes.map((words) => make("p", { class: "explorer-hint" }, words)),
  );
}

export function drawSets() {
  setsBox.replaceChildren();
  sets.hidden = !section().replications;
  if (!sets.open || !rows.length || sets.hidden) return;
  const spread = spreadKey();
  const levels = [...Map.groupBy(rows, (row) => row.level).values()];
  const head = [
    "Replication",
    ...(spread ? [spread.label] : []),
    ...levels[0].map((row) => looks.get(row.strategy).label),
  ];
  const body = levels.flatMap((group) =>
    group[0].points.map(({ place }, r) => [
      make(
        "button",
        { type: "button", "aria-label": `Pick ${describe(section(), place)}`, onclick: () => pick(place) },
        String(r),
      ),
      ...(spread ? [group[0].level.label] : []),
      ...group.map((row) => shown(row.points[r].value)),
    ]),
  );
  setsBox.append(table(`${measureLabel()}, a row a data set`, head, body));
}
