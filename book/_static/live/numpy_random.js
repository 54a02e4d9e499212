// NumPy's random numbers: SeedSequence, PCG64 and the normal ziggurat, so that a page draws the very
// data sets that mlmlearn's `simulate` draws (O'Neill 2014, PCG; Marsaglia & Tsang 2000).

const MASK = (1n << 64n) - 1n;
const MASK_128 = (1n << 128n) - 1n;
const MULTIPLIER = 0x2360ed051fc65da44385df649fccf645n;

// SeedSequence: 32-bit words of entropy, stirred into a pool of four, and words made of the pool.
function seedWords(entropy, n) {
  let constant = 0x43b0d7e5;
  const stir = (value) => {
    value ^= constant;
    constant = Math.imul(constant, 0x931e8875);
    value = Math.imul(value, constant);
    return value ^ (value >>> 16);
  };
  const mix = (x, y) => {
    const found = Math.imul(0xca01f9dd, x) - Math.imul(0x4973f715, y);
    return found ^ (found >>> 16);
  };
  const pool = [0, 1, 2, 3].map((i) => stir(entropy[i] ?? 0));
  for (let from = 0; from < 4; from++)
    for (let to = 0; to < 4; to++) if (from !== to) pool[to] = mix(pool[to], stir(pool[from]));
  for (const word of entropy.slice(4)) for (let to = 0; to < 4; to++) pool[to] = mix(pool[to], stir(word));
  constant = 0x8b51f9dd;
  return Array.from({ length: n }, (_, i) => {
    let value = pool[i % 4] ^ constant;
    constant = Math.imul(constant, 0x58f38ded);
    value = Math.imul(value, constant);
    return (value ^ (value >>> 16)) >>> 0;
  });
}

// The ziggurat's 256 layers of equal area under exp(-x² / 2), from the tail at R on.
const R = 3.654152885361009;
const AREA = 0.00492867323397465;
const EDGES = new Float64Array(256);
EDGES[255] = R;
for (let i = 254; i > 0; i--) {
  const above = AREA / EDGES[i + 1] + Math.exp((-EDGES[i + 1] * EDGES[i + 1]) / 2);
  EDGES[i] = Math.sqrt(-2 * Math.log(above));
}
const height = (x) => Math.exp((-x * x) / 2);

export class NumpyRandom {
  // `entropy` are 32-bit words.
  constructor(entropy) {
    const w = seedWords(entropy, 8).map(BigInt);
    const long = (i) => w[i] | (w[i + 1] << 32n);
    const [state, sequence] = [(long(0) << 64n) | long(2), (long(4) << 64n) | long(6)];
    this.increment = ((sequence << 1n) | 1n) & MASK_128;
    this.state = 0n;
    this.next();
    this.state = (this.state + state) & MASK_128;
    this.next();
  }

  // 64 random bits.
  next() {
    this.state = (this.state * MULTIPLIER + this.increment) & MASK_128;
    const turn = this.state >> 122n;
    const bits = (this.state >> 64n) ^ (this.state & MASK);
    return ((bits >> turn) | (bits << (64n - turn))) & MASK;
  }

  uniform() {
    return Number(this.next() >> 11n) / 2 ** 53;
  }

  normal() {
    for (;;) {
      const bits = this.next();
      const layer = Number(bits & 255n);
      const sign = (bits >> 8n) & 1n ? -1 : 1;
      const share = (bits >> 9n) & 0xfffffffffffffn;
      // Layer 0 is the base with the tail, as wide as its area says; layer i reaches to its edge.
      const wide = layer ? EDGES[layer] : AREA / height(R);
      const x = (Number(share) / 2 ** 52) * wide;
      const inner = layer === 0 ? R : layer === 1 ? 0 : EDGES[layer - 1];
      if (x < inner) return sign * x;
      if (layer === 0) {
        for (;;) {
          const far = -Math.log1p(-this.uniform()) / R;
          const lid = -Math.log1p(-this.uniform());
          if (lid + lid > far * far) return (share >> 8n) & 1n ? -(R + far) : R + far;
        }
      }
      const top = layer === 1 ? 1 : height(EDGES[layer - 1]);
      const bottom = height(EDGES[layer]);
      if ((top - bottom) * this.uniform() + bottom < height(x)) return sign * x;
    }
  }
}

// The 32-bit words of a data set's address, as in simulation.py: whole numbers, then the bits of
// the SDs of the coefficients and of the noise.
function addressWords({ n_groups, n_obs, group_sd, seed, replication }, n_predictors) {
  const bytes = new DataView(new ArrayBuffer(56));
  [seed, replication, n_groups, n_obs, n_predictors].forEach((one, i) =>
    bytes.setBigUint64(8 * i, BigInt(one), true),
  );
  [group_sd, 1].forEach((one, i) => bytes.setFloat64(40 + 8 * i, one, true));
  return Array.from({ length: 14 }, (_, i) => bytes.getUint32(4 * i, true));
}

// Draw what `simulate(Condition(n_groups, n_obs, group_sd), seed=…, replication=…)` draws: true
// coefficients, everyone's coefficients, predictors by row, outcomes.
export function simulate(address, n_predictors = 3) {
  const { n_groups: J, n_obs: n, group_sd } = address;
  const random = new NumpyRandom(addressWords(address, n_predictors));
  const k = n_predictors + 1;
  const betas = Array.from({ length: k }, () => random.uniform());
  const coefs = Array.from({ length: J }, () => betas.map((beta) => beta + group_sd * random.normal()));
  const row = () => Array.from({ length: n_predictors }, () => random.normal());
  const X = Array.from({ length: J }, () => Array.from({ length: n }, row));
  const y = X.map((rows, j) =>
    rows.map((x) => x.reduce((sum, one, i) => sum + one * coefs[j][i + 1], coefs[j][0]) + random.normal()),
  );
  return { betas, coefs, X, y };
}
