// Draws data sets and fits them, away from the page: what is there is sent as it comes.
//
// A task says { task, settings, seed, first, count }; each answer { task, fits, done } holds
// FIT_SIZE numbers a data set. A new task ends the one before.

import { Data, drawData } from "./draw.js";
import { FIT_SIZE, Strategies } from "./strategies.js";

const AT_ONCE = 60; // milliseconds between answers
const AT_MOST = 1000; // data sets an answer
const buffer = new Float64Array(AT_MOST * FIT_SIZE);
let current = null;

function work(task) {
  if (task !== current) return;
  const start = performance.now();
  let n = 0;
  while (task.at < task.count && n < AT_MOST && (n === 0 || performance.now() - start < AT_ONCE)) {
    drawData(task.data, task.settings, task.seed, task.first + task.at++);
    task.strategies.fit(task.data, buffer, FIT_SIZE * n++);
  }
  const fits = buffer.slice(0, FIT_SIZE * n);
  const done = task.at === task.count;
  postMessage({ task: task.task, fits, done }, [fits.buffer]);
  // Let a new task in between.
  if (!done) setTimeout(work, 0, task);
}

onmessage = ({ data: task }) => {
  const { people, rows } = task.settings;
  current = { ...task, at: 0, data: Data.balanced(people, rows), strategies: new Strategies(people) };
  work(current);
};
