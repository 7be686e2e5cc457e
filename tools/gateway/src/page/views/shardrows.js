// Shards as rows: the same on the overview and in the list of all.

import { highest, spark } from "../lib/chart.js";
import { h } from "../lib/dom.js";
import { age } from "../lib/ages.js";
import { count, figure, known, millis, percent, size } from "../lib/format.js";
import { cell, column } from "../lib/table.js";
import { GLYPHS, STATES } from "../lib/tier.js";

/** An old figure is grey and has a ring. */
const aged = (row, node) =>
  row.old ? h("span", { class: "old", title: "last known, when the shard was seen" }, node, "°") : node;

export const memoryOf = (row) =>
  (row.memory ?? []).reduce(([used, budget], [, u, b]) => [used + (u ?? 0), budget + (b ?? 0)], [0, 0]);
export const usedDisk = (row) =>
  row.disk?.total != null && row.disk?.free != null ? row.disk.total - row.disk.free : row.disk?.store;

/** "3 min", with a warning when it is due. */
function due(what, grace = 1.5) {
  if (!what || what.at_ms == null) return known(null);
  const late = what.every_s > 0 && Date.now() - what.at_ms > what.every_s * 1000 * grace;
  return [age(what.at_ms, true), late && h("span", { class: "warn" }, " ▲", h("span", { class: "sr" }, " late"))];
}

const KEYS = {
  n: (row) => row.n,
  state: (row) => ({ bad: 3, warn: 2, unknown: 1, good: 0 })[row.mood],
  graphs: (row) => row.graphs ?? -1,
  disk: (row) => usedDisk(row) ?? -1,
  rps: (row) => row.rps ?? -1,
  memory: (row) => {
    const [used, budget] = memoryOf(row);
    return budget ? used / budget : -1;
  },
  p99: (row) => row.p99_ms ?? -1,
  busy: (row) => row.busy_1h ?? -1,
  age: (row) => row.age_ms ?? 1e15,
};

export function sorted(all, sort) {
  const key = KEYS[sort?.replace("-", "")];
  return key ? [...all].sort((a, b) => (sort.startsWith("-") ? -1 : 1) * (key(a) - key(b)) || a.n - b.n) : all;
}

export function shardColumns(sort, onsort) {
  const head = (text, key, className, first = "-") =>
    column(text, { key: onsort && key, sort, onsort, className, first });
  return [
    head("Shard", "n", "w-n", ""),
    head("State", "state", "w-name"),
    head("Graphs", "graphs", "number w-m"),
    head("Disk used / size", "disk", "number w-xl"),
    head("Memory", "memory", "number w-m"),
    head("Req/s, 1 h", "rps", "number w-l"),
    head("p99", "p99", "number w-l mid"),
    head("BUSY 1 h", "busy", "number w-m mid"),
    column("Checkpoint", { className: "number w-m less" }),
    column("Backup", { className: "number w-m less" }),
    head("Seen", "age", "number w-m mid", ""),
  ];
}
export const COLUMNS = 11;

export function scaleOf(all) {
  return { rps: highest(all, "spark"), p99: highest(all, "spark_p99") };
}

function stateCell(row) {
  const note = row.mood !== "good" && !row.down && row.notes[0];
  const words = row.down
    ? STATES[row.state]
    : note
      ? (note.code ?? "").replaceAll("_", " ").toLowerCase()
      : (STATES[row.state] ?? row.state);
  return h(
    "td",
    { class: "lead", title: row.notes.map((each) => each.text).join("\n") },
    h("span", { class: row.mood }, h("span", { "aria-hidden": "true" }, GLYPHS[row.mood], " "), words),
    row.notes.length > 1 && h("span", { class: "quiet" }, ` +${row.notes.length - 1}`),
  );
}

export function shardRow(row, scale) {
  const [used, budget] = memoryOf(row);
  return h(
    "tr",
    { "data-key": `shard${row.n}`, "data-row": true, "data-shard": row.n, "data-mood": row.mood },
    h(
      "th",
      { scope: "row", title: row.endpoint },
      h("a", { href: `/shard/${row.n}`, class: "namelink", "data-copy": row.endpoint }, row.name),
    ),
    stateCell(row),
    cell(
      "graphs",
      "number",
      known(row.graphs, (n) => aged(row, count(n))),
    ),
    cell(
      "disk",
      "number",
      known(usedDisk(row), (used) =>
        aged(row, row.disk.total ? `${size(used)} / ${size(row.disk.total)}` : size(used)),
      ),
    ),
    cell("memory", "number", budget ? aged(row, percent(used, budget)) : known(null)),
    cell(
      "req/s",
      "number",
      row.down ? known(null, null, "it does not answer") : known(row.rps, figure),
      spark(row.spark, scale.rps),
    ),
    cell(
      "p99",
      "number mid",
      row.down ? known(null, null, "it does not answer") : known(row.p99_ms, millis),
      spark(row.spark_p99, scale.p99),
    ),
    cell(
      "BUSY",
      row.busy_1h > 0 ? "number mid warn" : "number mid",
      row.busy_1h === 0 ? "0" : known(row.busy_1h, count),
    ),
    cell("checkpoint", "number less", due(row.checkpoint)),
    cell("backup", "number less", due(row.backup, 1)),
    cell(
      "seen",
      "number mid",
      row.seen_ms == null
        ? known(null, null, "not seen since the gateway started")
        : h("span", { class: row.old ? "old" : null }, age(row.seen_ms, true)),
    ),
  );
}
