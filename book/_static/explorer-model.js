// The explorer's model: what can be measured, and which data set is where. No page, no state.
// explorer.py wrote the data (window.explorerData).
(() => {
  "use strict";
  const data = window.explorerData;
  const { terms, levels, replications, unit } = data;

  // ---- What there is to see ---------------------------------------------------------------

  const DIMENSIONS = {
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
  const dimensions = Object.keys(DIMENSIONS);

  // ---- The numbers of a fit ---------------------------------------------------------------

  // A data set goes by its place in the grid; `s` counts strategies, `k` coefficients.
  const truth = (k, place) => data.truth[k][place] * unit;
  const error = (s, k, place) => data.error[s][k][place] * unit;
  const se = (s, k, place) => data.se[s][k][place] * unit;
  const estimate = (s, k, place) => truth(k, place) + error(s, k, place);
  const flag = (s, bit, place) => (data.flags[s][place] >> bit) & 1;
  const isSingular = (s, place) => flag(s, 8, place);
  const isWarned = (s, place) => flag(s, 9, place);
  const total = (one) => (s, place) => terms.reduce((sum, _, k) => sum + one(s, k, place), 0);

  const MEASURES = {
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
      reference: 95,
      value: (s, place, k) => 100 * flag(s, k, place),
      hint: "An honest strategy's intervals contain the truth in 95 % of data sets, the grey line.",
    },
    significant: {
      group: "One coefficient",
      label: "Significant at 5 %",
      coefficient: true,
      rate: true,
      value: (s, place, k) => 100 * flag(s, 4 + k, place),
      hint: "Whether p is below 0.05. True coefficients lie between 0 and 1, so nearly every effect is there to be found.",
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

  function placeOf([n_groups, n_obs, group_sd, replication]) {
    const at = [n_groups, n_obs, group_sd].map((v, d) =>
      levels[dimensions[d]].findIndex((l) => String(l) === String(v)),
    );
    const rep = /^\d+$/.test(replication) ? Number(replication) : replications;
    if (at.includes(-1) || rep >= replications) return null;
    const condition = at.reduce((sum, i, d) => sum * levels[dimensions[d]].length + i, 0);
    return condition * replications + rep;
  }

  function addressOf(place) {
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

  const describe = (place) => {
    const { replication, ...condition } = addressOf(place);
    return `replication ${replication} of ${dimensions.map((name) => DIMENSIONS[name].say(condition[name])).join(", ")}`;
  };

  const line = (place) => {
    const { n_groups, n_obs, group_sd, replication } = addressOf(place);
    return `simulate(Condition(n_groups=${n_groups}, n_obs=${n_obs}, group_sd=${group_sd}), seed=${data.seed}, replication=${replication})`;
  };

  // ---- Numbers ---------------------------------------------------------------------------------

  function summary(values, rate) {
    const sorted = [...values].sort((a, b) => a - b);
    const n = sorted.length;
    const quantile = (p) => {
      const at = (n - 1) * p,
        low = Math.floor(at);
      return sorted[low] + (at - low) * (sorted[Math.min(low + 1, n - 1)] - sorted[low]);
    };
    const mean = sorted.reduce((a, b) => a + b, 0) / n;
    const squares = sorted.reduce((a, b) => a + (b - mean) ** 2, 0);
    // A rate's Monte Carlo standard error is that of a proportion.
    const mcse = Math.sqrt(squares / (rate ? n : n - 1) / n);
    return { n, mean, mcse, q1: quantile(0.25), median: quantile(0.5), q3: quantile(0.75) };
  }

  const number = (value) => {
    const text = Math.abs(value) < 1e-4 ? "0" : value.toPrecision(3);
    return (text.includes("e") ? String(Number(text)) : text).replace("-", "−");
  };
  window.explorerModel = {
    DIMENSIONS,
    dimensions,
    MEASURES,
    truth,
    estimate,
    se,
    isSingular,
    isWarned,
    placeOf,
    addressOf,
    describe,
    line,
    summary,
    number,
  };
})();
