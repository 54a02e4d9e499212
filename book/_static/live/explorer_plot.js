// The explorer's plot, as a Vega-Lite specification: a panel a level, a row a strategy. Vega-Lite
// lays it out, finds the point that is nearest to the pointer, and marks the points that its
// parameters name: `cursor` (one, by its number) and `picked` (by its place in the grid).

import { colorOf, looks, pathOf } from "./strategy_looks.js";

const CROSS = "M-1,-1L1,1M-1,1L1,-1";
// Both follow the theme by themselves.
const INK = "currentColor";
const PAPER = "var(--pst-color-background)";

const layer = (transform, mark, encoding, more) => ({ transform, mark, encoding, ...more });
const rule = (look) => ({ type: "rule", clip: true, ...look });
const point = (look) => ({ type: "point", filled: true, opacity: 1, ...look });
const field = (name, more) => ({ field: name, type: "quantitative", ...more });
const where = (test) => ({ filter: test });
const calculate = (as, expression) => ({ calculate: expression, as });

// Where a study keeps no data sets, a row has one point, itself.
function tableOf(rows, replications) {
  const table = [];
  let at = 0;
  for (const { strategy, level, points, mean, mcse, q1, median, q3 } of rows) {
    const row = { strategy, label: looks.get(strategy).label, panel: level?.say ?? "" };
    const sums = { mean, mcse, q1, median, q3 };
    for (const one of points) {
      one.at = at++;
      const [x, reach] = one.interval ?? [one.value, 0];
      const drawn = { x, low: x - reach, high: x + reach, rank: one.place % (replications ?? 1) };
      table.push({ ...row, ...one, ...drawn, ...(replications ? {} : sums) });
    }
    if (replications) table.push({ ...row, ...sums });
  }
  return table;
}

