// Level follows predictor: people with high predictors have high levels, and slopes drift.

import { keptNumbers } from "./address.js";
import { Data } from "./draw.js";
import { announcer, controls, draw, make, number, slider, table, tableOf, toggle } from "./page.js";
import { axisBelow, canvas, clipped, line, scale } from "./plot.js";
import { Random } from "./random.js";
import { ESTIMATE, DF, FIT_SIZE, SE, STRATEGIES, Strategies, at } from "./strategies.js";
import { colorOf, looks, mark, named } from "./strategy_looks.js";
import { quantile } from "./student.js";

const [PEOPLE, ROWS, SLOPE, SEED] = [40, 5, 0.5, 4];
const SLOPES = [-1.6, 2.6];

// The same people and the same luck for every relation.
function drawn(relation, subtract) {
  const data = Data.balanced(PEOPLE, ROWS);
  const random = new Random();
  for (let j = 0; j < PEOPLE; j++) {
    random.seed(SEED, 0, j);
    const mean = random.normal();
    data.level[j] = relation * mean + 0.6 * random.normal();
    data.slope[j] = SLOPE + 0.3 * random.normal();
    let own = 0;
    for (let i = data.starts[j]; i < data.starts[j + 1]; i++) {
      data.x[i] = mean + 0.8 * random.normal();
      data.y[i] = data.level[j] + data.slope[j] * data.x[i] + 0.8 * random.normal();
      own += data.x[i] / ROWS;
    }
    if (subtract) for (let i = data.starts[j]; i < data.starts[j + 1]; i++) data.x[i] -= own;
  }
  return data;
}

export function level({ large }) {
  let [relation, subtract] = [1, false];
  const { region, say } = announcer();
  const strategies = new Strategies(PEOPLE);
  const fit = new Float64Array(FIT_SIZE);
  let data = null;

  const slopes = () =>
    STRATEGIES.map((_, i) => {
      const [estimate, se, df] = [ESTIMATE, SE, DF].map((what) => fit[at(i, 1, what)]);
      const reach = quantile(df) * se;
      return { estimate, low: estimate - reach, high: estimate + reach };
    });

  const dots = canvas("", (group, width) => {
    const tall = Math.min(large ? 360 : 270, 0.9 * width);
    const x = scale([-4, 4], [6, width - 6]);
    const y = scale([-8, 8], [tall - 40, 4]);
    const inside = clipped(group, 0, 0, width, tall - 40);
    const { ownLevel, ownSlope } = strategies.summary;
    for (let j = 0; j < PEOPLE; j++) {
      const mine = data.x.slice(data.starts[j], data.starts[j + 1]);
      const [from, to] = [Math.min(...mine), Math.max(...mine)];
      const height = (at) => y(ownLevel[j] + ownSlope[j] * at);
      inside.append(line(x(from), height(from), x(to), height(to), { class: "live-person live-clear" }));
    }
    for (let i = 0; i < data.x.length; i++)
      inside.append(draw("circle", { cx: x(data.x[i]), cy: y(data.y[i]), r: 1.8, class: "live-dot" }));
    const [own, slope] = [strategies.summary.level, strategies.summary.slope];
    inside.append(
      line(x(-4), y(own - 4 * slope), x(4), y(own + 4 * slope), {
        stroke: colorOf("cluster_robust"),
        "stroke-width": 3,
      }),
    );
    group.append(
      axisBelow(x, [-4, 4], tall - 40, {
        title: subtract ? "predictor, less the person’s mean" : "predictor",
      }),
    );
    return tall;
  });

  const estimates = canvas("", (group, width) => {
    const step = 44;
    const bottom = STRATEGIES.length * step + 4;
    const x = scale(SLOPES, [6, width - 6]);
    group.append(line(x(SLOPE), 0, x(SLOPE), bottom, { class: "live-truth" }));
    slopes().forEach(({ estimate, low, high }, i) => {
      const y = step * i + 32;
      const cut = (value) => x(Math.min(SLOPES[1], Math.max(SLOPES[0], value)));
      group.append(
        draw("text", { x: 6, y: y - 14 }, looks.get(STRATEGIES[i]).label),
        line(cut(low), y, cut(high), y, { stroke: colorOf(STRATEGIES[i]), "stroke-width": 3 }),
        mark(STRATEGIES[i], cut(estimate), y, 1.2),
      );
    });
    group.append(axisBelow(x, SLOPES, bottom, { title: "slope, with 95 % interval" }));
    return bottom + 40;
  });

  const says = make("p", { class: "live-says" });
  const found = tableOf(() =>
    table(
      `Slopes; the true slope within people is ${SLOPE}`,
      ["Strategy", "Slope", "95 % interval, from", "to"],
      slopes().map(({ estimate, low, high }, i) => [
        named(STRATEGIES[i]),
        ...[estimate, low, high].map((one) => number(one)),
      ]),
    ),
  );

  function update() {
    data = drawn(relation, subtract);
    strategies.fit(data, fit);
    dots.update();
    estimates.update();
    const now = slopes();
    const misses = STRATEGIES.filter((_, i) => now[i].low > SLOPE || now[i].high < SLOPE);
    says.textContent =
      `Within people the slope is ${SLOPE}. ` +
      (misses.length
        ? `Intervals that miss it: ${misses.map((id) => looks.get(id).label).join(", ")}.`
        : "All four intervals hold it.");
    const list = STRATEGIES.map((id, i) => `${looks.get(id).label} ${number(now[i].estimate)}`).join(", ");
    dots.svg.setAttribute("aria-label", "Forty people’s dots, a line for each person, and one line for all.");
    estimates.svg.setAttribute("aria-label", `Four slopes around the true ${SLOPE}: ${list}.`);
    found.update();
    say(`Relation ${number(relation, 1)}. ${list}.`);
  }

  function change(value, centred) {
    [relation, subtract] = [value, centred];
    if (keep) keep([relation, Number(subtract)]);
    update();
  }

  const follows = slider({
    label: "How a person’s level goes with the mean of their predictor",
    min: -2,
    max: 2,
    step: 0.1,
    value: relation,
    say: (value) => number(value, 1),
    onchange: (value) => change(value, subtract),
  });
  const centring = toggle({
    label: "Subtract each person’s mean",
    value: subtract,
    onchange: (value) => change(relation, value),
  });
  const form = controls(
    "The people",
    make("div", { class: "live-fields" }, follows.field, centring.field),
  );
  const keep =
    large &&
    keptNumbers("level", ([value, centred]) => {
      if (!(Math.abs(value) <= 2 && [0, 1].includes(centred))) return;
      [relation, subtract] = [value, centred === 1];
      follows.show(relation);
      centring.show(subtract);
      update();
    });
  update();
  return [
    region,
    form,
    make("div", { class: "live-split live-even" }, dots.box, estimates.box),
    make(
      "p",
      { class: "live-small" },
      "Left: short lines are people, the long one is a single regression for all. Dashed on the right: the slope within people.",
    ),
    says,
    found.details,
  ];
}
