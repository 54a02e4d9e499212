// The multilevel models by REML with one predictor, from a summary's few numbers a person.
//
// This is src/mlmlearn/reml.py, whose names and formulas it keeps, in closed form for two random
// effects. Their relative covariances are G = V diag(s0², s1²) V', with V a rotation. In axes that
// V has turned, F_j' K_j^-1 F_j of that module is
//
//   P_j = (S_j^-1 + diag(s0², s1²))^-1 = [p + s1² D  q; q  r + s0² D] / k
//   k = 1 + s0² p + s1² r + s0² s1² D = |K_j|
//
// and with b_j - beta for a person's own coefficients less the average, h_j = P_j (b_j - beta).
// Random intercepts alone are the case s1 = 0 with V the identity and one direction to search.

import { eigen } from "./eigen.js";

// As in reml.py.
const [MOST_STEPS, FLAT, SHORTEST, ROUNDING] = [500, 1e-16, 1e-9, 1e-9];
const [LONGEST, FLATTEST, NUDGE] = [1, 1e-7, 0.01];
const ROUND = 0.2;
const TINY = 1e-100;
const SIZES = [0.2, 1];
const OTHER_STARTS = [
  [3, 3],
  [30, 30],
  [10, 0.1],
  [0.1, 10],
];
// As in multilevel.py.
const SINGULAR = 1e-4;

// Lambda: V as a rotation by (c, s), and the sizes of the random effects.
const place = () => ({ c: 1.5, s: 0.5, s0: 0.5, s1: 0.5 });

function put(at, c, s, s0, s1) {
  at.c = c;
  at.s = s;
  at.s0 = s0;
  at.s1 = s1;
}

const copy = (at, from) => put(at, from.c, from.s, from.s0, from.s1);

// Lambda = V Y, with Y = [y00 y01; y10 y11]: its singular value decomposition, less the right factor.
function putProduct(at, c, s, y00, y01, y10, y11) {
  const a = y00 * y00 + y01 * y01;
  const b = y00 * y10 + y01 * y11;
  const d = y10 * y10 + y11 * y11;
  const angle = b === 0 && a >= d ? 0 : Math.atan2(2 * b, a - d) / 2;
  const tc = Math.cos(angle);
  const ts = Math.sin(angle);
  // Rows of V'Y turned once more are orthogonal, and as long as the random effects are large.
  put(
    at,
    c * tc - s * ts,
    s * tc + c * ts,
    Math.hypot(tc * y00 + ts * y10, tc * y01 + ts * y11),
    Math.hypot(tc * y10 - ts * y00, tc * y11 - ts * y01),
  );
}

// One workspace serves data sets of as many people, one after another; a search allocates nothing.
export class Reml {
  constructor(people) {
    for (const name of ["P0", "P1", "P2", "e0", "e1"]) this[name] = new Float64Array(people);
    this.here = place();
    this.best = place();
    this.found = place();
    this.moves = 3; // directions: s0, the angle between both, s1; or s0 alone
    // The criterion at a Lambda: see `profile` and `differentiate`.
    this.deviance = this.s2 = this.beta0 = this.beta1 = this.J0 = this.J1 = this.J2 = 0.5;
    this.gradient = new Float64Array(3);
    this.hessian = new Float64Array(16);
    this.S = new Float64Array(18); // S(dG) along each direction: 00, 01, 11, 0e, 1e, ee
    this.bend = new Float64Array(6); // the Hessian’s upper triangle, in parts
    this.step = new Float64Array(3);
    this.promise = 0.5;
    this.A = new Float64Array(16);
    this.lower = new Float64Array(9);
    this.V = new Float64Array(16);
    this.out = {
      level: 0.5, slope: 0.5, seLevel: 0.5, seSlope: 0.5, dfLevel: 0.5, dfSlope: 0.5,
      steepest: 0.5, singular: false,
    }; // prettier-ignore
  }

