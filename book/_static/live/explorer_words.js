// What the explorer says, in the page and to those who listen to it.

import { describe, number } from "./explorer_model.js";
import { change, isReference, measure, rows, section, spreadKey } from "./explorer_state.js";
import { announcer } from "./page.js";
import { looks } from "./strategy_looks.js";

export const announcements = announcer(0);
export const say = announcements.say;
export const sentenceCase = (text) => text[0].toUpperCase() + text.slice(1);

// A number of a measure: of a data set yes or no, where that is the question.
export const shown = (value) => (measure().rate ? (value ? "yes" : "no") : number(value));

// What a row's data sets, or a study's, come to.
export const inSum = ({ mean, mcse }) =>
  measure().rate
    ? `${mean.toFixed(1)} % (MCSE ${mcse?.toFixed(1) ?? "unknown"})`
    : `${number(mean)} (MCSE ${mcse === null ? "unknown" : number(mcse)})`;

const intervalWords = ([centre, reach]) =>
  `${number(centre)} [${number(centre - reach)}, ${number(centre + reach)}]`;

export function sentence(point) {
  const row = rows[point.row];
  const { replications } = section();
  const found = replications ? shown(point.value) : inSum(row);
  return [
    looks.get(row.strategy).label,
    ...(spreadKey() ? [row.level.say] : []),
    ...(replications ? [`replication ${point.place % replications}`] : []),
  ]
    .join(", ")
    .concat(`: ${found}`, point.interval ? `, ${intervalWords(point.interval)}` : "");
}

export function pick(place) {
  change({ picked: place });
  const follows = isReference() ? "Its values and how to reproduce it" : "Its numbers and how to run it";
  say(
    place === null
      ? "None is picked."
      : `Picked ${describe(section(), place)}. ${follows} follow the plot.`,
  );
}
