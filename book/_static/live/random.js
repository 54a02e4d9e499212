// A seeded source of random numbers: Doty-Humphrey's sfc32 (PractRand), with normal numbers by
// Marsaglia and Bray's polar method. The same words always give the same numbers.

export class Random {
  constructor() {
    this.words = new Uint32Array(4);
    this.spare = 0.5; // a normal number that is left over
    this.left = false;
  }

  // Start the stream that three whole numbers address.
  seed(one, two, three) {
    const w = this.words;
    w[0] = one;
    w[1] = two;
    w[2] = three;
    w[3] = 1;
    this.left = false;
    for (let i = 0; i < 15; i++) this.next();
  }

  // 32 random bits.
  next() {
    const w = this.words;
    const found = (w[0] + w[1] + w[3]) >>> 0;
    w[3] += 1;
    w[0] = w[1] ^ (w[1] >>> 9);
    w[1] = w[2] + (w[2] << 3);
    w[2] = ((w[2] << 21) | (w[2] >>> 11)) + found;
    return found;
  }

  // Normal with mean 0 and SD 1.
  normal() {
    if (this.left) {
      this.left = false;
      return this.spare;
    }
    let u, v, square;
    do {
      u = (this.next() + 0.5) / 2147483648 - 1;
      v = (this.next() + 0.5) / 2147483648 - 1;
      square = u * u + v * v;
    } while (square >= 1);
    const factor = Math.sqrt((-2 * Math.log(square)) / square);
    this.spare = v * factor;
    this.left = true;
    return u * factor;
  }
}
