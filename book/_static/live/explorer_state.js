// The explorer's state, which the address of the page keeps, and what it asks for.

import { INTERVALS, REFERENCE, VALUES, data, idsAt, load, placeOf, study } from "./explorer_model.js";

export const ALL = "all";

// What is to be done when the state has changed.
export const listeners = [];

// `levels` has a level of each key of the section, or all.
export const state = { study: REFERENCE, part: "grid" };
// The single level of each key that was shown last.
const lastLevels = {};

export const section = () => study(state.study).sections.find((one) => one.id === state.part);
export const isReference = () => state.study === REFERENCE;

// A view of a study that is loaded, from what an address says of it.
function read(text) {
  const wanted = new URLSearchParams(text);
  const one = (name, allowed, usual) => (allowed.includes(wanted.get(name)) ? wanted.get(name) : usual);
  const id = study(wanted.get("study")) ? wanted.get("study") : REFERENCE;
  const { sections } = study(id);
  const part = one("part", sections.map((each) => each.id), sections[0].id);
  const here = sections.find((each) => each.id === part);
  const { terms, strategies, start } = here;
  const named = (wanted.get("strategies") ?? "").split(",");
  const known = strategies.filter((each) => named.includes(each));
  return {
    study: id,
    part,
    measure: one("measure", Object.keys(here.summaries), "covered"),
    coefficient: one("coefficient", terms, terms.includes("IV1") ? "IV1" : terms.at(-1)),
    strategies: known.length ? known : strategies,
    zoom: wanted.get("zoom") === "1",
    picked: wanted.has("data") ? placeOf(here, wanted.get("data").split(",")) : null,
    levels: Object.fromEntries(
      here.keys.map((key) => [key.id, one(key.id, [...key.levels.map((l) => l.id), ALL], start[key.id])]),
    ),
  };
}

function address() {
  const said = new URLSearchParams(isReference() ? {} : { study: state.study, part: state.part });
  said.set("measure", state.measure);
  if (measure().coefficient) said.set("coefficient", state.coefficient);
  for (const [id, level] of Object.entries(state.levels)) said.set(id, level);
  if (state.strategies.length < section().strategies.length)
    said.set("strategies", state.strategies.join(","));
  if (state.zoom) said.set("zoom", "1");
  if (state.picked !== null) said.set("data", idsAt(section(), state.picked).join(","));
  return `#${said.toString().replaceAll("%2C", ",")}`;
}

export function change(patch, { keepAddress = false, newest } = {}) {
  Object.assign(state, { failure: null }, patch);
  // One key at a time lies side by side: the one that was asked for last.
  const spread = section().keys.filter(({ id }) => state.levels[id] === ALL);
  const stays = spread.find(({ id }) => id === newest) ?? spread[0];
  for (const { id, levels } of section().keys) {
    const last = levels.find((level) => level.id === lastLevels[id]) ?? levels[levels.length >> 1];
    if (state.levels[id] === ALL && id !== stays.id) state.levels[id] = last.id;
    if (state.levels[id] !== ALL) lastLevels[id] = state.levels[id];
  }
  if (!keepAddress) history.replaceState(null, "", address()); // no new entry in the history
  for (const listener of listeners) listener();
}
export const changeLevel = (id, level) =>
  change({ levels: { ...state.levels, [id]: level } }, { newest: id });

// Show what an address says, once its study is there. Where that cannot be had, what is shown stays.
let asked = 0;
export async function show(text, options) {
  const mine = ++asked;
  const id = new URLSearchParams(text).get("study");
  const failure = data.studies.includes(id) ? await load(id) : null;
  if (mine !== asked) return; // another view was asked for meanwhile
  change(failure && state.measure ? { failure } : { ...read(text), failure }, options);
}

// ---- What it asks for ------------------------------------------------------------------------

export const measure = () => study(state.study).measures[state.measure];
export const measureLabel = () => measure().label + (measure().coefficient ? `, ${state.coefficient}` : "");
export const spreadKey = () => section().keys.find(({ id }) => state.levels[id] === ALL);
// Where a measure has numbers for each term, those of the chosen one.
export const termOf = () => (measure().coefficient ? section().terms.indexOf(state.coefficient) : 0);

// A row a level and strategy, from top to bottom, as long as there is a number for it. Its points
// are the data sets where these are kept, or else the row itself.
function rowsInView() {
  const { keys, strategies, summaries, replications, longer, n } = section();
  const k = termOf();
  const spread = spreadKey();
  return (spread?.levels ?? [null]).flatMap((level) => {
    const at = keys.map((key) => (key === spread ? level.id : state.levels[key.id]));
    const first = placeOf(section(), replications ? [...at, "0"] : at);
    const condition = replications ? first / replications : first;
    return strategies.flatMap((strategy, s) => {
      const summary = summaries[state.measure][k][s][condition];
      if (!summary || !state.strategies.includes(strategy)) return [];
      const [mean, mcse, q1, median, q3] = summary;
      const of = (place) => ({ place, value: VALUES[state.measure](s, place, k) });
      const points = replications
        ? Array.from({ length: replications }, (_, r) => ({
            ...of(first + r),
            interval: INTERVALS[state.measure]?.(s, first + r, k),
          }))
        : [{ place: first, value: mean }];
      const more = longer?.[state.measure]?.[k][s][condition];
      const count = replications ?? n[s][condition];
      return [{ strategy, level, points, n: count, mean, mcse, q1, median, q3, longer: more }];
    });
  });
}

// Those of the state, until the state changes.
export const rows = [];
export function updateRows() {
  rows.splice(0, rows.length, ...rowsInView());
  rows.forEach((row, i) => {
    for (const point of row.points) point.row = i;
    // Points in the order in which they lie from left to right.
    row.byValue = [...row.points].sort((a, b) => xOf(a) - xOf(b));
  });
}
// What is picked, or else the first in view.
export const placeInView = () => state.picked ?? rows[0]?.points[0].place ?? 0;
export const xOf = (point) => point.interval?.[0] ?? point.value;

export const condition = () =>
  section()
    .keys.map(({ id, every, levels }) =>
      state.levels[id] === ALL ? every : levels.find((level) => level.id === state.levels[id]).say,
    )
    .join(", ") || section().label;
