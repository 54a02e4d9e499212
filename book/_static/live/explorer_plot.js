// The explorer's plot, as a Vega-Lite specification: a row a strategy, its data sets as points.

import { data } from "./explorer_model.js";

const { strategies, replications } = data;

// Spread the points of a row by a fixed disorder, so that a data set keeps its place in it.
const jitter = (place, salt) => {
  const scrambled = 43758.5453 * Math.sin(((place % replications) + 1) * (12.9898 + 65.243 * salt));
  return scrambled - Math.floor(scrambled) - 0.5;
};

// A line a data set, one below the other, in the same order in every row.
const stacked = (row, place, [centre, reach]) => ({
  x: centre,
  low: centre - reach,
  high: centre + reach,
  y: row.y - 0.3 + (0.75 * (place % replications)) / (replications - 1),
});

// A rate's data sets are all at yes or at no: a heap at either end.
const scattered = (row, place, value, rate) => ({
  x: rate ? value + 6 * jitter(place, 1) : value,
  y: row.y + 0.7 * jitter(place, 0),
});

const CROSS = "M-1,-1L1,1M-1,1L1,-1";

// Where things lie: rows from top to bottom, with a gap between levels.
function layOut(rows, measure) {
  let y = 0;
  rows.forEach((row, i) => {
    if (i && row.levelAt !== rows[i - 1].levelAt) y += 0.8;
    row.y = y++;
    row.points = row.values.map(({ place, value, interval }) => ({
      place,
      value,
      interval,
      row: i,
      strategy: row.strategy.id,
      ...(interval ? stacked(row, place, interval) : scattered(row, place, value, measure.rate)),
    }));
    row.byValue = [...row.points].sort((a, b) => a.x - b.x);
  });
  return y;
}

// Ticks of a logarithmic axis: 1, 2, 5, 10, and so on.
function decades([low, high]) {
  const ticks = [];
  for (let power = -4; power < 4; power++)
    ticks.push(...[1, 2, 5].map((first) => Number(`${first}e${power}`)));
  return ticks.filter((tick) => tick >= low && tick <= high);
}