  // Profile the criterion over beta and s² at a Lambda.
  profile(data, at) {
    const { P0, P1, P2, e0, e1 } = this;
    const { people, p, q, r, D, b0, b1 } = data;
    const { c, s } = at;
    const g0 = at.s0 * at.s0;
    const g1 = at.s1 * at.s1;
    const cc = c * c;
    const cs = c * s;
    const ss = s * s;
    let logs = 0;
    let product = 1;
    let i0 = 0, i1 = 0, i2 = 0, t0 = 0, t1 = 0; // prettier-ignore
    for (let j = 0; j < people; j++) {
      const turnedP = cc * p[j] + 2 * cs * q[j] + ss * r[j];
      const turnedQ = cs * (r[j] - p[j]) + (cc - ss) * q[j];
      const turnedR = ss * p[j] - 2 * cs * q[j] + cc * r[j];
      const k = 1 + g0 * turnedP + g1 * turnedR + g0 * g1 * D[j];
      const P00 = (turnedP + g1 * D[j]) / k;
      const P01 = turnedQ / k;
      const P11 = (turnedR + g0 * D[j]) / k;
      const own0 = c * b0[j] + s * b1[j];
      const own1 = c * b1[j] - s * b0[j];
      product *= k;
      if (product > 1e200) {
        logs += Math.log(product);
        product = 1;
      }
      P0[j] = P00;
      P1[j] = P01;
      P2[j] = P11;
      e0[j] = own0;
      e1[j] = own1;
      i0 += P00;
      i1 += P01;
      i2 += P11;
      t0 += P00 * own0 + P01 * own1;
      t1 += P01 * own0 + P11 * own1;
    }
    const determinant = i0 * i2 - i1 * i1;
    this.J0 = i2 / determinant; // information^-1
    this.J1 = -i1 / determinant;
    this.J2 = i0 / determinant;
    this.beta0 = this.J0 * t0 + this.J1 * t1;
    this.beta1 = this.J1 * t0 + this.J2 * t1;
    let squares = data.rest;
    for (let j = 0; j < people; j++) {
      const d0 = (e0[j] -= this.beta0);
      const d1 = (e1[j] -= this.beta1);
      squares += P0[j] * d0 * d0 + 2 * P1[j] * d0 * d1 + P2[j] * d1 * d1;
    }
    const free = data.rows - 2;
    this.s2 = squares / free;
    this.deviance =
      logs + Math.log(product) + Math.log(determinant) + free * (1 + Math.log(2 * Math.PI * this.s2));
    return this.deviance;
  }

