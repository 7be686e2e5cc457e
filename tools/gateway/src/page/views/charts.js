// The last hour of a shard: six charts with one time axis and one crosshair, or the same as a table.

import { chart, cursorTime, pointAt } from "../lib/chart.js";
import { ask, Trouble } from "../lib/api.js";
import { h } from "../lib/dom.js";
import { clockTime, figure, hourMinute, switchZone, timeZone } from "../lib/format.js";
import { gatewayTime } from "../lib/ages.js";
import { onKey } from "../lib/keys.js";
import { answer as say } from "../lib/live.js";
import { setQuery } from "../lib/router.js";
import { failed, loading } from "../lib/states.js";
import { column, segments, table } from "../lib/table.js";

const RANGES = { "15m": [5, 180], "1h": [15, 240] };
const percentiles = (prefix, list) =>
  list.map((name, index) => ({
    name: prefix + name,
    label: name,
    dash: list.length === 2 ? ["solid", "dotted"][index] : ["solid", "dashed", "dotted"][index],
  }));
const SPECS = (data) => [
  {
    title: "Requests",
    unit: "per second",
    series: [
      { name: "reads", label: "reads", dash: "solid" },
      { name: "writes", label: "writes", dash: "dashed", hue: "hue2" },
    ],
  },
  { title: "Latency", unit: "ms, log", log: true, series: percentiles("", ["p50", "p95", "p99"]) },
  {
    title: "BUSY answers",
    unit: `per ${data.step / 1000} s`,
    bars: true,
    none: `0 in the last ${data.points * data.step >= 3600e3 ? "hour" : "15 min"}`,
    series: [{ name: "busy", label: "BUSY" }],
  },
  {
    title: "Commit group",
    unit: "writes per commit",
    series: [
      { name: "group_mean", label: "mean", dash: "solid" },
      { name: "group_max", label: "max", dash: "dotted" },
    ],
  },
  { title: "fsync", unit: "ms, log", log: true, series: percentiles("fsync_", ["p50", "p99"]) },
  {
    title: "Places in use",
    unit: data.limits?.in_flight ? `of ${figure(data.limits.in_flight)}` : "",
    limit: data.limits?.in_flight,
    series: [{ name: "in_flight", label: "in flight", dash: "solid" }],
  },
];

/** Points that came are laid over those that are there; what is older than the range goes. */
function merge(data, got, [seconds, points], n) {
  const step = seconds * 1000,
    key = `${n}/${seconds}`;
  const end = Math.floor((got.now_ms ?? gatewayTime()) / step) * step,
    from = end - (points - 1) * step;
  const made = {
    key,
    from,
    step,
    points,
    series: {},
    events: (got.events ?? data?.events ?? []).filter((event) => (event.to_ms ?? Infinity) > from),
    limits: got.limits ?? data?.limits,
    kept: got.kept_since_ms ?? data?.kept,
  };
  const names = new Set([...Object.keys(got.series ?? {}), ...(data?.key === key ? Object.keys(data.series) : [])]);
  const place = (values, since, into) =>
    values?.forEach((value, index) => {
      const at = Math.round((since - from) / step) + index;
      if (at >= 0 && at < points) into[at] = value;
    });
  for (const name of names) {
    const into = (made.series[name] = new Array(points).fill(null));
    if (data?.key === key) place(data.series[name], data.from, into);
    place(got.series?.[name], got.from_ms, into);
  }
  return made;
}

