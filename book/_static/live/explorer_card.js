// The picked data set: its rows, its lines of code, and what each strategy made of it.

import {
  MEASURES, addressOf, data, describe, estimate, isSingular, isWarned, line as pythonLine, number, se,
  truth,
} from "./explorer_model.js"; // prettier-ignore
import { state } from "./explorer_state.js";
import { plot } from "./explorer_view.js";
import { named, pick, say } from "./explorer_words.js";
import { simulate } from "./numpy_random.js";
import { copyable, draw, make, table } from "./page.js";
import { axisBelow, canvas, clipped, line, scale } from "./plot.js";
import { colorOf } from "./strategy_looks.js";

const { terms, strategies } = data;

function copyLine(label, code) {
  const found = copyable(label, say);
  found.show(code);
  return found.field;
}

export const card = make("section", { class: "explorer-card", "aria-labelledby": "explorer-card-title" });

export function drawCard() {
  const title = make("h3", { id: "explorer-card-title" }, "The data set behind the point");
  if (state.picked === null) {
    card.replaceChildren(title, make("p", { class: "explorer-hint" }, "None is picked yet."));
    return;
  }
  const place = state.picked;
  const code = pythonLine(place);
  const sums = strategies.map((strategy, s) => [
    named(strategy),
    ...["coef_abs_error", "se_sum", "t_sum"].map((id) => number(MEASURES[id].value(s, place))),
    isSingular(s, place) ? "singular" : isWarned(s, place) ? "warning" : "no complaint",
  ]);
  const estimates = strategies.map((strategy, s) => [
    named(strategy),
    ...terms.map((_, k) => `${number(estimate(s, k, place))} (${number(se(s, k, place))})`),
  ]);
  const said = strategies.flatMap((strategy, s) => {
    const text = data.messages[`${s} ${place}`];
    return text ? [make("li", {}, `${strategy.label}: `, make("code", {}, text))] : [];
  });
  const text = describe(place);
  card.replaceChildren(
    title,
    make("p", { class: "explorer-which" }, `${text[0].toUpperCase()}${text.slice(1)}.`),
    pictureOf(place),
    copyLine("Draw it again", code),
    copyLine("Fit all four strategies to it", `compare(${code})`),
    copyLine("Needed once, before either", "from mlmlearn import Condition, compare, simulate"),
    table(
      "What each strategy made of it",
      ["Strategy", "Sum of |error|", "Sum of SE", "Sum of |t|", "Fit"],
      sums,
    ),
    table(
      "Estimates, with standard errors in brackets",
      ["Strategy", ...terms],
      [["Truth", ...terms.map((_, k) => number(truth(k, place)))], ...estimates],
    ),
    ...(said.length
      ? [
          make("p", {}, "What the fitting program said:"),
          make("ul", { class: "explorer-messages" }, ...said),
        ]
      : []),
    make(
      "button",
      {
        type: "button",
        onclick: () => {
          pick(null);
          plot.focus();
        },
      },
      "Clear",
    ),
  );
}

// The rows of the picked data set, drawn once more from its random numbers.
function pictureOf(place) {
  const k = Math.max(1, terms.indexOf(state.coefficient));
  const { X, y, coefs, betas } = simulate({ ...addressOf(place), seed: data.seed });
  const dots = X.flatMap((people, j) => people.map((x, i) => [x[k - 1], y[j][i]]));
  const most = 1500; // dots that can still be told apart
  const few = dots.filter((_, i) => i % Math.ceil(dots.length / most) === 0);
  const reach = Math.max(...dots.map(([, outcome]) => Math.abs(outcome)));
  const words =
    `The data set: outcome against ${terms[k]}. Thin lines are people, with the other predictors at zero; ` +
    "the dashed line is the true average.";
  const drawing = canvas(words, (group, width) => {
    const height = Math.min(340, 0.75 * width);
    const [across, up] = [scale([-3.2, 3.2], [6, width - 6]), scale([-reach, reach], [height - 40, 4])];
    const inside = clipped(group, 0, 0, width, height - 40);
    const put = (level, slope, look) =>
      inside.append(line(across(-3.2), up(level - 3.2 * slope), across(3.2), up(level + 3.2 * slope), look));
    for (const person of coefs) put(person[0], person[k], { class: "live-person" });
    for (const [x, outcome] of few)
      inside.append(draw("circle", { cx: across(x), cy: up(outcome), r: 1.8, class: "live-dot" }));
    put(betas[0], betas[k], { class: "live-truth" });
    strategies.forEach((strategy, s) => {
      if (state.strategies.includes(strategy.id))
        put(estimate(s, 0, place), estimate(s, k, place), {
          stroke: colorOf(strategy.id),
          "stroke-width": 2,
          class: "explorer-estimate",
        });
    });
    group.append(axisBelow(across, [-3, 3], height - 40, { title: terms[k] }));
    return height;
  });
  const some = few.length < dots.length ? ` Every ${Math.ceil(dots.length / most)}th row is shown.` : "";
  const caption = make("p", { class: "explorer-hint" }, `${words} Coloured lines are the strategies’ averages.${some}`);
  return make("div", {}, drawing.box, caption);
}
