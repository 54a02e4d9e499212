// Fan and hill: an average and an SD, as a hundred people's lines and as a distribution.

import { keptNumbers } from "./address.js";
import { announcer, controls, draw, make, number, slider, table, tableOf } from "./page.js";
import { axisBelow, canvas, clipped, line, scale, text } from "./plot.js";
import { normalBelow, normalQuantile } from "./student.js";

const PEOPLE = 100;
// A hundred people who stand for all: each at the middle of a hundredth of the distribution.
const PLACES = Array.from({ length: PEOPLE }, (_, i) => normalQuantile((i + 0.5) / PEOPLE));
const SLOPES = [-4, 4];

export function fan({ large }) {
  let [average, sd] = [0.5, 1];
  const { region, say } = announcer();
  const slopes = () => PLACES.map((place) => average + sd * place);
  const falling = () => slopes().filter((slope) => slope < 0).length;
  const height = (width) => Math.min(large ? 340 : 240, 0.9 * width);

  const lines = canvas("", (group, width) => {
    const tall = height(width);
    const x = scale([0, 1], [6, width - 6]);
    const y = scale(SLOPES, [tall - 26, 4]);
    const inside = clipped(group, 0, 0, width, tall - 20);
    for (const slope of slopes())
      inside.append(line(x(0), y(0), x(1), y(slope), { class: slope < 0 ? "live-falls" : "live-rises" }));
    inside.append(line(x(0), y(0), x(1), y(0), { class: "live-zero" }));
    inside.append(line(x(0), y(0), x(1), y(average), { class: "live-middle" }));
    group.append(text(width / 2, tall - 4, "predictor, one unit", { "text-anchor": "middle" }));
    return tall;
  });

  const hill = canvas("", (group, width) => {
    const tall = height(width);
    const bottom = tall - 40;
    const x = scale(SLOPES, [6, width - 6]);
    const inside = clipped(group, 0, 0, width, bottom);
    const most = 0.85; // higher hills are cut
    const y = scale([0, most], [bottom, 6]);
    const density = (slope) =>
      Math.exp(-(((slope - average) / sd) ** 2) / 2) / (sd * Math.sqrt(2 * Math.PI));
    const area = (from, to) => {
      let path = `M${x(from)} ${bottom}`;
      for (let i = 0; i <= 120; i++) {
        const slope = from + ((to - from) * i) / 120;
        path += `L${x(slope).toFixed(1)} ${y(Math.min(density(slope), 2 * most)).toFixed(1)}`;
      }
      return `${path}L${x(to)} ${bottom}z`;
    };
    if (sd > 0) {
      inside.append(draw("path", { d: area(SLOPES[0], 0), class: "live-below" }));
      inside.append(draw("path", { d: area(0, SLOPES[1]), class: "live-above" }));
    }
    inside.append(line(x(average), 0, x(average), bottom, { class: "live-middle" }));
    inside.append(line(x(0), 0, x(0), bottom, { class: "live-truth" }));
    group.append(axisBelow(x, SLOPES, bottom, { title: "slope", about: 8 }));
    return tall;
  });

  const says = make("p", { class: "live-says live-big" });
  const found = tableOf(() =>
    table(
      "The distribution of slopes",
      ["What", "Value"],
      [
        ["Average slope", number(average)],
        ["SD of slopes", number(sd)],
        ["Of a hundred people, lines that fall", String(falling())],
        ["Share below zero of a normal distribution, %", number(100 * share(), 1)],
      ],
    ),
  );
  const share = () => (sd > 0 ? normalBelow(-average / sd) : average < 0 ? 1 : 0);

  function update() {
    lines.update();
    hill.update();
    const n = falling();
    says.textContent = `${n} of ${PEOPLE} fall.`;
    lines.svg.setAttribute("aria-label", `A fan of a hundred people’s lines, of which ${n} fall.`);
    hill.svg.setAttribute(
      "aria-label",
      `A normal distribution of slopes with average ${number(average)} and SD ${number(sd)}; ` +
        `${number(100 * share(), 0)} percent of it lie below zero.`,
    );
    found.update();
    say(`Average ${number(average)}, SD ${number(sd)}: ${n} of ${PEOPLE} lines fall.`);
  }

  const field = (label, range, value, set) =>
    slider({
      label,
      ...range,
      step: 0.05,
      value,
      say: (given) => number(given),
      onchange: (given) => {
        set(given);
        if (keep) keep([average, sd]);
        update();
      },
    });
  const [least, most] = [-2, 2];
  const ofAverage = field("Average slope", { min: least, max: most }, average, (given) => (average = given));
  const ofSd = field("SD of slopes", { min: 0, max: most }, sd, (given) => (sd = given));
  const form = controls(
    "The distribution of slopes",
    make("div", { class: "live-fields" }, ofAverage.field, ofSd.field),
  );
  const apply = ([one, other]) => {
    if (!(Math.abs(one) <= most && other >= 0 && other <= most)) return;
    [average, sd] = [one, other];
    ofAverage.show(average);
    ofSd.show(sd);
    update();
  };
  const keep = large && keptNumbers("fan", apply);
  update();
  return [
    region,
    form,
    make("div", { class: "live-split live-even" }, lines.box, hill.box),
    says,
    make(
      "p",
      { class: "live-small" },
      "Lines that fall are dashed, and lie left of the dashed zero in the hill. Thick: the average person.",
    ),
    found.details,
  ];
}