// `rows` have level, strategy, values and their summary; they learn where they lie. `title` names
// the dimension that lies side by side, if there is one. A narrow drawing has its axis title on two
// lines.
export function spec({ rows, measure, label, title, domain, width, font }) {
  const height = layOut(rows, measure);
  const intervals = Boolean(measure.interval);
  const rate = Boolean(measure.rate) && !intervals;
  // Both follow the theme by themselves.
  const text = "currentColor";
  const paper = "var(--pst-color-background)";
  const x = {
    field: "x",
    type: "quantitative",
    title: intervals
      ? width < 480
        ? measure.interval.label.split(", ")
        : measure.interval.label
      : label + (rate ? ", % of data sets" : measure.scale === "log" ? " (log scale)" : ""),
    scale: { type: measure.rate ? "linear" : measure.scale, domain, nice: false },
    axis: rate
      ? { values: [0, 25, 50, 75, 100] }
      : measure.scale === "log"
        ? { values: decades(domain), format: "~g", labelOverlap: true }
        : { format: "~g", tickCount: 6 },
  };
  // Labels stand at the middle of a level, or at each row when there is one condition.
  const places = new Map();
  for (const row of rows) {
    const label = title ? String(row.level) : row.strategy.label;
    places.set(label, [...(places.get(label) ?? []), row.y]);
  }
  const mean = (numbers) => numbers.reduce((a, b) => a + b) / numbers.length;
  const lines = Object.fromEntries([...places].map(([label, ys]) => [mean(ys), label.split(" ")]));
  const y = {
    field: "y",
    type: "quantitative",
    scale: { domain: [height - 0.4, -0.6], nice: false, zero: false },
    axis: {
      values: Object.keys(lines).map(Number),
      grid: false,
      ticks: false,
      domain: false,
      labelPadding: 8,
      labelLimit: 150,
      labelExpr: `${JSON.stringify(lines)}[datum.value]`,
      title,
      titleAngle: 0,
      titleAlign: "left",
      titleAnchor: "end",
      titleX: -30,
      titleY: -14,
      titleBaseline: "bottom",
    },
  };
  const channel = (range) => ({
    field: "strategy",
    type: "nominal",
    legend: null,
    scale: { domain: strategies.map((s) => s.id), range },
  });
  const color = channel(strategies.map((s) => `var(--strategy-${s.id})`));
  const shape = channel(strategies.map((s) => s.shape));
  const edges = rows
    .filter((row, i) => i && row.levelAt !== rows[i - 1].levelAt)
    .map((row) => ({ y: row.y - 0.9 }));
  // What says no stands out in the page's ink.
  const ink = { ...color, condition: { test: "!datum.value", value: text } };
  const bars = rows.map((row) => ({
    strategy: row.strategy.id,
    y: row.y,
    x: rate ? Math.max(row.mean - 1.96 * row.mcse, 0) : row.q1,
    to: rate ? Math.min(row.mean + 1.96 * row.mcse, 100) : row.q3,
    centre: rate ? row.mean : row.median,
    top: row.y - 0.36,
    end: domain[1],
    words: measure.rate ? `${row.mean.toFixed(0)} % yes (MCSE ${row.mcse.toFixed(1)})` : "",
  }));
  const layersOfPoints = [
    {
      name: "points",
      data: { name: "points" },
      mark: { type: "point", filled: true, size: 26, opacity: 0.5 },
      encoding: { x, y, color, shape },
    },
    {
      data: { name: "bars" },
      mark: { type: "rule", strokeWidth: rate ? 4 : 11, opacity: rate ? 0.9 : 0.5 },
      encoding: { x, x2: { field: "to" }, y, color },
    },
    {
      data: { name: "bars" },
      mark: { type: "point", filled: true, size: 110, opacity: 1, stroke: paper, strokeWidth: 1.5 },
      encoding: { x: { ...x, field: "centre" }, y, color, shape },
    },
  ];
  const reach = { x: { ...x, field: "low" }, x2: { field: "high" }, y };
  const layersOfIntervals = [
    {
      data: { name: "points" },
      mark: { type: "rule", clip: true, strokeWidth: title ? 1 : 1.4 },
      encoding: { ...reach, color: ink },
    },
    {
      name: "points",
      data: { name: "points" },
      mark: { type: "point", clip: true, filled: false, opacity: 1, strokeWidth: 1.6 },
      encoding: {
        x,
        y,
        color: ink,
        size: { condition: { test: "!datum.value", value: 22 }, value: 5 },
        shape: { condition: { test: "!datum.value", value: CROSS }, value: "circle" },
      },
    },
    {
      data: { name: "bars" },
      mark: { type: "text", align: "right", baseline: "bottom", fontSize: 12, color: text },
      encoding: { x: { ...x, field: "end" }, y: { ...y, field: "top" }, text: { field: "words" } },
    },
    {
      data: { name: "picked" },
      mark: { type: "rule", clip: true, color: text, strokeWidth: 3 },
      encoding: reach,
    },
  ];
  return {
    width,
    height: (intervals ? (title ? 70 : 180) : 22) * height + (intervals || title ? 0 : 26 * rows.length),
    padding: { top: 6, right: 6, bottom: 4, left: 2 },
    autosize: { type: "fit-x", contains: "padding" },
    background: null,
    datasets: { points: rows.flatMap((row) => row.points), bars, edges, picked: [], cursor: [] },
    layer: [
      { data: { name: "edges" }, mark: { type: "rule", color: text, opacity: 0.18 }, encoding: { y } },
      ...(measure.reference === undefined
        ? []
        : [
            {
              data: { values: [{ x: measure.reference }] },
              mark: { type: "rule", color: text, opacity: 0.55, strokeWidth: 2 },
              encoding: { x },
            },
          ]),
      ...(intervals ? layersOfIntervals : layersOfPoints),
      {
        data: { name: "picked" },
        mark: { type: "line", color: text, strokeDash: [4, 3], strokeWidth: 1.4 },
        encoding: { x, y, order: { field: "y", type: "quantitative" } },
      },
      {
        data: { name: "picked" },
        mark: { type: "point", filled: true, size: 90, opacity: 1, stroke: text, strokeWidth: 1.6 },
        encoding: { x, y, color, shape },
      },
      {
        data: { name: "cursor" },
        mark: { type: "point", filled: false, size: 230, opacity: 1, stroke: text, strokeWidth: 2.2 },
        encoding: { x, y },
      },
    ],
    config: {
      aria: false,
      font,
      view: { stroke: null },
      axis: {
        labelColor: text,
        titleColor: text,
        tickColor: text,
        domainColor: text,
        gridColor: text,
        gridOpacity: 0.13,
        tickOpacity: 0.4,
        domainOpacity: 0.4,
        labelFontSize: 12.5,
        titleFontSize: 13,
        titleFontWeight: 600,
        titlePadding: 8,
      },
    },
  };
}

