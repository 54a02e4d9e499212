// Small helpers for the page: elements, numbers, tables, controls, announcements.

const SVG = "http://www.w3.org/2000/svg";

function fill(found, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) found.addEventListener(name.slice(2), value);
    else if (value !== false && value !== null && value !== undefined)
      found.setAttribute(name, value === true ? "" : value);
  }
  found.append(...children);
  return found;
}

export const make = (tag, attributes = {}, ...children) =>
  fill(document.createElement(tag), attributes, children);

export const draw = (tag, attributes = {}, ...children) =>
  fill(document.createElementNS(SVG, tag), attributes, children);

// A number for a sentence or a table.
export function number(value, digits = 2) {
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "–";
  return value.toFixed(digits).replace("-", "−");
}

// A rate in percent with its Monte Carlo standard error, from counts.
export function rate(count, n) {
  if (!n) return { percent: NaN, mcse: NaN };
  const share = count / n;
  return { percent: 100 * share, mcse: 100 * Math.sqrt((share * (1 - share)) / n) };
}

let names = 0;
export const fresh = (what) => `live-${what}-${++names}`;

export const stillness = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

// ---- Announcements ----------------------------------------------------------------------------

// A region that a screen reader reads out when its text has settled.
export function announcer(delay = 400) {
  const region = make("p", { class: "live-unseen", role: "status", "aria-live": "polite" });
  let waiting;
  return {
    region,
    say(text) {
      clearTimeout(waiting);
      if (delay) waiting = setTimeout(() => (region.textContent = text), delay);
      else region.textContent = text;
    },
  };
}

// ---- Tables -----------------------------------------------------------------------------------

export function table(caption, head, body) {
  const header = (cell, scope) => make("th", { scope }, cell);
  return make(
    "div",
    { class: "live-scroll", tabindex: "0", role: "region", "aria-label": caption },
    make(
      "table",
      {},
      make("caption", {}, caption),
      make("thead", {}, make("tr", {}, ...head.map((cell) => header(cell, "col")))),
      make(
        "tbody",
        {},
        ...body.map(([first, ...rest]) =>
          make("tr", {}, header(first, "row"), ...rest.map((cell) => make("td", {}, cell))),
        ),
      ),
    ),
  );
}

// What a picture shows, for those who cannot see it or want its numbers; made when it is opened.
export function tableOf(contents) {
  const box = make("div");
  const update = () => details.open && box.replaceChildren(contents());
  const details = make(
    "details",
    { class: "live-table", ontoggle: update },
    make("summary", {}, "The picture as a table"),
    box,
  );
  return { details, update };
}

// ---- Controls ---------------------------------------------------------------------------------

// A slider, and what it says.
export function slider({ label, min, max, step, value, say = String, onchange }) {
  const id = fresh("slider");
  const output = make("output", { for: id });
  const input = make("input", { type: "range", id, min, max, step });
  const show = (given) => {
    input.value = given;
    output.textContent = say(Number(given));
    input.setAttribute("aria-valuetext", say(Number(given)));
  };
  input.addEventListener("input", () => {
    show(input.value);
    onchange(Number(input.value));
  });
  show(value);
  const field = make("div", { class: "live-slider" }, make("label", { for: id }, label), input, output);
  return { field, input, show };
}

// A few values side by side.
export function choice({ label, options, value, onchange }) {
  const name = fresh("choice");
  const inputs = options.map(([given]) =>
    make("input", { type: "radio", name, value: given, onchange: () => onchange(given) }),
  );
  const field = make(
    "fieldset",
    { class: "segments live-choice" },
    make("legend", {}, label),
    ...options.map(([, text], i) => make("label", {}, inputs[i], make("span", {}, text))),
  );
  const show = (given) => options.forEach(([one], i) => (inputs[i].checked = one === given));
  show(value);
  return { field, show };
}

// A number that is typed; what lies outside its range is brought to the nearest end, and says so.
export function numberField({ label, min, max, step, value, onchange }) {
  const id = fresh("number");
  const input = make("input", { type: "number", id, min, max, step: step === 1 ? 1 : "any", inputmode: "decimal" });
  const note = make("span", { class: "live-note", role: "status" });
  const show = (given) => {
    input.value = given;
    note.textContent = "";
  };
  input.addEventListener("change", () => {
    const typed = input.value === "" ? NaN : Number(input.value);
    const inside = Math.min(max, Math.max(min, Number.isFinite(typed) ? typed : value));
    const given = step === 1 ? Math.round(inside) : inside;
    show(given);
    if (given !== typed) note.textContent = `${min} to ${max}${step === 1 ? ", whole numbers" : ""}`;
    onchange(given);
  });
  show(value);
  const field = make("div", { class: "live-number" }, make("label", { for: id }, label), input, note);
  return { field, show };
}

export function toggle({ label, value, onchange }) {
  const input = make("input", { type: "checkbox", onchange: () => onchange(input.checked) });
  input.checked = value;
  return {
    field: make("label", { class: "live-toggle" }, input, make("span", {}, label)),
    show: (given) => (input.checked = given),
  };
}

export const button = (label, onclick, attributes = {}) =>
  make("button", { type: "button", onclick, ...attributes }, label);

export const controls = (label, ...children) =>
  make(
    "form",
    { class: "live-controls", "aria-label": label, onsubmit: (event) => event.preventDefault() },
    ...children,
  );

// A line of code that can be copied.
export function copyable(label, say) {
  const text = make("code", {}, "");
  const copy = button(
    "Copy",
    async () => {
      try {
        await navigator.clipboard.writeText(text.textContent);
        copy.textContent = "Copied";
        say("Copied");
      } catch {
        // No permission: leave it selected, for the reader's own copy key.
        getSelection().selectAllChildren(text);
        copy.textContent = "Selected";
      }
      setTimeout(() => (copy.textContent = "Copy"), 2000);
    },
    { "aria-label": `Copy: ${label}` },
  );
  return {
    field: make("div", { class: "live-line" }, make("span", {}, label), text, copy),
    show: (code) => (text.textContent = code),
  };
}
