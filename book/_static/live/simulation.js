// Many data sets of one process, drawn and fitted in a worker: what has been counted so far.

import { SOURCE } from "./worker_source.js";
import { quantile } from "./student.js";
import { at, DF, ESTIMATE, FIT_SIZE, SE, SINGULAR, STRATEGIES } from "./strategies.js";

// What has been counted for one strategy's slope.
class Count {
  constructor() {
    this.n = 0;
    this.holds = 0;
    this.rejects = 0;
    this.singular = 0;
    this.mean = 0; // of the estimates
    this.squares = 0; // about their mean
    this.width = 0; // of the intervals, summed up
  }

  add(estimate, low, high, truth, singular) {
    this.n++;
    this.holds += low <= truth && truth <= high;
    this.rejects += low > 0 || high < 0;
    this.singular += singular;
    const step = estimate - this.mean;
    this.mean += step / this.n;
    this.squares += step * (estimate - this.mean);
    this.width += high - low;
  }

  get sd() {
    return Math.sqrt(this.squares / (this.n - 1));
  }
}

export class Simulation {
  // `ondata(simulation, done)` is told when fits have come, `onfailure` when none will.
  constructor({ ondata, onfailure }) {
    this.ondata = ondata;
    this.worker = new Worker(URL.createObjectURL(new Blob([SOURCE], { type: "text/javascript" })));
    this.worker.onmessage = ({ data }) => this.receive(data);
    this.worker.onerror = (event) => onfailure(event.message);
    this.task = 0;
    this.start({ settings: null, seed: 1 });
  }

  // Forget what was counted; further data sets are of these settings and this seed.
  start({ settings, seed }) {
    this.settings = settings && { ...settings };
    this.seed = seed;
    this.task++;
    this.busy = false;
    this.asked = 0;
    this.drawn = 0;
    this.counts = STRATEGIES.map(() => new Count());
    this.estimates = STRATEGIES.map(() => []); // all of them, for strips
    this.intervals = STRATEGIES.map(() => []); // the last ones: [estimate, low, high]
  }

  // Ask for more data sets, after those that were asked for.
  draw(count) {
    this.asked += count;
    if (!this.busy) this.post();
  }

  post() {
    const { task, settings, seed, drawn: first, asked } = this;
    this.busy = true;
    this.worker.postMessage({ task, settings, seed, first, count: asked - first });
  }

  receive({ task, fits, done }) {
    if (task !== this.task) return; // of settings that are no more
    const truth = this.settings.slope;
    for (let from = 0; from < fits.length; from += FIT_SIZE) {
      this.drawn++;
      STRATEGIES.forEach((_, i) => {
        const [estimate, se, df] = [ESTIMATE, SE, DF].map((what) => fits[from + at(i, 1, what)]);
        if (!Number.isFinite(estimate + se + df)) return;
        const reach = quantile(df) * se;
        const [low, high] = [estimate - reach, estimate + reach];
        this.counts[i].add(estimate, low, high, truth, i < 2 ? fits[from + SINGULAR + i] : 0);
        this.estimates[i].push(estimate);
        this.intervals[i].push([estimate, low, high]);
        if (this.intervals[i].length > 200) this.intervals[i].splice(0, 100);
      });
    }
    this.busy = !done;
    if (done && this.drawn < this.asked) this.post();
    this.ondata(this, !this.busy);
  }
}
