// The explorer's model: the reference run's numbers, stored studies, and which condition or data
// set is where. No page, no state. explorer.py and explorer_studies.py wrote the data.

export const data = window.explorerData;
const { unit, reference } = data;
const [{ terms, replications }] = reference.sections;

// ---- The numbers of a fit of the reference run ------------------------------------------------

// A data set goes by its place in the grid; `s` counts strategies, `k` coefficients.
export const truth = (k, place) => data.truth[k][place] * unit;
const error = (s, k, place) => data.error[s][k][place] * unit;
// How far a 95 % interval reaches to either side.
const reach = (s, k, place) => (data.reach[s][k][place] / 1000) * se(s, k, place);
export const se = (s, k, place) => data.se[s][k][place] * unit;
export const estimate = (s, k, place) => truth(k, place) + error(s, k, place);
const flag = (s, bit, place) => (data.flags[s][place] >> bit) & 1;
export const isSingular = (s, place) => flag(s, 8, place);
export const isWarned = (s, place) => flag(s, 9, place);
const total = (one) => (s, place) => terms.reduce((sum, _, k) => sum + one(s, k, place), 0);

export const VALUES = {
  coef_abs_error: total((s, k, place) => Math.abs(error(s, k, place))),
  se_sum: total(se),
  t_sum: total((s, k, place) => Math.abs(estimate(s, k, place) / se(s, k, place))),
  error: (s, place, k) => error(s, k, place),
  se: (s, place, k) => se(s, k, place),
  covered: (s, place, k) => 100 * flag(s, k, place),
  significant: (s, place, k) => 100 * flag(s, 4 + k, place),
  singular: (s, place) => 100 * isSingular(s, place),
  failed: (s, place) => 100 * isWarned(s, place),
};
// The middle of an interval, and how far it reaches.
export const INTERVALS = {
  covered: (s, place, k) => [error(s, k, place), reach(s, k, place)],
  significant: (s, place, k) => [estimate(s, k, place), reach(s, k, place)],
};

// ---- The reference run and stored studies ----------------------------------------------------

export const REFERENCE = "reference";
const loaded = { [REFERENCE]: reference };
export const study = (id) => loaded[id];

// Fetch a study's file, which lies beside this one: as a script, since that works in a page that was
// opened from the disk, too. What goes wrong is what is returned.
const here = document.currentScript.src;
export const load = (id) =>
  new Promise((resolve) => {
    if (loaded[id]) return resolve(null);
    const script = document.createElement("script");
    script.src = new URL(`explorer-${id}.js`, here);
    script.onload = () => {
      loaded[id] = data.found;
      resolve(null);
    };
    script.onerror = () => resolve(`The study ${id} could not be loaded.`);
    document.head.append(script);
  });

// ---- Conditions and data sets by their places --------------------------------------------------

// The place of a condition, by the ids of its levels, or null; that of a data set, where
// replications are kept, with the replication as the last of them.
export function placeOf(section, ids) {
  let place = 0;
  for (const [d, { levels }] of section.keys.entries()) {
    const at = levels.findIndex((level) => level.id === ids[d]);
    if (at < 0) return null;
    place = place * levels.length + at;
  }
  if (!section.replications) return ids.length > section.keys.length ? null : place;
  const last = ids[section.keys.length];
  return /^\d+$/.test(last) && Number(last) < section.replications
    ? place * section.replications + Number(last)
    : null;
}

export function levelsAt(section, place) {
  let rest = section.replications ? Math.floor(place / section.replications) : place;
  const found = [];
  for (const { levels } of [...section.keys].reverse()) {
    found.unshift(levels[rest % levels.length]);
    rest = Math.floor(rest / levels.length);
  }
  return found;
}

// The inverse of placeOf.
export const idsAt = (section, place) => [
  ...levelsAt(section, place).map((level) => level.id),
  ...(section.replications ? [String(place % section.replications)] : []),
];

export function describe(section, place) {
  const condition = levelsAt(section, place).map((level) => level.say).join(", ") || section.label;
  return section.replications ? `replication ${place % section.replications} of ${condition}` : condition;
}

// What `simulate` is told of a data set of the reference run.
export const addressOf = (place) => {
  const [section] = reference.sections;
  const levels = levelsAt(section, place).map(({ id }, d) => [section.keys[d].id, Number(id)]);
  return { ...Object.fromEntries(levels), replication: place % replications };
};

export const line = (place) => {
  const { replication, ...condition } = addressOf(place);
  const said = Object.entries(condition).map(([name, value]) => `${name}=${value}`);
  return `simulate(Condition(${said.join(", ")}), seed=${data.seed}, replication=${replication})`;
};

// ---- Numbers ---------------------------------------------------------------------------------

export const number = (value) => {
  const text = Math.abs(value) < 1e-4 ? "0" : value.toPrecision(3);
  return (text.includes("e") ? String(Number(text)) : text).replace("-", "−");
};
// Several in a row, with what may be missing.
export const numbers = (values) => values.map((value) => (value === null ? "–" : number(value)));
