// Pull the line: one person's dots, and their line between everyone's and their own.

import { keptNumbers } from "./address.js";
import { Data, drawData } from "./draw.js";
import { announcer, button, controls, draw, make, number, slider, table, tableOf } from "./page.js";
import { axisBelow, canvas, clipped, line, scale } from "./plot.js";
import { pooled } from "./pooling.js";
import { colorOf } from "./strategy_looks.js";

const NOISE = 0.7;
const [PEOPLE, ROWS, SEED] = [7, 4, 12];
const [X, Y] = [[-2.4, 2.4], [-3, 5]]; // prettier-ignore

const APART = [[-1.4, -0.2], [-0.4, 1.5], [0.7, 2.4], [1.5, 4.1]]; // prettier-ignore
const STEPS = { ArrowUp: [0, 0.2], ArrowDown: [0, -0.2], ArrowLeft: [-0.2, 0], ArrowRight: [0.2, 0] };

// The slider's places, 0 to 100, as SDs from 0 to infinity.
const sdAt = (at) => (at >= 100 ? Infinity : (NOISE * at) / (100 - at));
const saidSd = (at) => number(sdAt(at), 2);

function drawn() {
  const settings = { slope: 0.4, level_sd: 0.8, slope_sd: 0.5, noise: NOISE };
  const data = drawData(Data.balanced(PEOPLE, ROWS), settings, SEED, 0);
  return Array.from({ length: PEOPLE }, (_, j) =>
    Array.from({ length: ROWS }, (_, i) => ({ x: data.x[j * ROWS + i], y: data.y[j * ROWS + i] })),
  );
}