export function charts(page, n, redraw) {
  let range = RANGES[page.query.range] ? page.query.range : "1h",
    data = null,
    trouble = null,
    cursor = null,
    asTable = false,
    width = 400,
    base = null;
  const look = async () => {
    try {
      const [seconds] = RANGES[range],
        fresh = data?.key !== `${n}/${seconds}`;
      const got = await ask(
        "/api/shard/series",
        {
          n,
          step_s: seconds,
          since_ms: fresh
            ? gatewayTime() - seconds * 1000 * RANGES[range][1]
            : data.from + (data.points - 4) * data.step,
        },
        { signal: page.signal },
      );
      data = merge(data, got, RANGES[range], n);
      trouble = null;
    } catch (error) {
      if (!(error instanceof Trouble)) return;
      trouble = error;
    }
    redraw();
  };
  const again = page.every(5000, look);
  const choose = (next) => {
    range = next;
    cursor = null;
    setQuery({ range: next === "1h" ? null : next });
    again();
    redraw();
    return true;
  };
  onKey(["1"], () => choose("15m"), page.signal);
  onKey(["2"], () => choose("1h"), page.signal);
  const move = (next) => {
    if (next !== cursor) {
      cursor = next;
      redraw();
    }
  };
  const sizes = new ResizeObserver(([entry]) => {
    const now = Math.round(entry.contentRect.width);
    if (now > 60 && now !== width) {
      width = now;
      redraw();
    }
  });
  page.signal.addEventListener("abort", () => sizes.disconnect());

  const arrows = (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -20, PageDown: 20 }[event.key];
    if (event.key === "Escape" && cursor != null) {
      event.stopPropagation();
      return move(null);
    }
    if (event.key === "Home" || event.key === "End") {
      event.preventDefault();
      return move(event.key === "Home" ? 0 : data.points - 1);
    }
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    move(Math.max(0, Math.min(data.points - 1, (cursor ?? data.points - 1) + step)));
    say(
      `${cursorTime(data, cursor)}: ${SPECS(data)
        .flatMap((spec) =>
          spec.series.map(({ name, label }) => `${spec.title} ${label} ${figure(data.series[name]?.[cursor])}`),
        )
        .join(", ")}`,
    );
  };
  const listing = () => {
    const series = SPECS(data).flatMap((spec) =>
      spec.series.map(({ name, label }) => [name, spec.series.length > 1 ? `${spec.title} ${label}` : spec.title]),
    );
    const places = Array.from({ length: data.points }, (_, index) => data.points - 1 - index);
    return h(
      "div",
      { class: "sideways", tabindex: "0", role: "group", "aria-label": "Figures" },
      table(
        {
          caption: "The charts as a table",
          records: false,
          columns: [column("Time"), ...series.map(([, text]) => column(text, { className: "number" }))],
        },
        h(
          "tbody",
          {},
          places.map((index) =>
            h(
              "tr",
              {},
              h("th", { scope: "row" }, clockTime(data.from + index * data.step)),
              series.map(([name]) => h("td", { class: "number" }, figure(data.series[name]?.[index]))),
            ),
          ),
        ),
      ),
    );
  };

  /** The block; it draws what is known now. */
  return () => {
    const words = !data
      ? ""
      : [
          `one point every ${data.step / 1000} s`,
          data.kept && `kept by this gateway since ${hourMinute(data.kept)}`,
          cursor == null ? "" : `cursor at ${cursorTime(data, cursor)}`,
        ]
          .filter(Boolean)
          .join(" · ");
    const head = h(
      "div",
      { class: "blockhead" },
      h("h2", {}, range === "1h" ? "Last hour" : "Last 15 minutes"),
      h("span", { class: "quiet" }, words),
      h(
        "span",
        { class: "end" },
        h(
          "button",
          {
            type: "button",
            class: "plain",
            title: "Switch between UTC and the time of this computer",
            onclick: () => {
              switchZone();
              redraw();
            },
          },
          `times in ${timeZone()}`,
        ),
        h(
          "button",
          {
            type: "button",
            class: "plain",
            "aria-pressed": String(asTable),
            onclick: () => {
              asTable = !asTable;
              redraw();
            },
          },
          asTable ? "as charts" : "as table",
        ),
        segments(
          "Range",
          [
            ["15m", "15 min"],
            ["1h", "1 h"],
          ],
          range,
          choose,
        ),
      ),
    );
    if (!data) return h("section", {}, head, trouble ? failed(trouble) : loading(8, "The gateway"));
    const grid = h(
      "div",
      {
        class: "charts",
        tabindex: "0",
        role: "group",
        "aria-label": "Charts; arrows move the time cursor",
        onkeydown: arrows,
        onpointermove: (event) => {
          const drawing = event.target.closest?.("svg[role=img]");
          if (drawing) move(pointAt(drawing, event.clientX, data.points));
        },
        onpointerleave: () => move(null),
      },
      SPECS(data).map((spec) => chart(spec, data, width, cursor)),
    );
    requestAnimationFrame(() => {
      const drawing = page.root.querySelector(".chart > svg");
      if (drawing && drawing !== base) {
        sizes.disconnect();
        sizes.observe((base = drawing));
      }
    });
    return h("section", { id: "charts" }, head, trouble && failed(trouble), asTable ? listing() : grid);
  };
}