  // Differentiate it twice along the directions, at the Lambda that was profiled last.
  differentiate(data, at) {
    const { P0, P1, P2, e0, e1, J0, J1, J2, S, hessian: H, gradient } = this;
    const people = data.people;
    const perS2 = 1 / this.s2;
    // U, then sums of tr(P B (2R - P) B') and of E'BE over the people, B being 00, 01 + 10, 11.
    let u0 = 0, u1 = 0, u2 = 0;
    let q00 = 0, q01 = 0, q02 = 0, q11 = 0, q12 = 0, q22 = 0;
    let a00 = 0, a01 = 0, a02 = 0, a03 = 0, a04 = 0, a05 = 0;
    let x00 = 0, x01 = 0, x02 = 0, x03 = 0, x04 = 0, x05 = 0;
    let z00 = 0, z01 = 0, z02 = 0, z03 = 0, z04 = 0, z05 = 0;
    for (let j = 0; j < people; j++) {
      const p0 = P0[j];
      const p1 = P1[j];
      const p2 = P2[j];
      const h0 = p0 * e0[j] + p1 * e1[j];
      const h1 = p1 * e0[j] + p2 * e1[j];
      const left0 = p0 * J0 + p1 * J1;
      const left1 = p0 * J1 + p1 * J2;
      const right0 = p1 * J0 + p2 * J1;
      const right1 = p1 * J1 + p2 * J2;
      const R0 = left0 * p0 + left1 * p1 + h0 * h0 * perS2;
      const R1 = left0 * p1 + left1 * p2 + h0 * h1 * perS2;
      const R2 = right0 * p1 + right1 * p2 + h1 * h1 * perS2;
      u0 += p0 - R0;
      u1 += p1 - R1;
      u2 += p2 - R2;
      const n0 = 2 * R0 - p0;
      const n1 = 2 * R1 - p1;
      const n2 = 2 * R2 - p2;
      q00 += p0 * n0;
      q01 += p1 * n0 + p0 * n1;
      q02 += p1 * n1;
      q11 += 2 * p1 * n1 + p0 * n2 + p2 * n0;
      q12 += p1 * n2 + p2 * n1;
      q22 += p2 * n2;
      a00 += p0 * p0;
      a01 += p0 * p1;
      a02 += p1 * p1;
      a03 += p0 * h0;
      a04 += p1 * h0;
      a05 += h0 * h0;
      x00 += p0 * p1;
      x01 += p0 * p2 + p1 * p1;
      x02 += p1 * p2;
      x03 += p0 * h1 + p1 * h0;
      x04 += p1 * h1 + p2 * h0;
      x05 += h0 * h1;
      z00 += p1 * p1;
      z01 += p1 * p2;
      z02 += p2 * p2;
      z03 += p1 * h1;
      z04 += p2 * h1;
      z05 += h1 * h1;
    }
    // How far each direction moves G in B's terms, and Lambda in its own.
    const { s0, s1 } = at;
    const length = Math.hypot(s0, s1);
    const f0 = length > TINY ? s0 + s0 / length : Math.SQRT1_2;
    const f1 = length > TINY ? s1 + s1 / length : Math.SQRT1_2;
    const m0 = 2 * s0 * (s0 + 1);
    const m1 = length * length + length;
    const m2 = 2 * s1 * (s1 + 1);

    S[0] = m0 * a00;
    S[1] = m0 * a01;
    S[2] = m0 * a02;
    S[3] = m0 * a03;
    S[4] = m0 * a04;
    S[5] = m0 * a05;
    S[6] = m1 * 2 * x00;
    S[7] = m1 * x01;
    S[8] = m1 * 2 * x02;
    S[9] = m1 * x03;
    S[10] = m1 * x04;
    S[11] = m1 * 2 * x05;
    S[12] = m2 * z00;
    S[13] = m2 * z01;
    S[14] = m2 * z02;
    S[15] = m2 * z03;
    S[16] = m2 * z04;
    S[17] = m2 * z05;

    gradient[0] = m0 * u0;
    gradient[1] = m1 * 2 * u1;
    gradient[2] = m2 * u2;

    const T = this.moves;
    const n = T + 1;
    const bend = this.bend;
    bend[0] = m0 * m0 * q00 + 2 * (s0 + 1) * (s0 + 1) * u0;
    bend[1] = m0 * m1 * q01 + 2 * (s0 + 1) * f0 * u1;
    bend[2] = m0 * m2 * q02;
    bend[3] = m1 * m1 * q11 + 2 * (f1 * f1 * u0 + f0 * f0 * u2);
    bend[4] = m1 * m2 * q12 + 2 * (s1 + 1) * f1 * u1;
    bend[5] = m2 * m2 * q22 + 2 * (s1 + 1) * (s1 + 1) * u2;
    for (let t = 0, at = 0; t < 3; t++) {
      for (let u = t; u < 3; u++, at++) {
        if (u >= T) continue;
        H[t * n + u] = H[u * n + t] = bend[at] - this.crossed(t, u, perS2);
      }
      if (t < T) H[t * n + T] = H[T * n + t] = 2 * S[6 * t + 5] * perS2;
    }
    H[T * n + T] = 4 * (data.rows - 2);
  }

