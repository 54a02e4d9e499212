// The explorer's model: what can be measured, and which data set is where. No page, no state.
// explorer.py wrote the data.

export const data = window.explorerData;
const { terms, levels, replications, unit } = data;

// ---- What there is to see ---------------------------------------------------------------

export const DIMENSIONS = {
  n_groups: { label: "People", say: (v) => `${v} people`, every: "every number of people" },
  n_obs: {
    label: "Observations per person",
    say: (v) => `${v} observations each`,
    every: "every number of observations",
  },
  group_sd: {
    label: "Between-person SD",
    say: (v) => `between-person SD ${v}`,
    every: "every between-person SD",
  },
};
export const dimensions = Object.keys(DIMENSIONS);

// ---- The numbers of a fit ---------------------------------------------------------------

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

export const MEASURES = {
  coef_abs_error: {
    group: "All four coefficients",
    label: "Sum of absolute errors",
    scale: "log",
    value: total((s, k, place) => Math.abs(error(s, k, place))),
    hint: "How far the four estimates lie from the truth, added up. Smaller is better.",
  },
  se_sum: {
    group: "All four coefficients",
    label: "Sum of standard errors",
    scale: "log",
    value: total(se),
    hint: "How uncertain the strategy says it is. A small one is a claim, which may be wrong.",
  },
  t_sum: {
    group: "All four coefficients",
    label: "Sum of |t| statistics",
    scale: "log",
    value: total((s, k, place) => Math.abs(estimate(s, k, place) / se(s, k, place))),
    hint: "How strong the evidence against zero looks, which may be right or wrong.",
  },
  error: {
    group: "One coefficient",
    label: "Error",
    coefficient: true,
    scale: "linear",
    reference: 0,
    value: (s, place, k) => error(s, k, place),
    hint: "Estimate minus truth. The grey line is a perfect estimate; the mean of the errors is the bias.",
  },
  se: {
    group: "One coefficient",
    label: "Standard error",
    coefficient: true,
    scale: "log",
    value: (s, place, k) => se(s, k, place),
    hint: "What the strategy says about its own precision.",
  },
  covered: {
    group: "One coefficient",
    label: "95 % interval contains the truth",
    coefficient: true,
    rate: true,
    reference: 0,
    value: (s, place, k) => 100 * flag(s, k, place),
    interval: {
      label: "Estimate minus truth, with 95 % interval",
      of: (s, place, k) => [error(s, k, place), reach(s, k, place)],
    },
    hint: "Each line is the 95 % interval of one data set, and the grey line the truth. An honest strategy's intervals cross it in 95 % of data sets.",
  },
  significant: {
    group: "One coefficient",
    label: "Significant at 5 %",
    coefficient: true,
    rate: true,
    reference: 0,
    value: (s, place, k) => 100 * flag(s, 4 + k, place),
    interval: {
      label: "Estimate, with 95 % interval",
      of: (s, place, k) => [estimate(s, k, place), reach(s, k, place)],
    },
    hint: "Each line is the 95 % interval of one data set; it is significant when it does not cross zero, the grey line. True coefficients lie between 0 and 1, so nearly every effect is there to be found.",
  },
  singular: {
    group: "The fit",
    label: "Singular fit",
    rate: true,
    value: (s, place) => 100 * isSingular(s, place),
    hint: "The estimated random effects have lost a dimension: a variance is zero, or a correlation is one.",
  },
  failed: {
    group: "The fit",
    label: "Convergence warning",
    rate: true,
    value: (s, place) => 100 * isWarned(s, place),
    hint: "lme4 doubts that its search ended at the best values. The answer may be fine all the same.",
  },
};

// ---- Data sets and their places -----------------------------------------------------------

export function placeOf([n_groups, n_obs, group_sd, replication]) {
  const at = [n_groups, n_obs, group_sd].map((v, d) =>
    levels[dimensions[d]].findIndex((l) => String(l) === String(v)),
  );
  const rep = /^\d+$/.test(replication) ? Number(replication) : replications;
  if (at.includes(-1) || rep >= replications) return null;
  const condition = at.reduce((sum, i, d) => sum * levels[dimensions[d]].length + i, 0);
  return condition * replications + rep;
}

export function addressOf(place) {
  const found = { replication: place % replications };
  let rest = Math.floor(place / replications);
  for (const name of [...dimensions].reverse()) {
    found[name] = levels[name][rest % levels[name].length];
    rest = Math.floor(rest / levels[name].length);
  }
  return {
    n_groups: found.n_groups,
    n_obs: found.n_obs,
    group_sd: found.group_sd,
    replication: found.replication,
  };
}

export const describe = (place) => {
  const { replication, ...condition } = addressOf(place);
  return `replication ${replication} of ${dimensions.map((name) => DIMENSIONS[name].say(condition[name])).join(", ")}`;
};

export const line = (place) => {
  const { n_groups, n_obs, group_sd, replication } = addressOf(place);
  return `simulate(Condition(n_groups=${n_groups}, n_obs=${n_obs}, group_sd=${group_sd}), seed=${data.seed}, replication=${replication})`;
};

// ---- Numbers ---------------------------------------------------------------------------------

export const number = (value) => {
  const text = Math.abs(value) < 1e-4 ? "0" : value.toPrecision(3);
  return (text.includes("e") ? String(Number(text)) : text).replace("-", "−");
};
