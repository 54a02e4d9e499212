// What the pictures draw with: scales, axes, and drawings as wide as their place.

import { draw, make } from "./page.js";

export function scale([low, high], [from, to]) {
  const place = (value) => from + ((value - low) / (high - low)) * (to - from);
  place.inverse = (at) => low + ((at - from) / (to - from)) * (high - low);
  return place;
}

// Round numbers between two ends, about as many as asked for.
export function ticks([low, high], about = 5) {
  const rough = (high - low) / about;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((one) => one * power >= rough);
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++)
    found.push(Number((i * step).toPrecision(12)));
  return found;
}

export const text = (x, y, words, attributes = {}) => draw("text", { x, y, ...attributes }, words);

export const line = (x1, y1, x2, y2, attributes = {}) => draw("line", { x1, y1, x2, y2, ...attributes });

// Cut what is drawn to a box.
let clips = 0;
export function clipped(group, x, y, width, height) {
  const id = `live-clip-${++clips}`;
  const inside = draw("g", { "clip-path": `url(#${id})` });
  group.append(draw("clipPath", { id }, draw("rect", { x, y, width, height })), inside);
  return inside;
}

// A horizontal axis below a panel: its line, ticks and title.
export function axisBelow(x, domain, y, { title = "", about = 5 } = {}) {
  const [from, to] = [x(domain[0]), x(domain[1])];
  const group = draw("g", { class: "live-axis" }, line(from, y, to, y));
  for (const tick of ticks(domain, about)) {
    group.append(line(x(tick), y, x(tick), y + 4));
    // Labels at either end stay inside.
    const anchor = x(tick) > to - 10 ? "end" : x(tick) < from + 10 ? "start" : "middle";
    group.append(text(x(tick), y + 16, String(tick).replace("-", "−"), { "text-anchor": anchor }));
  }
  if (title) group.append(text((from + to) / 2, y + 33, title, { "text-anchor": "middle" }));
  return group;
}

// A drawing that follows the width of its place; `paint` fills a group for that width and says how
// high it is. What stays from one drawing to the next, such as handles, goes into `over`. What goes
// wrong is said in its place.
export function canvas(label, paint, { role = "img" } = {}) {
  const under = draw("g", { "aria-hidden": "true" });
  const over = draw("g");
  const svg = draw("svg", { class: "live-canvas", role, "aria-label": label }, under, over);
  const failed = make("p", { class: "live-failed" });
  const box = make("div", { class: "live-place" }, svg);
  let width = 0;
  const update = () => {
    if (!width) return;
    try {
      const found = draw("g");
      const height = paint(found, width);
      svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
      svg.setAttribute("width", width);
      svg.setAttribute("height", height);
      under.replaceChildren(found);
      failed.remove();
    } catch (error) {
      failed.textContent = `This drawing failed: ${error.message}`;
      box.append(failed);
      console.error(error);
    }
  };
  new ResizeObserver(() => {
    if (Math.abs(box.clientWidth - width) < 1) return;
    width = box.clientWidth;
    update();
  }).observe(box);
  return { box, svg, over, update };
}
