// Data sets with one predictor, and the process that draws them:
//
//   a person's level and slope  ~ Normal(0 and slope, SDs level_sd and slope_sd, uncorrelated)
//   predictor                   ~ Normal(0, 1), noise ~ Normal(0, noise)
//   outcome                     = level + slope * predictor + noise

import { Random } from "./random.js";

// A data set: the rows of person j are those from starts[j] to starts[j + 1].
export class Data {
  constructor(starts) {
    this.starts = Int32Array.from(starts);
    this.people = this.starts.length - 1;
    const rows = this.starts[this.people];
    this.x = new Float64Array(rows);
    this.y = new Float64Array(rows);
    this.level = new Float64Array(this.people); // each person’s true coefficients, where known
    this.slope = new Float64Array(this.people);
  }

  // Room for people with as many rows each.
  static balanced(people, rows) {
    return new Data(Array.from({ length: people + 1 }, (_, j) => j * rows));
  }
}

const random = new Random();

// Draw data set number `set` of a seed. Every person has a stream of random numbers, so that
// settings change what is made of the numbers and not the numbers: people who are there stay.
export function drawData(data, settings, seed, set) {
  const { slope, level_sd, slope_sd, noise } = settings;
  for (let j = 0; j < data.people; j++) {
    random.seed(seed, set, j);
    data.level[j] = level_sd * random.normal();
    data.slope[j] = slope + slope_sd * random.normal();
    for (let i = data.starts[j]; i < data.starts[j + 1]; i++) {
      data.x[i] = random.normal();
      data.y[i] = data.level[j] + data.slope[j] * data.x[i] + noise * random.normal();
    }
  }
  return data;
}