export function pull({ large }) {
  let people = drawn();
  // The first person is the one whose dots can be moved, and stands apart from the others.
  const mine = () => people[0];
  const setApart = () => {
    people[0] = APART.map(([x, y]) => ({ x, y }));
  };
  setApart();
  let at = 40;
  const { region, say } = announcer();
  let x, y;

  const handles = [];
  const picture = canvas(
    "",
    (group, width) => {
      const height = Math.min(large ? 420 : 320, 0.85 * width);
      x = scale(X, [6, width - 6]);
      y = scale(Y, [height - 26, 4]);
      const inside = clipped(group, 0, 0, width, height - 24);
      const { complete, none, here } = lines();
      const ends = ([level, slope]) => [x(X[0]), y(level + slope * X[0]), x(X[1]), y(level + slope * X[1])];
      people.slice(1).forEach((points, j) => {
        inside.append(line(...ends(here.lines[j + 1]), { class: "live-person" }));
        for (const one of points)
          inside.append(draw("circle", { cx: x(one.x), cy: y(one.y), r: 2.5, class: "live-dot" }));
      });
      const ghost = (coefs, strategy, dashes) =>
        coefs &&
        inside.append(
          line(...ends(coefs), { stroke: colorOf(strategy), "stroke-width": 2, "stroke-dasharray": dashes }),
        );
      ghost(complete, "cluster_robust", "8 4");
      ghost(none, "two_stage", "2 4");
      if (here.lines[0])
        inside.append(line(...ends(here.lines[0]), { stroke: colorOf("mlm_full"), "stroke-width": 3.5 }));
      group.append(axisBelow(x, X, height - 24));
      handles.forEach((handle, i) => {
        handle.setAttribute("transform", `translate(${x(mine()[i].x)} ${y(mine()[i].y)})`);
      });
      return height;
    },
    { role: "group" },
  );

  function lines() {
    const here = pooled(people, sdAt(at), NOISE);
    const complete = pooled(people, 0, NOISE).average;
    return { complete, none: pooled(people, Infinity, NOISE).lines[0], here };
  }

  // ---- The dots as handles: by pointer, or by arrow keys and Delete -----------------------------

  const clamp = (value, [low, high]) => Math.min(high, Math.max(low, value));

  function put(i, where) {
    mine()[i] = { x: clamp(where.x, X), y: clamp(where.y, Y) };
    changed();
  }

  function remove(i) {
    if (mine().length === 0) return;
    mine().splice(i, 1);
    makeHandles();
    changed();
    handles[Math.min(i, handles.length - 1)]?.focus();
  }

  function makeHandles() {
    handles.length = 0;
    mine().forEach((_, i) => {
      const handle = draw(
        "g",
        {
          class: "live-handle",
          tabindex: "0",
          role: "slider",
          "aria-valuemin": Y[0],
          "aria-valuemax": Y[1],
          "aria-label": `Dot ${i + 1} of the person`,
          onpointerdown: (event) => {
            handle.setPointerCapture(event.pointerId);
            event.preventDefault();
            handle.focus();
          },
          onpointermove: (event) => {
            if (!handle.hasPointerCapture(event.pointerId)) return;
            const box = picture.svg.getBoundingClientRect();
            put(i, { x: x.inverse(event.clientX - box.left), y: y.inverse(event.clientY - box.top) });
          },
          onkeydown: (event) => {
            const step = STEPS[event.key];
            if (step) put(i, { x: mine()[i].x + step[0], y: mine()[i].y + step[1] });
            else if (event.key === "Delete" || event.key === "Backspace") remove(i);
            else return;
            event.preventDefault();
            event.stopPropagation(); // the theme pages through the book with the arrow keys
          },
        },
        draw("circle", { r: 16, class: "live-target" }),
        draw("circle", { r: 6.5, class: "live-grip" }),
      );
      handles.push(handle);
    });
    picture.over.replaceChildren(...handles);
  }

  // ---- Controls and words -----------------------------------------------------------------------

  const spread = slider({
    label: "SD between people, from 0 to infinity",
    min: 0,
    max: 100,
    step: 1,
    value: at,
    say: saidSd,
    onchange: (value) => {
      at = value;
      changed();
    },
  });
  const form = controls(
    "The person and the SD",
    make("div", { class: "live-fields" }, spread.field),
    make(
      "div",
      { class: "live-buttons" },
      button("Delete a dot", () => {
        remove(mine().length - 1);
      }),
      button("All as at first", () => {
        people = drawn();
        setApart();
        at = 40;
        spread.show(at);
        makeHandles();
        changed();
      }),
    ),
  );
  const says = make("p", { class: "live-says" });
  const found = tableOf(() => {
    const { complete, none, here } = lines();
    const row = (name, coefs) => [name, ...[0, 1].map((k) => (coefs ? number(coefs[k]) : "none"))];
    return table(
      `Lines at an SD of ${saidSd(at)}, with ${mine().length} dots of the person`,
      ["Line", "Level", "Slope"],
      [
        row("One line for everyone", complete),
        row("The person’s, pulled", here.lines[0]),
        row("The person’s own", none),
      ],
    );
  });

  // The SD's place, then where the dots are.
  function changed() {
    if (keep) keep([at, ...mine().flatMap((one) => [one.x, one.y])]);
    update();
  }

  function update() {
    picture.update();
    const { complete, none, here } = lines();
    const n = mine().length;
    const line = here.lines[0];
    says.textContent =
      `${n} dot${n === 1 ? "" : "s"}, SD ${saidSd(at)}. Slope of everyone’s line ${number(complete[1])}, ` +
      (none ? `of the person’s own ${number(none[1])}, ` : "") +
      `of the pulled line ${line ? number(line[1]) : "none"}.` +
      (none ? "" : " A line of one’s own takes two dots.");
    picture.svg.setAttribute("aria-label", `Seven people’s dots and lines. ${says.textContent}`);
    handles.forEach((handle, i) => {
      const one = mine()[i];
      handle.setAttribute("aria-valuenow", number(one.y, 1).replace("−", "-"));
      handle.setAttribute("aria-valuetext", `predictor ${number(one.x, 1)}, outcome ${number(one.y, 1)}`);
    });
    found.update();
    say(says.textContent);
  }

  const key = (strategy, dashes, words) =>
    make(
      "span",
      { class: "live-key" },
      draw(
        "svg",
        { viewBox: "0 0 34 8", width: 34, height: 8, "aria-hidden": "true" },
        line(0, 4, 34, 4, { stroke: colorOf(strategy), "stroke-width": 3, "stroke-dasharray": dashes }),
      ),
      words,
    );

  makeHandles();
  update();
  const keep =
    large &&
    keptNumbers("pull", ([place, ...dots]) => {
      if (!(place >= 0 && place <= 100) || dots.length % 2 || dots.length > 2 * ROWS) return;
      at = place;
      people[0] = Array.from({ length: dots.length / 2 }, (_, i) => ({
        x: clamp(dots[2 * i], X),
        y: clamp(dots[2 * i + 1], Y),
      }));
      spread.show(at);
      makeHandles();
      update();
    });
  return [
    region,
    form,
    picture.box,
    make(
      "p",
      { class: "live-small live-keys" },
      key("cluster_robust", "8 4", "one line for everyone"),
      key("mlm_full", "none", "the person’s, pulled"),
      key("two_stage", "2 4", "the person’s own"),
    ),
    make(
      "p",
      { class: "live-small" },
      "Drag the large dots, or move them with the arrow keys; Delete takes one away.",
    ),
    says,
    found.details,
  ];
}