  // tr(S(dG) W S(dH) W) less what is added again for s².
  crossed(t, u, perS2) {
    const { S, J0, J1, J2 } = this;
    const [a, b] = [6 * t, 6 * u];
    // S(dG) J and S(dH) J, two by two.
    const g00 = S[a] * J0 + S[a + 1] * J1;
    const g01 = S[a] * J1 + S[a + 1] * J2;
    const g10 = S[a + 1] * J0 + S[a + 2] * J1;
    const g11 = S[a + 1] * J1 + S[a + 2] * J2;
    const h00 = S[b] * J0 + S[b + 1] * J1;
    const h01 = S[b] * J1 + S[b + 1] * J2;
    const h10 = S[b + 1] * J0 + S[b + 2] * J1;
    const h11 = S[b + 1] * J1 + S[b + 2] * J2;
    const own = g00 * h00 + g01 * h10 + g10 * h01 + g11 * h11;
    const withError =
      S[a + 3] * (J0 * S[b + 3] + J1 * S[b + 4]) + S[a + 4] * (J1 * S[b + 3] + J2 * S[b + 4]);
    return own + 2 * withError * perS2;
  }

  // Newton's step down the profiled criterion, and what it promises to take off, twice.
  plan() {
    const { A, V, step, gradient, hessian: H, moves: T } = this;
    const n = T + 1;
    const last = H[T * n + T];
    for (let t = 0; t < T; t++)
      for (let u = 0; u < T; u++) A[t * T + u] = H[t * n + u] - (H[t * n + T] * H[u * n + T]) / last;
    if (this.solved()) return;
    eigen(A, V, T);
    for (let t = 0; t < T; t++) step[t] = 0;
    let [length, promise] = [0, 0];
    for (let i = 0; i < T; i++) {
      const curvature = A[i * T + i];
      let slope = 0;
      for (let t = 0; t < T; t++) slope += gradient[t] * V[t * T + i];
      if (curvature < 0 && Math.abs(slope) < NUDGE * -curvature)
        slope = (slope < 0 ? -1 : 1) * NUDGE * -curvature;
      const along = -slope / Math.max(Math.abs(curvature), FLATTEST);
      for (let t = 0; t < T; t++) step[t] += along * V[t * T + i];
      length += along * along;
      promise -= slope * along;
    }
    this.shorten(length, promise);
  }

  // The same where the surface is a bowl, without its axes: by elimination in A.
  solved() {
    const { A, step, gradient, moves: T } = this;
    for (let i = 0; i < T; i++) {
      step[i] = -gradient[i];
      for (let j = 0; j < i; j++) {
        let sum = A[i * T + j];
        for (let k = 0; k < j; k++) sum -= this.lower[i * T + k] * this.lower[j * T + k];
        this.lower[i * T + j] = sum / this.lower[j * T + j];
        step[i] -= this.lower[i * T + j] * step[j];
      }
      let pivot = A[i * T + i];
      for (let k = 0; k < i; k++) pivot -= this.lower[i * T + k] * this.lower[i * T + k];
      if (!(pivot > 10 * FLATTEST)) return false;
      this.lower[i * T + i] = Math.sqrt(pivot);
      step[i] /= this.lower[i * T + i];
    }
    let [length, promise] = [0, 0];
    for (let i = T - 1; i >= 0; i--) {
      for (let k = i + 1; k < T; k++) step[i] -= this.lower[k * T + i] * step[k];
      step[i] /= this.lower[i * T + i];
      length += step[i] * step[i];
      promise -= gradient[i] * step[i];
    }
    this.shorten(length, promise);
    return true;
  }

  shorten(length, promise) {
    const share = length > LONGEST * LONGEST ? LONGEST / Math.sqrt(length) : 1;
    for (let t = 0; t < this.moves; t++) this.step[t] *= share;
    this.promise = promise * share;
  }

  // Walk down from `found`, which ends at the lowest place reached; return the deviance there.
  minimise(data) {
    const { found, here } = this;
    let value = this.profile(data, found);
    this.differentiate(data, found);
    this.plan();
    let share = 1;
    for (let i = 0; i < MOST_STEPS && this.promise > FLAT && share > SHORTEST; i++) {
      this.move(share);
      const deviance = this.profile(data, here);
      if (deviance <= value - 1e-4 * share * this.promise + ROUNDING) {
        copy(found, here);
        value = deviance;
        this.differentiate(data, found);
        this.plan();
        share = 1;
      } else share *= 0.3;
    }
    return value;
  }

