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

const PATHS = {
  circle: "M0-5a5 5 0 1 1 0 10a5 5 0 1 1 0-10z",
  square: "M-4.5-4.5h9v9h-9z",
  "triangle-up": "M0-5.5l6 10.5h-12z",
  diamond: "M0-6l5.5 6l-5.5 6l-5.5-6z",
};

// A strategy's mark, at a place of a drawing.
export const mark = (id, x, y, size = 1) =>
  draw("path", {
    d: PATHS[looks.get(id).shape],
    transform: `translate(${x} ${y}) scale(${size})`,
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
