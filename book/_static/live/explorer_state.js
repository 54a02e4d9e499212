// The explorer's state, which the address of the page keeps, and what it asks for.

import { DIMENSIONS, MEASURES, addressOf, data, dimensions, placeOf } from "./explorer_model.js";

const { terms, strategies, levels, replications } = data;

export const ALL = "all";

// What is to be done when the state has changed.
export const listeners = [];

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
export const state = { ...DEFAULTS };
const lastLevel = { n_groups: "30", n_obs: "25", group_sd: "1" };

export function readAddress(text) {
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

export function change(patch, { keepAddress = false } = {}) {
  for (const name of dimensions) if (state[name] !== ALL) lastLevel[name] = state[name];
  // One dimension at a time lies side by side: the one that was asked for last.
  const spread = dimensions.filter((name) => (patch[name] ?? state[name]) === ALL);
  const stays = spread.find((name) => name in patch && state[name] !== ALL) ?? spread[0];
  for (const name of spread) if (name !== stays) patch[name] = lastLevel[name];
  Object.assign(state, patch);
  // Another address in the bar, no new entry in the history.
  if (!keepAddress) history.replaceState(null, "", address());
  for (const listener of listeners) listener();
}

// ---- What it asks for ------------------------------------------------------------------------

export const measure = () => MEASURES[state.measure];
export const valueOf = (s, place) => measure().value(s, place, terms.indexOf(state.coefficient));
const intervalOf = (s, place) => measure().interval?.of(s, place, terms.indexOf(state.coefficient));
// What Python says of a condition's data sets, the first of which is at a place.
const summaryOf = (s, first) => {
  const k = measure().coefficient ? terms.indexOf(state.coefficient) : 0;
  const [q1, median, q3, mean, mcse] = data.summaries[state.measure][k][s][first / replications];
  const longer = data.longer?.[state.measure]?.[k][s][first / replications];
  return { q1, median, q3, mean, mcse, longer };
};
export const measureLabel = () => measure().label + (measure().coefficient ? `, ${state.coefficient}` : "");
export const spreadDimension = () => dimensions.find((name) => state[name] === ALL);

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

// Those of the state, until the state changes.
export const rows = [];
export const updateRows = () => rows.splice(0, rows.length, ...rowsInView());

export const condition = () =>
  dimensions
    .map((name) => (state[name] === ALL ? DIMENSIONS[name].every : DIMENSIONS[name].say(state[name])))
    .join(", ");