  // Put `here` a share of the step away from `found`.
  move(share) {
    const { found, here, step } = this;
    const { c, s, s0, s1 } = found;
    const y00 = s0 + share * step[0] * (s0 + 1);
    if (this.moves === 1) return put(here, c, s, Math.abs(y00), 0);
    const length = Math.hypot(s0, s1);
    const along = share * step[1];
    const y01 = along * (length > TINY ? s1 + s1 / length : Math.SQRT1_2);
    const y10 = along * (length > TINY ? s0 + s0 / length : Math.SQRT1_2);
    putProduct(here, c, s, y00, y01, y10, s1 + share * step[2] * (s1 + 1));
  }

  // Fit a model, with random intercepts alone or with random slopes too.
  fit(data, slopes) {
    const { found, best, out } = this;
    this.moves = slopes ? 3 : 1;
    const second = slopes ? 1 : 0;
    put(found, 1, 0, SIZES[0], second * SIZES[0]);
    const near = this.profile(data, found);
    put(found, 1, 0, SIZES[1], second * SIZES[1]);
    if (near <= this.profile(data, found)) put(found, 1, 0, SIZES[0], second * SIZES[0]);
    let value = this.minimise(data);
    if (slopes && Math.min(found.s0, found.s1) < ROUND * Math.max(found.s0, found.s1)) {
      copy(best, found);
      for (let i = 0; i < OTHER_STARTS.length; i++) {
        put(found, 1, 0, OTHER_STARTS[i][0], OTHER_STARTS[i][1]);
        const other = this.minimise(data);
        if (other < value) {
          value = other;
          copy(best, found);
        }
      }
      copy(found, best);
    }
    this.profile(data, found);
    this.differentiate(data, found);
    out.singular = (slopes ? Math.min(found.s0, found.s1) : found.s0) < SINGULAR;
    out.steepest = 0;
    for (let t = 0; t < this.moves; t++)
      out.steepest = Math.max(out.steepest, Math.abs(this.gradient[t]));

    // Back to the data's units: the slope is (0, 1/sd) in standardised columns, the level (1, -mean/sd).
    const { c, s } = found;
    const back = data.scale / data.sd;
    const slope = s * this.beta0 + c * this.beta1;
    const level = c * this.beta0 - s * this.beta1;
    out.slope = data.slope + slope * back;
    out.level = data.level + level * data.scale - slope * back * data.mean;
    this.judge(s / data.sd, c / data.sd);
    out.seSlope = data.scale * Math.sqrt(this.variance);
    out.dfSlope = this.df;
    const shift = -data.mean / data.sd;
    this.judge(c + shift * s, -s + shift * c);
    out.seLevel = data.scale * Math.sqrt(this.variance);
    out.dfLevel = this.df;
    return out;
  }

  // Variance of l'beta, in turned axes, and Satterthwaite's degrees of freedom.
  judge(l0, l1) {
    const { A, V, S, J0, J1, J2, moves: T, hessian: H, s2 } = this;
    const n = T + 1;
    const k0 = J0 * l0 + J1 * l1;
    const k1 = J1 * l0 + J2 * l1;
    const v = s2 * (l0 * k0 + l1 * k1);
    for (let i = 0; i < n * n; i++) A[i] = H[i];
    eigen(A, V, n);
    let sum = 0;
    for (let i = 0; i < n; i++) {
      const value = A[i * n + i];
      if (value <= 1e-8) continue;
      let along = 2 * v * V[T * n + i];
      for (let t = 0; t < T; t++) {
        const a = 6 * t;
        const g = s2 * (S[a] * k0 * k0 + 2 * S[a + 1] * k0 * k1 + S[a + 2] * k1 * k1);
        along += g * V[t * n + i];
      }
      sum += (2 * along * along) / value;
    }
    this.variance = v;
    this.df = (2 * v * v) / sum;
  }
}
