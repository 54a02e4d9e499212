// What is picked: a data set of the reference run with its rows and what each strategy made of it, or
// a condition of a study; and the lines of code that lead to it.

import {
  addressOf, data, describe, estimate, isSingular, isWarned, line as pythonLine, number, se, study,
  truth, VALUES,
} from "./explorer_model.js"; // prettier-ignore
import { isReference, placeInView, section, state } from "./explorer_state.js";
import { plot } from "./explorer_view.js";
import { pick, say, sentenceCase } from "./explorer_words.js";
import { simulate } from "./numpy_random.js";
import { copyable, draw, make, table } from "./page.js";
import { axisBelow, canvas, clipped, line, scale } from "./plot.js";
import { colorOf, looks, named } from "./strategy_looks.js";

const [{ terms, strategies }] = data.reference.sections;

function copyLine(label, code) {
  const found = copyable(label, say);
  found.show(code);
  return found.field;
}
const title = (text) => make("h3", { id: "explorer-card-title" }, text);
const which = (text) => make("p", { class: "explorer-which" }, `${sentenceCase(text)}.`);
const hint = (text) => make("p", { class: "explorer-hint" }, text);

export const card = make("section", { class: "explorer-card", "aria-labelledby": "explorer-card-title" });

export const drawCard = () => card.replaceChildren(...(isReference() ? ofDataSet() : ofCondition()));

// A study's condition: the picked one, or else the first in view.
function ofCondition() {
  const place = placeInView();
  const { code, notes, summaries, ranges, strategies: ids } = section();
  const { measures } = study(state.study);
  const k = section().terms.indexOf(state.coefficient);
  const shown = Object.keys(summaries).filter((id) => ranges[id][measures[id].coefficient ? k : 0]);
  const cell = (id, s) => {
    const found = summaries[id][measures[id].coefficient ? k : 0][s][place];
    if (!found) return "–";
    const [value, mcse] = found.map((one) =>
      one === null ? "–" : measures[id].rate ? one.toFixed(1) : number(one),
    );
    return `${value} (${mcse})`;
  };
  const [drawLine, runLine, imports] = code[place];
  return [
    title("The condition behind the mark"),
    which(describe(section(), place)),
    ...(notes[place] ? [hint(notes[place])] : []),
    copyLine("Draw its first data set", drawLine),
    copyLine("Run all of it again", runLine),
    copyLine("Needed once, before either", imports),
    table(
      `What each strategy made of ${state.coefficient}; rates in %, and the MCSE in brackets`,
      ["Strategy", ...shown.map((id) => measures[id].label)],
      ids.map((id, s) => [named(id), ...shown.map((one) => cell(one, s))]),
    ),
  ];
}

function ofDataSet() {
  const place = state.picked;
  if (place === null) return [title("The data set behind the point"), hint("None is picked yet.")];
  const code = pythonLine(place);
  const sums = strategies.map((id, s) => [
    named(id),
    ...["coef_abs_error", "se_sum", "t_sum"].map((measure) => number(VALUES[measure](s, place))),
    isSingular(s, place) ? "singular" : isWarned(s, place) ? "warning" : "no complaint",
  ]);
  const estimates = strategies.map((id, s) => [
    named(id),
    ...terms.map((_, k) => `${number(estimate(s, k, place))} (${number(se(s, k, place))})`),
  ]);
  const said = strategies.flatMap((id, s) => {
    const text = data.messages[`${s} ${place}`];
    return text ? [make("li", {}, `${looks.get(id).label}: `, make("code", {}, text))] : [];
  });
  const clear = () => {
    pick(null);
    plot.focus();
  };
  return [
    title("The data set behind the point"),
    which(describe(section(), place)),
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
    make("button", { type: "button", onclick: clear }, "Clear"),
  ];
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
    strategies.forEach((id, s) => {
      if (state.strategies.includes(id))
        put(estimate(s, 0, place), estimate(s, k, place), {
          stroke: colorOf(id),
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
