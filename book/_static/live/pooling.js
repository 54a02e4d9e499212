// Lines between complete and no pooling: the best guess of each person's line when levels and slopes
// are known to differ with one SD, and the noise has a known SD too.
//
// With g = (sd / noise)², S_j = X_j'X_j, u_j = X_j'y_j and M_j = (I + g S_j)^-1, the average is
// beta = (sum M_j S_j)^-1 sum M_j u_j, and a person's line is beta + g M_j (u_j - S_j beta).

function sums(points) {
  const found = { n: points.length, x: 0, xx: 0, y: 0, xy: 0 };
  for (const { x, y } of points) {
    found.x += x;
    found.xx += x * x;
    found.y += y;
    found.xy += x * y;
  }
  return found;
}

const solve = ([a, b, d], [u, v]) => {
  const determinant = a * d - b * b;
  return [(d * u - b * v) / determinant, (a * v - b * u) / determinant];
};

// The average line, and everyone's, as [level, slope]; `people` are arrays of points. An infinite SD
// leaves every person with two points or more their own line, and the others none.
export function pooled(people, sd, noise) {
  const all = people.map(sums);
  const own = all.map(({ n, x, xx, y, xy }) => (n > 1 ? solve([n, x, xx], [y, xy]) : null));
  if (sd === Infinity) {
    const there = own.filter(Boolean);
    const average = [0, 1].map((k) => there.reduce((sum, one) => sum + one[k], 0) / there.length);
    return { average, lines: own };
  }
  const g = (sd / noise) ** 2;
  const left = all.map(({ n, x, xx }) => {
    const determinant = (1 + g * n) * (1 + g * xx) - g * g * x * x;
    return [(1 + g * xx) / determinant, (-g * x) / determinant, (1 + g * n) / determinant];
  });
  const times = ([a, b, d], [u, v]) => [a * u + b * v, b * u + d * v];
  const information = [0, 0, 0];
  const score = [0, 0];
  all.forEach(({ n, x, xx, y, xy }, j) => {
    const [first, second] = [times(left[j], [n, x]), times(left[j], [x, xx])];
    information[0] += first[0];
    information[1] += first[1];
    information[2] += second[1];
    const [u, v] = times(left[j], [y, xy]);
    score[0] += u;
    score[1] += v;
  });
  const average = solve(information, score);
  const lines = all.map(({ n, x, xx, y, xy }, j) => {
    const rest = [y - n * average[0] - x * average[1], xy - x * average[0] - xx * average[1]];
    return times(left[j], rest).map((one, k) => average[k] + g * one);
  });
  return { average, lines };
}
