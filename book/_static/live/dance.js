// The dance of intervals: data sets on the left, what four strategies say of each on the right.
// On the playground, `large`, everything of the process can be set, and the address keeps it.

import { asAddress, readAddress, writeAddress } from "./address.js";
import { Data, drawData } from "./draw.js";
import {
  announcer, button, choice, controls, copyable, draw, make, number, numberField, rate, stillness,
  table, tableOf, toggle,
} from "./page.js"; // prettier-ignore
import { axisBelow, canvas, clipped, line, scale, text } from "./plot.js";
import { Simulation } from "./simulation.js";
import { ESTIMATE, FIT_SIZE, STRATEGIES, Strategies, at } from "./strategies.js";
import { colorOf, looks, named } from "./strategy_looks.js";

const SHOWN = 40; // intervals in a panel
const ROW = 5; // pixels an interval
const MOST = 100_000; // data sets that are counted

// What can be set: range, step, and what it is called.
const SETTINGS = {
  people: { label: "People", min: 3, max: 200, step: 1, value: 20 },
  rows: { label: "Rows per person", min: 3, max: 200, step: 1, value: 10 },
  slope: { label: "True average slope", min: -1000, max: 1000, step: 0.05, value: 0.5 },
  level_sd: { label: "SD of levels", min: 0, max: 1000, step: 0.05, value: 0.5 },
  slope_sd: { label: "SD of slopes", min: 0, max: 1000, step: 0.05, value: 0.5 },
  noise: { label: "SD of the noise", min: 0.01, max: 1000, step: 0.05, value: 1 },
  seed: { label: "Seed", min: 0, max: 4294967295, step: 1, value: 1 },
};
const DEFAULTS = Object.fromEntries(Object.entries(SETTINGS).map(([name, one]) => [name, one.value]));

// The line that draws such data in Python.
const python = ({ people, rows, slope, level_sd, slope_sd, noise, seed }) =>
  `compare(simulate(Condition(n_groups=${people}, n_obs=${rows}, group_sd=(${level_sd}, ${slope_sd}), ` +
  `betas=(0, ${slope}), noise_sd=${noise}), seed=${seed}))`;

// What the address says, as far as it can be used.
function saidSettings() {
  const said = readAddress();
  if (!said.has("people")) return null;
  const found = { ...DEFAULTS, sets: 0 };
  for (const [name, { min, max, step }] of Object.entries(SETTINGS)) {
    const value = Number(said.get(name) ?? NaN);
    if (Number.isFinite(value))
      found[name] = Math.min(max, Math.max(min, step === 1 ? Math.round(value) : value));
  }
  const sets = Number(said.get("sets"));
  found.sets = Number.isInteger(sets) && sets > 0 ? Math.min(sets, MOST) : 0;
  return found;
}

