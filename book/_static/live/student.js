// Student's t and the normal distribution, as far as intervals and areas need them.

// log Γ(x): Stirling's series, after a walk up to where it is exact to rounding.
function logGamma(x) {
  let below = 1;
  for (; x < 12; x++) below *= x;
  const square = 1 / (x * x);
  const series =
    (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square * (1 / 1680 - square / 1188)))) / x;
  return (x - 0.5) * Math.log(x) - x + 0.5 * Math.log(2 * Math.PI) + series - Math.log(below);
}

// The continued fraction of the incomplete beta function I_x(a, b), by Lentz's method.
function fraction(x, a, b) {
  const tiny = 1e-300;
  let c = 1;
  let d = 1 / (1 - ((a + b) * x) / (a + 1) || tiny);
  let found = d;
  for (let m = 1; m < 1000; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / (1 + even * d || tiny);
    c = 1 + even / c || tiny;
    found *= c * d;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / (1 + odd * d || tiny);
    c = 1 + odd / c || tiny;
    found *= c * d;
    if (Math.abs(c * d - 1) < 1e-15) break;
  }
  return found;
}

// The 97.5 % quantile of Student's t: how many standard errors a 95 % interval reaches.
export function quantile(df) {
  if (!(df > 0)) return NaN;
  const z = 1.959963984540054;
  // Cornish and Fisher's expansion, which is exact where there are many.
  const near =
    z + (z ** 3 + z) / (4 * df) + (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * df * df);
  if (df > 1e5) return near;
  const peak = Math.exp(logGamma((df + 1) / 2) - logGamma(df / 2)) / Math.sqrt(df * Math.PI);
  let t = df > 3 ? near : z;
  // Newton's method in the logarithms of both t and the tail, since the tail is nearly a power of t.
  for (let i = 0; i < 50; i++) {
    const x = df / (df + t * t);
    const body = peak * t * Math.exp((-(df + 1) / 2) * Math.log1p((t * t) / df)); // t times density
    const tail =
      x < (df + 2) / (df + 5)
        ? (body / df) * fraction(x, df / 2, 0.5)
        : 0.5 - body * fraction(1 - x, 0.5, df / 2);
    const step = (Math.log(tail / 0.025) * tail) / body;
    t *= Math.exp(step);
    if (Math.abs(step) < 1e-13) break;
  }
  return t;
}

// P(Z < z) of a standard normal Z.
export function normalBelow(z) {
  if (Math.abs(z) > 8) return z > 0 ? 1 : 0;
  let term = z;
  let sum = z;
  for (let i = 3; Math.abs(term) > 1e-17; i += 2) {
    term *= (z * z) / i;
    sum += term;
  }
  return 0.5 + (sum * Math.exp((-z * z) / 2)) / Math.sqrt(2 * Math.PI);
}

// The z below which a standard normal lies with probability p, by halving.
export function normalQuantile(p) {
  let low = -8;
  let high = 8;
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (normalBelow(middle) < p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}
