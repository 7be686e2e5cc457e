// Small charts in SVG: lines with gaps, bars, a linear or a logarithmic scale. One time axis and one crosshair for all of a page.

import { h, s } from "./dom.js";
import { clockTime, count, figure, hourMinute } from "./format.js";

const HEIGHT = 132,
  LEFT = 44,
  RIGHT = 4,
  TOP = 18,
  BOTTOM = 20,
  SHRINK = 600e3;
const DASHES = { solid: null, dashed: "5 3", dotted: "1.5 2.5" };

const nice = (max) => {
  const ten = 10 ** Math.floor(Math.log10(Math.max(max, 1)));
  return [1, 2, 4, 8, 10].map((step) => step * ten).find((step) => step >= max * 1.02) ?? 20 * ten;
};

const scales = new Map();

/** A scale grows at once and shrinks after ten minutes. */
function steady(key, wanted) {
  const known = scales.get(key),
    now = Date.now();
  if (!known || wanted >= known.max) {
    scales.set(key, { max: wanted, since: now });
    return wanted;
  }
  if (now - known.since > SHRINK) {
    scales.set(key, { max: wanted, since: now });
    return wanted;
  }
  return known.max;
}

function scaleOf(spec, data, key) {
  const values = spec.series.flatMap(({ name }) => data.series[name] ?? []).filter((value) => value != null);
  const highest = Math.max(0, spec.limit ?? 0, ...values);
  if (spec.log) {
    const top = steady(key, Math.max(2, Math.ceil(Math.log10(Math.max(highest, 1e-3)) - 1e-9)));
    const ticks = Array.from({ length: top + 2 }, (_, index) => 10 ** (index - 1));
    return { part: (value) => (Math.log10(Math.max(value, 0.1)) + 1) / (top + 1), ticks };
  }
  const max = steady(
    key,
    spec.limit ? Math.max(spec.limit * 1.1, nice(highest) === 10 ? 10 : highest * 1.02) : nice(highest),
  );
  return { part: (value) => value / max, ticks: spec.limit ? [0, spec.limit / 2, spec.limit] : [0, max / 2, max] };
}

function linePath(values, x, y) {
  let path = "",
    pen = false;
  values.forEach((value, index) => {
    if (value == null) {
      pen = false;
      return;
    }
    path += `${pen ? "L" : "M"}${x(index)} ${y(value)}`;
    // A point between two gaps is still to be seen.
    if (!pen && values[index + 1] == null) path += "h.6";
    pen = true;
  });
  return path;
}

function barsPath(values, x, y, width) {
  const base = y(0);
  return values
    .map((value, index) =>
      value > 0 ? `M${(x(index) - width / 2).toFixed(1)} ${base}V${y(value)}h${width.toFixed(1)}V${base}z` : "",
    )
    .join("");
}

const sample = (look, dash) =>
  s(
    "svg",
    { "aria-hidden": "true", viewBox: "0 0 18 8" },
    s("line", { x1: 0, x2: 18, y1: 4, y2: 4, class: `series ${look}`, "stroke-dasharray": DASHES[dash] }),
  );

/** The last point that is known; the step that is going on is not. Older than three points it is not "now" any more. */
function newest(data) {
  for (let index = data.points - 1; index > data.points - 4; index--)
    if (Object.values(data.series).some((values) => values[index] != null)) return index;
  return data.points - 1;
}

function sentence(spec, data) {
  const last = newest(data);
  const parts = spec.series.map(({ name, label }) => {
    const values = data.series[name] ?? [],
      told = values.filter((value) => value != null);
    if (!told.length) return `${label} not known`;
    const high = Math.max(...told),
      when = data.from + values.indexOf(high) * data.step;
    return `${label} now ${values[last] == null ? "not known" : figure(values[last])}, highest ${figure(high)} at ${hourMinute(when)}`;
  });
  const gaps = data.events.length;
  return `${spec.title} ${spec.unit}: ${parts.join("; ")}; ${gaps ? `${gaps} gap${gaps === 1 ? "" : "s"}` : "no gap"}`;
}

function hatched(event, data, x, id) {
  const index = (at) => Math.max(0, Math.min(data.points - 1, (at - data.from) / data.step));
  const [left, right] = [x(index(event.from_ms)), x(index(event.to_ms ?? data.from + data.points * data.step))].map(
    Number,
  );
  const width = Math.max(right - left, 3),
    middle = left + width / 2;
  const anchor = middle < LEFT + 60 ? "start" : middle > x(data.points - 1) - 60 ? "end" : "middle";
  const place = anchor === "start" ? Math.max(left, LEFT) + 2 : anchor === "end" ? left + width : middle;
  return [
    s("rect", { x: left, y: TOP - 4, width, height: HEIGHT - TOP - BOTTOM + 4, fill: `url(#${id})` }),
    s("text", { x: place, y: TOP - 7, "text-anchor": anchor }, event.text ?? event.kind),
  ];
}

/**
 * A figure. `data` is `{from, step, points, series, events}` in milliseconds with a value or null per point; `cursor` the index under the crosshair.
 * `spec` is `{title, unit, series: [{name, label, dash, hue}], log, bars, limit, none}`.
 */
