// The post's four strategies for one predictor: what each says of the level and the slope.

import { Reml } from "./reml.js";
import { Summary } from "./summary.js";

export const STRATEGIES = ["mlm_full", "mlm_intercept", "cluster_robust", "two_stage"];

// A fit of all four: for strategy i and coefficient k (0 the level, 1 the slope) estimate, standard
// error and degrees of freedom from 6 i + 3 k on; then whether the first two are singular.
export const FIT_SIZE = 26;
export const ESTIMATE = 0;
export const SE = 1;
export const DF = 2;
export const SINGULAR = 24;
export const at = (strategy, coefficient, what) => 6 * strategy + 3 * coefficient + what;

export class Strategies {
  constructor(people) {
    this.summary = new Summary(people);
    this.reml = new Reml(people);
  }

  // Fit all four to a data set; `out` gets FIT_SIZE numbers from `from` on. Where a person has no
  // regression of their own, or there are too few people or rows, all of them are missing.
  fit(data, out, from = 0) {
    const found = this.summary.of(data);
    if (!found.usable || found.people < 3 || found.rows <= 2 * found.people) {
      out.fill(NaN, from, from + FIT_SIZE);
      return;
    }
    for (let i = 0; i < 2; i++) {
      const fit = this.reml.fit(found, i === 0);
      const to = from + 6 * i;
      out[to] = fit.level;
      out[to + 1] = fit.seLevel;
      out[to + 2] = fit.dfLevel;
      out[to + 3] = fit.slope;
      out[to + 4] = fit.seSlope;
      out[to + 5] = fit.dfSlope;
      out[from + SINGULAR + i] = fit.singular ? 1 : 0;
    }
    this.clusterRobust(found, out, from + 12);
    this.twoStage(found, out, from + 18);
  }

  // OLS over all rows; V = (X'X)^-1 M (X'X)^-1 J/(J-1) N/(N-2) and J - 2 degrees of freedom.
  clusterRobust(found, out, to) {
    const { people, p, q, r, b0, b1, rows, mean, sd, scale } = found;
    let [level, slope] = [0, 0];
    for (let j = 0; j < people; j++) {
      const u1 = (q[j] * b0[j] + r[j] * b1[j]) / sd;
      const u0 = p[j] * b0[j] + q[j] * b1[j] - u1 * mean;
      level += u0 * u0;
      slope += u1 * u1;
    }
    const factor = ((people / (people - 1)) * rows) / (rows - 2);
    out[to] = found.level;
    out[to + 1] = (scale / rows) * Math.sqrt(factor * level);
    out[to + 3] = found.slope;
    out[to + 4] = (scale / rows) * Math.sqrt(factor * slope);
    out[to + 2] = out[to + 5] = people - 2;
  }

  // A regression a person, then the mean of their coefficients.
  twoStage({ people, ownLevel, ownSlope }, out, to) {
    for (let k = 0; k < 2; k++, to += 3) {
      const own = k ? ownSlope : ownLevel;
      let [mean, squares] = [0, 0];
      for (let j = 0; j < people; j++) mean += own[j] / people;
      for (let j = 0; j < people; j++) squares += (own[j] - mean) * (own[j] - mean);
      out[to] = mean;
      out[to + 1] = Math.sqrt(squares / (people - 1) / people);
      out[to + 2] = people - 1;
    }
  }
}
