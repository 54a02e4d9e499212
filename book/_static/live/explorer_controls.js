// The explorer's controls: native ones, that ask the state for what they say.

import { DIMENSIONS, MEASURES, data, dimensions } from "./explorer_model.js";
import { ALL, change, measure, state } from "./explorer_state.js";
import { named } from "./explorer_words.js";
import { make } from "./page.js";

const { terms, strategies, levels } = data;

const measureSelect = make("select", {
  id: "explorer-measure",
  onchange: (e) => change({ measure: e.target.value }),
});
for (const group of new Set(Object.values(MEASURES).map((m) => m.group))) {
  const options = Object.entries(MEASURES).filter(([, m]) => m.group === group);
  measureSelect.append(
    make("optgroup", { label: group }, ...options.map(([id, m]) => make("option", { value: id }, m.label))),
  );
}
const coefficientSelect = make(
  "select",
  { id: "explorer-coefficient", onchange: (e) => change({ coefficient: e.target.value }) },
  ...terms.map((term) => make("option", { value: term }, term)),
);
const coefficientField = make(
  "div",
  {},
  make("label", { for: "explorer-coefficient" }, "Coefficient"),
  coefficientSelect,
);
const hint = make("p", { class: "explorer-hint", id: "explorer-hint" });
measureSelect.setAttribute("aria-describedby", "explorer-hint");

const choice = (type, name, value, content, onchange) =>
  make(
    "label",
    {},
    make("input", { type, name: `explorer-${name}`, value, onchange }),
    make("span", {}, content),
  );
const radios = dimensions.map((name) =>
  make(
    "fieldset",
    { class: "segments explorer-choices" },
    make("legend", {}, DIMENSIONS[name].label),
    ...[...levels[name], ALL].map((v) =>
      choice("radio", name, String(v), String(v), () => change({ [name]: String(v) })),
    ),
  ),
);
const boxes = make(
  "fieldset",
  { class: "explorer-strategies" },
  make("legend", {}, "Strategies"),
  ...strategies.map((strategy) =>
    choice("checkbox", "strategies", strategy.id, named(strategy), () =>
      change({ strategies: strategies.map((s) => s.id).filter((id) => input("strategies", id).checked) }),
    ),
  ),
);
export const zoom = choice("checkbox", "zoom", "1", "Zoom in on this view", (e) =>
  change({ zoom: e.target.checked }),
);
zoom.className = "explorer-zoom";
const input = (name, value) => controls.querySelector(`input[name="explorer-${name}"][value="${value}"]`);
export const controls = make(
  "form",
  { class: "explorer-controls", "aria-label": "What to show", onsubmit: (e) => e.preventDefault() },
  make(
    "div",
    { class: "explorer-fields" },
    make("div", {}, make("label", { for: "explorer-measure" }, "Measure"), measureSelect),
    coefficientField,
  ),
  hint,
  make("div", { class: "explorer-fields" }, ...radios),
  boxes,
);

export function showControls() {
  measureSelect.value = state.measure;
  coefficientSelect.value = state.coefficient;
  coefficientField.hidden = !measure().coefficient;
  hint.textContent = measure().hint;
  for (const name of dimensions) input(name, state[name]).checked = true;
  for (const { id } of strategies) input("strategies", id).checked = state.strategies.includes(id);
  zoom.firstChild.checked = state.zoom;
  zoom.hidden = Boolean(measure().rate);
}
