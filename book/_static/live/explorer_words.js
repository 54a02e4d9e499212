// What the explorer says, in the page and to those who listen to it.

import { DIMENSIONS, data, describe, number } from "./explorer_model.js";
import { change, measure, rows, spreadDimension } from "./explorer_state.js";
import { announcer } from "./page.js";
import { named as nameOf } from "./strategy_looks.js";

export const announcements = announcer(0);
export const say = announcements.say;

// A strategy's name with its mark.
export const named = (strategy) => nameOf(strategy.id);

export const shown = (value) => (measure().rate ? (value ? "yes" : "no") : number(value));

const intervalWords = ([centre, reach]) =>
  `${number(centre)} [${number(centre - reach)}, ${number(centre + reach)}]`;

export function sentence(point) {
  const { strategy, level } = rows[point.row];
  const spread = spreadDimension();
  const where = spread ? `, ${DIMENSIONS[spread].say(level)}` : "";
  const found = point.interval ? `${shown(point.value)}, ${intervalWords(point.interval)}` : shown(point.value);
  return `${strategy.label}${where}, replication ${point.place % data.replications}: ${found}`;
}

export function pick(place) {
  change({ picked: place });
  say(
    place === null
      ? "No data set is picked."
      : `Picked ${describe(place)}. Its values and how to reproduce it follow the plot.`,
  );
}