export function dance({ large, playground }) {
  const settings = { ...DEFAULTS };
  let set = 0; // the data set on the left
  let shown = 0; // how many are on the right; they come one after another
  const { region, say } = announcer();

  const simulation = new Simulation({
    ondata: () => {
      if (waits) return;
      waits = true;
      requestAnimationFrame(reveal);
    },
    onfailure: (message) => {
      says.textContent = `The simulation failed: ${message}`;
    },
  });

  // Show what is there: a few more in every frame, or all at once where they are many or where the
  // reader wants no motion.
  let waits = false;
  function reveal() {
    const n = simulation.drawn;
    shown = stillness() || n > 400 ? n : Math.min(n, shown + Math.max(1, Math.ceil(n / 60)));
    waits = shown < n;
    update();
    if (waits) requestAnimationFrame(reveal);
  }

  // ---- Settings ---------------------------------------------------------------------------------

  let sets = 0; // data sets asked for
  function restart(patch = {}, count = 1) {
    Object.assign(settings, patch);
    shown = sets = 0;
    const { seed, ...process } = settings;
    simulation.start({ settings: process, seed });
    more(count);
  }

  function more(count) {
    sets = Math.min(MOST, sets + count);
    simulation.draw(sets - simulation.asked);
    if (large) {
      writeAddress({ ...settings, sets });
      code.show(python(settings));
    }
    update();
  }

  const fields = {};
  let form;
  const buttons = make(
    "div",
    { class: "live-buttons" },
    button("Draw one", () => more(1)),
    button("Draw a hundred", () => more(100)),
    button("Draw ten thousand", () => more(10_000)),
    button("Start again", () => restart({ seed: (settings.seed + 1) % 4294967296 })),
  );
  if (large) {
    for (const [name, one] of Object.entries(SETTINGS))
      fields[name] = numberField({ ...one, onchange: (value) => restart({ [name]: value }) });
    form = controls(
      "The process that draws the data",
      make("div", { class: "live-fields" }, ...Object.values(fields).map((one) => one.field)),
      buttons,
    );
  } else {
    // People, rows, and SDs in units of the slope; zero for a slope leaves the SDs as they are.
    const unit = DEFAULTS.slope;
    const ask = (label, name, options) =>
      choice({
        label,
        options,
        value: settings[name],
        onchange: (value) => restart({ [name]: value }),
      }).field;
    form = controls(
      "What the data are like",
      make(
        "div",
        { class: "live-fields" },
        ask("People", "people", [[5, "5"], [20, "20"], [50, "50"]]), // prettier-ignore
        ask("Rows per person", "rows", [[4, "4"], [10, "10"], [30, "30"]]), // prettier-ignore
        choice({
          label: "SD between people, in slopes",
          options: [[0, "0"], [unit / 2, "½"], [unit, "1"], [2 * unit, "2"]], // prettier-ignore
          value: settings.slope_sd,
          onchange: (sd) => restart({ level_sd: sd, slope_sd: sd }),
        }).field,
        toggle({
          label: "The true slope is zero",
          value: false,
          onchange: (zero) => restart({ slope: zero ? 0 : unit }),
        }).field,
      ),
      buttons,
    );
  }

  // ---- The data set on the left -----------------------------------------------------------------

  const left = canvas("", (group, width) => {
    const { people, rows, level_sd, slope_sd, noise, slope, seed } = settings;
    const data = drawData(Data.balanced(people, rows), settings, seed, set);
    const fit = new Float64Array(FIT_SIZE);
    const strategies = new Strategies(people);
    strategies.fit(data, fit);
    const { ownLevel, ownSlope } = strategies.summary;
    const height = Math.min(large ? 330 : 260, 0.9 * width);
    const reach = 2.6 * Math.hypot(level_sd, noise, 1.3 * (Math.abs(slope) + slope_sd));
    const x = scale([-3, 3], [8, width - 8]);
    const y = scale([-reach, reach], [height - 22, 4]);
    const inside = clipped(group, 0, 0, width, height - 18);
    const ends = (level, own) => [x(-3), y(level - 3 * own), x(3), y(level + 3 * own)];
    for (let j = 0; j < people; j++)
      inside.append(line(...ends(ownLevel[j], ownSlope[j]), { class: "live-person" }));
    // No more dots than can be told apart.
    for (let i = 0; i < Math.min(data.x.length, 600); i++)
      inside.append(draw("circle", { cx: x(data.x[i]), cy: y(data.y[i]), r: 2, class: "live-dot" }));
    inside.append(line(...ends(0, slope), { class: "live-truth" }));
    const [level, own] = [0, 1].map((k) => fit[at(0, k, ESTIMATE)]);
    if (Number.isFinite(own))
      inside.append(
        line(...ends(level, own), { stroke: colorOf("mlm_full"), "stroke-width": 3, class: "live-average" }),
      );
    group.append(
      text(width / 2, height - 4, "predictor, and outcome", { "text-anchor": "middle", class: "live-small" }),
    );
    return height;
  });

  // ---- The intervals on the right ---------------------------------------------------------------

  function panel(strategy, i) {
    return canvas("", (group, width) => {
      const { people, rows, slope, slope_sd, noise } = settings;
      const reach = 5 * Math.sqrt((slope_sd ** 2 + noise ** 2 / rows) / people);
      const domain = [slope - reach, slope + reach];
      const x = scale(domain, [6, width - 6]);
      const strip = large ? 46 : 0;
      const top = strip + 6;
      const bottom = top + SHOWN * ROW + 4;
      if (large) group.append(histogram(simulation.estimates[i].slice(0, shown), x, domain, strip, strategy));
      group.append(line(x(slope), 0, x(slope), bottom, { class: "live-truth" }));
      if (slope !== 0 && domain[0] < 0 && domain[1] > 0)
        group.append(line(x(0), 0, x(0), bottom, { class: "live-zero" }));
      const all = simulation.intervals[i];
      const hidden = simulation.drawn - shown;
      const last = all.slice(0, all.length - hidden).slice(-SHOWN).reverse();
      last.forEach(([estimate, low, high], row) => {
        const y = top + ROW * (row + 0.5);
        const misses = slope < low || slope > high;
        const cut = (value) => Math.min(width - 2, Math.max(2, x(value)));
        group.append(
          line(cut(low), y, cut(high), y, {
            class: misses ? "live-miss" : "live-hit",
            stroke: misses ? "currentColor" : colorOf(strategy),
          }),
        );
        const centre = cut(estimate);
        if (misses)
          group.append(
            draw("path", { d: `M${centre - 3} ${y - 3}l6 6m0-6l-6 6`, class: "live-cross" }),
          );
        else group.append(draw("circle", { cx: centre, cy: y, r: 1.5, fill: colorOf(strategy) }));
      });
      group.append(axisBelow(x, domain, bottom, { about: width > 200 ? 5 : 3 }));
      return bottom + 22;
    });
  }

  // All estimates so far, as a histogram that stands on the intervals.
  function histogram(estimates, x, domain, height, strategy) {
    const group = draw("g");
    const bins = 41;
    const counts = new Array(bins).fill(0);
    for (const one of estimates) {
      const bin = Math.floor((bins * (one - domain[0])) / (domain[1] - domain[0]));
      if (bin >= 0 && bin < bins) counts[bin]++;
    }
    const most = Math.max(...counts, 1);
    const step = (x(domain[1]) - x(domain[0])) / bins;
    counts.forEach((count, bin) => {
      if (!count) return;
      const tall = (count / most) * (height - 4);
      const where = { x: x(domain[0]) + bin * step, y: height - tall, width: step * 0.9, height: tall };
      group.append(draw("rect", { ...where, fill: colorOf(strategy) }));
    });
    group.append(line(x(domain[0]), height, x(domain[1]), height, { class: "live-zero" }));
    return group;
  }

  const panels = STRATEGIES.map(panel);
  const counters = STRATEGIES.map(() => make("p", { class: "live-count" }));
  const right = make(
    "div",
    { class: "live-panels" },
    ...STRATEGIES.map((strategy, i) =>
      make(
        "div",
        { class: "live-panel" },
        make("p", { class: "live-heading" }, named(strategy)),
        panels[i].box,
        counters[i],
      ),
    ),
  );

  // ---- What it says -----------------------------------------------------------------------------

  const says = make("p", { class: "live-says" });
  const code = copyable("The same process in Python", say);

  function counted(i) {
    const one = simulation.counts[i];
    return { holds: rate(one.holds, one.n), rejects: rate(one.rejects, one.n), one };
  }

  const rows = tableOf(() =>
    table(
      `The slope, in ${simulation.drawn} data sets`,
      [
        "Strategy", "Intervals that hold the truth, %", "MCSE", "Rejections of zero, %", "MCSE",
        "Mean width of the interval", "Mean estimate", "SD of estimates", "Singular fits, %",
      ], // prettier-ignore
      STRATEGIES.map((strategy, i) => {
        const { holds, rejects, one } = counted(i);
        return [
          named(strategy),
          number(holds.percent, 1),
          number(holds.mcse, 1),
          number(rejects.percent, 1),
          number(rejects.mcse, 1),
          number(one.width / one.n, 3),
          number(one.n ? one.mean : NaN, 3),
          number(one.sd, 3),
          i < 2 ? number((100 * one.singular) / one.n, 1) : "–",
        ];
      }),
    ),
  );

  function update() {
    const n = simulation.drawn;
    set = Math.max(0, shown - 1);
    const zero = settings.slope === 0;
    left.svg.setAttribute(
      "aria-label",
      `Data set ${set + 1}: ${settings.people} people with ${settings.rows} rows each, a line for ` +
        "each person, the true average line dashed, and the full multilevel model’s average line.",
    );
    left.update();
    STRATEGIES.forEach((strategy, i) => {
      const { holds, rejects, one } = counted(i);
      panels[i].svg.setAttribute(
        "aria-label",
        `${looks.get(strategy).label}: the last ${Math.min(n, SHOWN)} intervals for the slope; ` +
          `of ${one.n}, ${one.n - one.holds} miss the true slope ${settings.slope}.`,
      );
      panels[i].update();
      const misses = one.n - one.holds;
      const lines = [
        make("strong", {}, `${misses} of ${one.n} ${misses === 1 ? "misses" : "miss"}`),
        make("br"),
        one.n > 1 ? `${number(holds.percent, 1)} % hold the truth (MCSE ${number(holds.mcse, 1)})` : "",
      ];
      if (large || zero)
        lines.push(
          make("br"),
          one.n > 1
            ? `${number(rejects.percent, 1)} % reject ${zero ? "a true zero" : "zero"} ` +
                `(MCSE ${number(rejects.mcse, 1)})`
            : "",
        );
      counters[i].replaceChildren(...lines);
    });
    const waiting = simulation.asked - n;
    says.textContent =
      `${n.toLocaleString("en")} data set${n === 1 ? "" : "s"} drawn` +
      (waiting ? `, ${waiting.toLocaleString("en")} to come.` : ".") +
      (zero ? " The true slope is zero: an interval that misses it is a false alarm." : "");
    rows.update();
    link.href = playground + asAddress(new URLSearchParams({ ...settings, sets }));
    if (!waiting && n)
      say(
        `${n} data sets drawn. ` +
          STRATEGIES.map((strategy, i) => {
            const { holds } = counted(i);
            return `${looks.get(strategy).label}: ${number(holds.percent, 1)} percent of intervals hold the truth`;
          }).join("; ") +
          ".",
      );
  }

  const link = make("a", { href: playground }, "The same in the playground, where more can be set");

  const body = [
    region,
    form,
    make(
      "div",
      { class: large ? "live-split live-large" : "live-split" },
      make(
        "div",
        {},
        make("p", { class: "live-heading" }, "The newest data set"),
        left.box,
        make("p", { class: "live-small" }, "Dashed: the true average line. Thick: the full model’s."),
      ),
      right,
    ),
    says,
    rows.details,
    ...(large
      ? [
          code.field,
          make(
            "p",
            { class: "live-small" },
            "Python draws from the same process with other random numbers, so its data set is another one.",
          ),
        ]
      : [make("p", {}, link)]),
  ];

  function open(said) {
    const { sets: wanted, ...rest } = said;
    for (const [name, field] of Object.entries(fields)) field.show(rest[name]);
    restart(rest, Math.max(1, wanted));
  }

  const said = large && saidSettings();
  if (said) open(said);
  else {
    // No address of its own until the reader asks for something.
    const { seed, ...process } = settings;
    simulation.start({ settings: process, seed });
    sets = 1;
    simulation.draw(1);
    code.show(python(settings));
    update();
  }
  if (large)
    addEventListener("hashchange", () => {
      const next = saidSettings();
      const same = next && JSON.stringify(next) === JSON.stringify({ ...settings, sets });
      if (next && !same) open(next);
    });
  return body;
}
