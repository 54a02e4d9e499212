// What is left of a data set's rows: a few numbers a person, all that the strategies need. This is
// src/mlmlearn/triangles.py for one predictor, where a person's triangle has a closed form.
//
// In standardised columns, (1, (x - mean) / sd), with outcomes less the fit of OLS over all rows and
// in units of its residual SD, person j has cross-products S_j = [p q; q r] with determinant D, and
// a regression of their own with coefficients b_j = (b0, b1).

export class Summary {
  constructor(people) {
    this.people = people;
    for (const name of ["p", "q", "r", "D", "b0", "b1", "ownLevel", "ownSlope"])
      this[name] = new Float64Array(people);
    // Of all rows: their number, the predictor's mean and SD, OLS coefficients, its residual SD.
    this.rows = 0;
    this.mean = this.sd = this.level = this.slope = this.scale = 0.5;
    this.rest = 0.5; // squares that no person’s own regression explains
    this.usable = true; // every person has a regression of their own
  }

  // Sum up the rows of a data set.
  of(data) {
    const { people, p, q, r, D, b0, b1, ownLevel, ownSlope } = this;
    const { x, y, starts } = data;
    const rows = starts[people];
    let sumX = 0;
    let sumY = 0;
    for (let i = 0; i < rows; i++) {
      sumX += x[i];
      sumY += y[i];
    }
    const mean = sumX / rows;
    const meanY = sumY / rows;
    let spread = 0;
    let common = 0;
    for (let i = 0; i < rows; i++) {
      spread += (x[i] - mean) * (x[i] - mean);
      common += (x[i] - mean) * (y[i] - meanY);
    }
    const sd = Math.sqrt(spread / rows);
    const slope = common / spread;
    let left = 0;
    let rest = 0;
    this.usable = true;
    for (let j = 0; j < people; j++) {
      const from = starts[j];
      const to = starts[j + 1];
      const n = to - from;
      let x1 = 0;
      let y1 = 0;
      for (let i = from; i < to; i++) {
        x1 += x[i];
        y1 += y[i];
      }
      x1 /= n;
      y1 /= n;
      let xx = 0;
      let xy = 0;
      for (let i = from; i < to; i++) {
        xx += (x[i] - x1) * (x[i] - x1);
        xy += (x[i] - x1) * (y[i] - y1);
      }
      const own = xy / xx;
      for (let i = from; i < to; i++) {
        const residual = y[i] - y1 - own * (x[i] - x1);
        rest += residual * residual;
        const pooled = y[i] - meanY - slope * (x[i] - mean);
        left += pooled * pooled;
      }
      const m = (x1 - mean) / sd;
      p[j] = n;
      q[j] = n * m;
      r[j] = n * m * m + xx / (sd * sd);
      D[j] = (n * xx) / (sd * sd);
      b0[j] = y1 - own * (x1 - mean) - meanY;
      b1[j] = (own - slope) * sd;
      ownLevel[j] = y1 - own * x1;
      ownSlope[j] = own;
      if (!(n > 1 && xx > 1e-10 * spread)) this.usable = false;
    }
    const scale = Math.sqrt(left / (rows - 2));
    for (let j = 0; j < people; j++) {
      b0[j] /= scale;
      b1[j] /= scale;
    }
    this.rows = rows;
    this.mean = mean;
    this.sd = sd;
    this.slope = slope;
    this.level = meanY - slope * mean;
    this.scale = scale;
    this.rest = rest / (scale * scale);
    return this;
  }
}
