// The strategies' colours and marks, from book/looks.py, which the build hands over as LOOKS.

import { LOOKS } from "./looks.js";
import { draw, make } from "./page.js";

export const looks = new Map(LOOKS.map((look) => [look.id, look]));

export const colorOf = (id) => `var(--strategy-${id})`;

// A colour a strategy, in both themes.
export function addPalette() {
  if (document.getElementById("strategy-colors")) return;
  const palette = (key) => LOOKS.map((one) => `--strategy-${one.id}: ${one[key]};`).join(" ");
  const style = make("style", { id: "strategy-colors" });
  style.textContent = `:root { ${palette("color")} } html[data-theme="dark"] { ${palette("dark")} }`;
  document.head.append(style);
}

// Within one unit of the middle.
const PATHS = {
  circle: "M0-1a1 1 0 1 1 0 2a1 1 0 1 1 0-2z",
  square: "M-.9-.9h1.8v1.8h-1.8z",
  "triangle-up": "M0-1.1l1.2 2.1h-2.4z",
  "triangle-down": "M0 1.1l1.2-2.1h-2.4z",
  diamond: "M0-1.2l1.1 1.2l-1.1 1.2l-1.1-1.2z",
  plus: "M-.35-1h.7v.65h.65v.7h-.65v.65h-.7v-.65h-.65v-.7h.65z",
  cross: "M0-.5l.5-.5l.5.5l-.5.5l.5.5l-.5.5l-.5-.5l-.5.5l-.5-.5l.5-.5l-.5-.5l.5-.5z",
  pentagon: "M0-1.1l1.05.76l-.4 1.23h-1.3l-.4-1.23z",
  hexagon: "M0-1.1l.95.55v1.1l-.95.55l-.95-.55v-1.1z",
};
export const pathOf = (id) => PATHS[looks.get(id).shape];

// A strategy's mark, at a place of a drawing.
export const mark = (id, x, y, size = 1) =>
  draw("path", {
    d: pathOf(id),
    transform: `translate(${x} ${y}) scale(${5 * size})`,
    fill: colorOf(id),
  });

// A strategy's name with its mark.
export const named = (id) =>
  make(
    "span",
    { class: "live-strategy" },
    draw("svg", { viewBox: "-8 -8 16 16", width: 16, height: 16, "aria-hidden": "true" }, mark(id, 0, 0)),
    looks.get(id).label,
  );