// `domain` is left out where the axis is to hold what is seen, and no more.
export function spec({ rows, replications, measure, label, domain, width, font }) {
  const values = tableOf(rows, replications);
  const panels = [...new Set(values.map((one) => one.panel))];
  const strategies = [...new Set(values.map((one) => one.strategy))];
  const single = panels.length === 1;
  const narrow = width < 480;
  const intervals = Boolean(measure.interval);
  const log = measure.scale === "log";

  // ---- Axes and scales: names have a margin of their own, on two lines in a narrow drawing
  const left = narrow ? 84 : 156;
  const step = intervals ? (single ? 180 : 70) : single ? 48 : narrow ? 30 : 24;
  const title = measure.interval ?? label + (log ? " (log scale)" : measure.rate ? " (%)" : "");
  const along = {
    title: narrow ? title.split(/, | (?=\()/) : title,
    scale: log ? { type: "log", domain, nice: false } : { domain, nice: false, zero: false },
    axis: { tickCount: narrow ? 4 : 7 },
  };
  const x = (name) => field(name, along);
  const y = {
    field: "label",
    type: "nominal",
    sort: null,
    title: null,
    axis: {
      labelExpr: narrow ? "split(replace(datum.label, ' ', '|'), '|')" : "datum.label",
      minExtent: left,
      maxExtent: left,
      ticks: false,
      domain: false,
    },
  };
  const look = (range) => ({
    field: "strategy",
    type: "nominal",
    legend: null,
    scale: { domain: strategies, range: strategies.map(range) },
  });
  const [color, shape] = [look(colorOf), look(pathOf)];

  // ---- Points: a data set keeps its place from row to row. Lines lie in order, one below the other,
  // and dots in a disorder, by multiples of irrational numbers; heaps of yes and no spread both ways.
  const heaps = measure.rate && replications && !intervals;
  const toPoints = [
    where("isValid(datum.at)"),
    calculate("off", intervals ? "datum.rank" : `(datum.rank * ${Math.SQRT2}) % 1`),
    calculate("x", heaps ? `datum.x + 6 * ((datum.rank * ${Math.sqrt(3)}) % 1 - 0.5)` : "datum.x"),
  ];
  const toPicked = [...toPoints, where("datum.place === picked")];
  const inBand = intervals ? [single ? -6 : -14, replications] : [-0.2, 1.2];
  const yOffset = field("off", { scale: { domain: inBand, nice: false, zero: false } });
  const place = { x: x("x"), y, ...(replications ? { yOffset } : {}) };
  const reach = { ...place, x: x("low"), x2: { field: "high" } };
  const nearest = (on) => ({ type: "point", fields: ["at"], nearest: true, on, toggle: false, clear: false });
  const points = {
    name: "points",
    params: [
      { name: "near", select: nearest("pointermove[event.pointerType === 'mouse']") },
      { name: "chosen", select: nearest("click") },
    ],
  };

  // ---- Rows: the middle half of the data sets and their median, or a mean and its 95 % interval
  const quartiles = replications && !measure.rate;
  const end = (sign) => `datum.mean ${sign} 1.96 * (datum.mcse || 0)`;
  const toRows = [
    where("isValid(datum.mean)"),
    calculate("from", quartiles ? "datum.q1" : measure.rate ? `max(${end("-")}, 0)` : end("-")),
    calculate("to", quartiles ? "datum.q3" : measure.rate ? `min(${end("+")}, 100)` : end("+")),
    calculate("words", "format(datum.mean, '.0f') + ' % yes (MCSE ' + format(datum.mcse, '.1f') + ')'"),
  ];
  const bar = rule(quartiles ? { strokeWidth: 11, opacity: 0.5 } : { strokeWidth: 4, opacity: 0.9 });
  const centre = point({ size: replications ? 110 : 70, stroke: PAPER, strokeWidth: 1.5 });
  const sum = { x: x(quartiles ? "median" : "mean"), y, color, shape };

  // What says no stands out in the page's ink.
  const unless = (no, yes) => ({ ...yes, condition: { test: "!datum.value", value: no } });
  const ofIntervals = () => [
    layer(toPoints, rule({ strokeWidth: single ? 1.4 : 1 }), { ...reach, color: unless(INK, color) }),
    layer(
      toPoints,
      point({ clip: true, filled: false, strokeWidth: 1.6 }),
      {
        ...place,
        color: unless(INK, color),
        size: unless(22, { value: 5 }),
        shape: unless(CROSS, { value: "circle" }),
      },
      points,
    ),
    layer(
      toRows,
      { type: "text", align: "right", baseline: "top", fontSize: 12, color: INK },
      { x: { value: "width" }, y: { ...y, bandPosition: 0 }, text: { field: "words" } },
    ),
    layer(toPicked, rule({ color: INK, strokeWidth: 3 }), reach),
  ];
  const ofValues = () => [
    ...(replications
      ? [layer(toPoints, point({ size: 26, opacity: 0.5 }), { ...place, color, shape }, points)]
      : []),
    layer(toRows, bar, { x: x("from"), x2: { field: "to" }, y, color }),
    layer(toRows, centre, sum, replications ? {} : points),
  ];
  const ring = { stroke: INK, strokeWidth: 1.6 };
  const reference = {
    data: { values: [{ x: measure.reference }] },
    mark: rule({ color: INK, opacity: 0.55, strokeWidth: 2 }),
    encoding: { x: x("x") },
  };
  const layers = [
    ...("reference" in measure ? [reference] : []),
    ...(intervals ? ofIntervals() : ofValues()),
    layer(
      toPicked,
      { type: "line", color: INK, strokeDash: [4, 3], strokeWidth: 1.4 },
      { ...place, order: { field: "at" } },
    ),
    layer(toPicked, point({ size: 90, ...ring }), { ...place, color, shape }),
    layer(
      [...toPoints, where("datum.at === cursor")],
      point({ filled: false, size: 230, ...ring, strokeWidth: 2.2 }),
      place,
    ),
  ];

  return {
    data: { values },
    params: [
      { name: "cursor", value: -1 },
      { name: "picked", value: -1 },
    ],
    background: null,
    padding: { top: 2, right: 8, bottom: 4, left: 0 },
    spacing: 16,
    facet: {
      row: {
        field: "panel",
        sort: panels,
        title: null,
        header: { labels: !single, labelOrient: "top", labelAnchor: "start", labelAngle: 0 },
      },
    },
    spec: { width: width - left - 8, height: { step }, layer: layers },
    config: {
      aria: false,
      font,
      view: { stroke: null },
      header: {
        labelColor: INK,
        labelFontSize: 12.5,
        labelFontWeight: 600,
        labelLimit: width - left - 8,
        labelPadding: -6,
      },
      axis: {
        labelColor: INK,
        titleColor: INK,
        tickColor: INK,
        domainColor: INK,
        gridColor: INK,
        gridOpacity: 0.13,
        tickOpacity: 0.4,
        domainOpacity: 0.4,
        labelFontSize: narrow ? 11 : 12.5,
        titleFontSize: 13,
        titleFontWeight: 600,
        titlePadding: 8,
      },
    },
  };
}