export function chart(spec, data, width, cursor) {
  const { points } = data,
    scale = scaleOf(spec, data, spec.title + data.key),
    right = width - RIGHT,
    id = `hatch-${spec.title.replace(/\W/g, "")}`;
  const x = (index) => (LEFT + (right - LEFT) * (points > 1 ? index / (points - 1) : 0)).toFixed(1);
  const y = (value) =>
    (HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * Math.min(1, Math.max(0, scale.part(value)))).toFixed(1);
  const shown = cursor ?? newest(data);
  const told = spec.series.some(({ name }) => data.series[name]?.some((value) => value != null));
  const nothing = told && spec.none && !data.series[spec.series[0].name].some((value) => value > 0);
  const legend = h(
    "span",
    { class: "legend" },
    spec.series.map(({ name, label, dash, hue = "hue1" }) =>
      h("span", {}, sample(spec.bars ? "hue2" : hue, dash), label, " ", h("b", {}, figure(data.series[name]?.[shown]))),
    ),
  );
  const head = h("figcaption", {}, h("h3", {}, spec.title), h("span", { class: "unit" }, spec.unit), legend);
  if (!told || nothing) {
    return h(
      "figure",
      { class: "chart", "data-key": spec.title },
      head,
      h("p", { class: "empty" }, nothing ? spec.none : "– not reported by this shard, or not kept yet"),
    );
  }
  const every = [5, 15, 30].find((minutes) => (points * data.step) / (minutes * 60e3) <= 4.5) * 60e3;
  const times = [];
  for (let at = Math.ceil(data.from / every) * every; at < data.from + points * data.step; at += every)
    if (right - x((at - data.from) / data.step) > 46) times.push(at);
  const drawing = s(
    "svg",
    { role: "img", "aria-label": sentence(spec, data), viewBox: `0 0 ${width} ${HEIGHT}`, preserveAspectRatio: "none" },
    s(
      "defs",
      {},
      s(
        "pattern",
        { id, width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
        s("rect", { width: 6, height: 6, fill: "var(--sunken)" }),
        s("line", { x1: 0, y1: 0, x2: 0, y2: 6, stroke: "var(--line)", "stroke-width": 4 }),
      ),
    ),
    scale.ticks.map((tick) => [
      s("line", { class: "grid", x1: LEFT, x2: right, y1: y(tick), y2: y(tick) }),
      s("text", { x: LEFT - 6, y: Number(y(tick)) + 4, "text-anchor": "end" }, tick < 1 ? String(tick) : count(tick)),
    ]),
    times.map((at) =>
      s(
        "text",
        {
          x: x((at - data.from) / data.step),
          y: HEIGHT - 4,
          "text-anchor": at - data.from < 2 * data.step ? "start" : "middle",
        },
        hourMinute(at),
      ),
    ),
    s("text", { x: right, y: HEIGHT - 4, "text-anchor": "end" }, "now"),
    data.events.map((event) => hatched(event, data, x, id)),
    spec.limit && [
      s("line", { class: "limit", x1: LEFT, x2: right, y1: y(spec.limit), y2: y(spec.limit) }),
      s(
        "text",
        { class: "limit-text", x: right, y: y(spec.limit) - 4, "text-anchor": "end" },
        `limit ${count(spec.limit)}`,
      ),
    ],
    spec.series.map(({ name, dash, hue = "hue1" }) =>
      spec.bars
        ? s("path", {
            class: "bars",
            d: barsPath(data.series[name] ?? [], x, y, Math.max(1, ((right - LEFT) / points) * 0.8)),
          })
        : s("path", {
            class: `series ${hue}`,
            "stroke-dasharray": DASHES[dash],
            d: linePath(data.series[name] ?? [], x, y),
          }),
    ),
    cursor != null && [
      s("line", { class: "cross", x1: x(cursor), x2: x(cursor), y1: TOP - 4, y2: HEIGHT - BOTTOM }),
      spec.series.map(
        ({ name, hue = "hue1" }) =>
          data.series[name]?.[cursor] != null &&
          s("circle", {
            class: `ends ${spec.bars ? "hue2" : hue}`,
            cx: x(cursor),
            cy: y(data.series[name][cursor]),
            r: 3,
          }),
      ),
    ],
  );
  return h("figure", { class: "chart", "data-key": spec.title }, head, drawing);
}

/** The index of the point that is nearest to `clientX` in a drawing of `chart`. */
export function pointAt(drawing, clientX, points) {
  const box = drawing.getBoundingClientRect();
  return Math.max(
    0,
    Math.min(points - 1, Math.round(((clientX - box.left - LEFT) / (box.width - LEFT - RIGHT)) * (points - 1))),
  );
}

export const cursorTime = (data, cursor) => clockTime(data.from + cursor * data.step);

/** A line of a cell's size; all of a column have one scale, `max`. */
export function spark(values, max) {
  if (!values?.some((value) => value != null)) return null;
  const top = Math.max(max, 1e-9),
    x = (index) => ((index / (values.length - 1)) * 60).toFixed(1),
    y = (value) => (15 - (value / top) * 13).toFixed(1);
  return s(
    "svg",
    { class: "spark", "aria-hidden": "true", viewBox: "0 0 60 16" },
    s("path", { d: linePath(values, x, y) }),
  );
}
export const highest = (rows, key) =>
  Math.max(0, ...rows.flatMap((row) => row[key] ?? []).filter((value) => value != null));
