// Spend 600 observations: on many people, or on many rows of few?

import { keptNumbers } from "./address.js";
import { announcer, choice, controls, draw, make, number, slider, table, tableOf } from "./page.js";
import { canvas, line, scale, text } from "./plot.js";

const TOTAL = 600;
const NOISE = 1;
// Every split into as many rows for each person.
const SPLITS = Array.from({ length: TOTAL }, (_, i) => i + 1).filter(
  (people) => people >= 5 && TOTAL % people === 0 && people <= 300,
);

const SDS = [[0, "0"], [0.25, "¼"], [0.5, "½"], [1, "1"]]; // prettier-ignore

// The squared standard error of the average slope, of a predictor with spread 1 in every person.
const parts = (people, sd) => ({ between: sd ** 2 / people, sampling: NOISE ** 2 / TOTAL });

export function spend({ large }) {
  let [at, sd] = [SPLITS.indexOf(20), 0.5];
  const { region, say } = announcer();

  const bars = canvas("", (group, width) => {
    const tall = large ? 320 : 250;
    const bottom = tall - 42;
    const most = parts(SPLITS[0], sd);
    const y = scale([0, 1.12 * (most.between + most.sampling)], [bottom, 24]);
    const step = (width - 12) / SPLITS.length;
    SPLITS.forEach((people, i) => {
      const { between, sampling } = parts(people, sd);
      const [left, wide] = [6 + i * step + 0.12 * step, 0.76 * step];
      const here = i === at;
      const bar = (from, to, kind) =>
        draw("rect", {
          x: left,
          y: y(to),
          width: wide,
          height: Math.max(0, y(from) - y(to)),
          class: `live-${kind}${here ? "" : " live-aside"}`,
        });
      group.append(bar(0, sampling, "sampling"), bar(sampling, sampling + between, "between"));
      group.append(
        draw("rect", {
          x: 6 + i * step,
          y: 0,
          width: step,
          height: tall,
          class: "live-target",
          onclick: () => {
            field.show(i);
            change(i, sd);
          },
        }),
      );
      if (here)
        group.append(
          draw("rect", {
            x: left - 2,
            y: y(between + sampling) - 2,
            width: wide + 4,
            height: bottom - y(between + sampling) + 4,
            class: "live-frame",
          }),
          text(
            left > 0.7 * width ? left + wide : left,
            y(between + sampling) - 8,
            `SE² ${number(between + sampling, 4)}`,
            { "text-anchor": left > 0.7 * width ? "end" : "start", class: "live-strong" },
          ),
        );
      if (here || width > 560 || i === 0 || i === SPLITS.length - 1)
        group.append(
          text(left + wide / 2, bottom + 16, people, {
            "text-anchor": "middle",
            class: here ? "live-strong" : "live-small",
          }),
        );
    });
    group.append(line(6, bottom, width - 6, bottom, { class: "live-zero" }));
    group.append(text(width / 2, bottom + 36, "people", { "text-anchor": "middle" }));
    return tall;
  });

  const says = make("p", { class: "live-says" });
  const found = tableOf(() =>
    table(
      `Splits of ${TOTAL} observations, SD of slopes ${number(sd)}, noise ${NOISE}`,
      ["People", "Rows per person", "Between people", "Sampling", "Squared standard error", "Standard error"],
      SPLITS.map((people) => {
        const { between, sampling } = parts(people, sd);
        return [
          String(people),
          String(TOTAL / people),
          number(between, 5),
          number(sampling, 5),
          number(between + sampling, 5),
          number(Math.sqrt(between + sampling), 3),
        ];
      }),
    ),
  );

  const words = (i) => `${SPLITS[i]} × ${TOTAL / SPLITS[i]}`;
  const field = slider({
    label: "People × rows per person",
    min: 0,
    max: SPLITS.length - 1,
    step: 1,
    value: at,
    say: words,
    onchange: (value) => change(value, sd),
  });
  const spread = choice({
    label: "SD of slopes",
    options: SDS,
    value: sd,
    onchange: (value) => change(at, value),
  });
  const form = controls(
    "How to spend them",
    make(
      "div",
      { class: "live-fields" },
      field.field,
      spread.field,
    ),
  );

  function change(place, size) {
    [at, sd] = [place, size];
    if (keep) keep([SPLITS[at], sd]);
    update();
  }

  function update() {
    bars.update();
    const { between, sampling } = parts(SPLITS[at], sd);
    says.textContent =
      `${SPLITS[at]} people with ${TOTAL / SPLITS[at]} rows each: ${number(between, 4)} from the differences between ` +
      `people and ${number(sampling, 4)} from sampling add up to ${number(between + sampling, 4)}, ` +
      `a standard error of ${number(Math.sqrt(between + sampling), 3)}.`;
    bars.svg.setAttribute("aria-label", `Bars of two parts for ${SPLITS.length} splits. ${says.textContent}`);
    found.update();
    say(says.textContent);
  }

  const key = (kind, label) =>
    make(
      "span",
      { class: "live-key" },
      draw(
        "svg",
        { viewBox: "0 0 14 14", width: 14, height: 14, "aria-hidden": "true" },
        draw("rect", { x: 0, y: 0, width: 14, height: 14, class: `live-${kind}` }),
      ),
      label,
    );
  update();
  const keep =
    large &&
    keptNumbers("spend", ([people, size]) => {
      if (!SPLITS.includes(people) || !SDS.some(([one]) => one === size)) return;
      [at, sd] = [SPLITS.indexOf(people), size];
      field.show(at);
      spread.show(sd);
      update();
    });
  return [
    region,
    form,
    bars.box,
    make(
      "p",
      { class: "live-small live-keys" },
      key("between", "between people: slope variance / people"),
      key("sampling", "sampling: noise variance / 600"),
    ),
    says,
    found.details,
  ];
}
