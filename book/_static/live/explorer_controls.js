// The explorer's controls: native ones, that ask the state for what they say.

import { REFERENCE, data, study } from "./explorer_model.js";
import { ALL, change, changeLevel, measure, section, show, state } from "./explorer_state.js";
import { sentenceCase } from "./explorer_words.js";
import { make } from "./page.js";
import { named } from "./strategy_looks.js";

// ---- Kinds of controls -------------------------------------------------------------------------

function selectOf(name, label, onchange) {
  const id = `explorer-${name}`;
  const select = make("select", { id, onchange: (e) => onchange(e.target.value) });
  const field = make("div", {}, make("label", { for: id }, label), select);
  return { field, select };
}
const option = ([value, text]) => make("option", { value }, text);

const box = (type, name, value, content, onchange) =>
  make(
    "label",
    {},
    make("input", { type, name: `explorer-${name}`, value, onchange }),
    make("span", {}, content),
  );
const fieldset = (name, label, ...content) =>
  make("fieldset", { class: name }, make("legend", {}, label), ...content);

// A key with few short levels has them side by side.
function keyField({ id, label, levels }) {
  const options = [...levels.map((level) => [level.id, level.label]), [ALL, "all"]];
  if (options.reduce((sum, [, text]) => sum + text.length + 2, 0) < 36)
    return fieldset(
      "segments explorer-choices",
      label,
      ...options.map(([value, text]) => box("radio", id, value, text, () => changeLevel(id, value))),
    );
  const { field, select } = selectOf(id, label, (value) => changeLevel(id, value));
  select.append(...options.map(option));
  return field;
}

// ---- The form ----------------------------------------------------------------------------------

const failed = make("p", { class: "live-failed" });
const studies = selectOf("study", "Simulation", (id) => show(`study=${id}&measure=${state.measure}`));
studies.select.append(
  option([REFERENCE, "The reference run, data set by data set"]),
  make(
    "optgroup",
    { label: "Stored studies" },
    ...data.studies.map((id) => option([id, sentenceCase(id.replaceAll("_", " "))])),
  ),
);
const parts = selectOf("part", "Part", (part) =>
  show(`study=${state.study}&part=${part}&measure=${state.measure}`),
);
const about = make("div", { class: "explorer-about" });
const measures = selectOf("measure", "Measure", (value) => change({ measure: value }));
measures.select.setAttribute("aria-describedby", "explorer-hint");
const coefficients = selectOf("coefficient", "Coefficient", (value) => change({ coefficient: value }));
const hint = make("p", { class: "explorer-hint", id: "explorer-hint" });
const keys = make("div", { class: "explorer-fields" });
const strategies = make("div");
export const zoom = box("checkbox", "zoom", "1", "Zoom in on this view", (e) =>
  change({ zoom: e.target.checked }),
);
zoom.className = "explorer-zoom";
export const controls = make(
  "form",
  { class: "explorer-controls", "aria-label": "What to show", onsubmit: (e) => e.preventDefault() },
  make("div", { class: "explorer-fields" }, studies.field, parts.field),
  failed,
  about,
  make("div", { class: "explorer-fields" }, measures.field, coefficients.field),
  hint,
  keys,
  strategies,
);

// What a stored study is about, and what all conditions of a section share.
function wordsAbout({ title, chapter }, { shared, processes }) {
  if (!title) return [];
  const about = make("p", {}, `${title} `, ...(chapter ? [make("a", { href: chapter }, "Its chapter")] : []));
  const same = make("p", {}, `In all conditions here: ${shared.join(", ")}.`);
  const terms = processes.map(([name, words]) => make("p", {}, make("code", {}, name), `: ${words}`));
  return [about, same, ...terms];
}

let built = null;
function build() {
  built = section();
  const { sections, measures: all } = study(state.study);
  parts.select.replaceChildren(...sections.map((one) => option([one.id, one.label])));
  parts.field.hidden = sections.length === 1;
  about.replaceChildren(...wordsAbout(study(state.study), built));
  about.hidden = !about.hasChildNodes();
  const groups = Map.groupBy(Object.keys(built.summaries), (id) => all[id].group);
  measures.select.replaceChildren(
    ...[...groups].map(([label, ids]) =>
      make("optgroup", { label }, ...ids.map((id) => option([id, all[id].label]))),
    ),
  );
  coefficients.select.replaceChildren(...built.terms.map((term) => option([term, term])));
  keys.replaceChildren(...built.keys.map(keyField));
  const chosen = () => built.strategies.filter((id) => input("strategies", id).checked);
  strategies.replaceChildren(
    fieldset(
      "explorer-strategies",
      "Strategies",
      ...built.strategies.map((id) =>
        box("checkbox", "strategies", id, named(id), () => change({ strategies: chosen() })),
      ),
    ),
  );
}
const input = (name, value) => controls.querySelector(`input[name="explorer-${name}"][value="${value}"]`);

export function showControls() {
  if (built !== section()) build();
  failed.hidden = !state.failure;
  failed.textContent = state.failure;
  studies.select.value = state.study;
  parts.select.value = state.part;
  measures.select.value = state.measure;
  coefficients.select.value = state.coefficient;
  coefficients.field.hidden = !measure().coefficient;
  hint.textContent = measure().hint;
  for (const { id } of built.keys) {
    const select = keys.querySelector(`#explorer-${id}`);
    if (select) select.value = state.levels[id];
    else input(id, state.levels[id]).checked = true;
  }
  for (const id of built.strategies) input("strategies", id).checked = state.strategies.includes(id);
  zoom.firstChild.checked = state.zoom;
  zoom.hidden = Boolean(section().replications && measure().rate);
}
