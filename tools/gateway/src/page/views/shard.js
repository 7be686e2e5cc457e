// One shard: how it is, what it holds, whether it can be restored, its last hour.

import { ask, Trouble } from "../lib/api.js";
import { age } from "../lib/ages.js";
import { confirmed } from "../lib/dialog.js";
import { h } from "../lib/dom.js";
import { count, instant, known, percent, plural, size, span } from "../lib/format.js";
import { meter, meterKey } from "../lib/meter.js";
import { copier, graphLink, link, linked, named, tenantLink } from "../lib/names.js";
import { heading } from "../lib/page.js";
import { empty, failed, loading } from "../lib/states.js";
import { cell, column, segments, table } from "../lib/table.js";
import { GLYPHS, isOperator, rows, STATES, tier, watchTier } from "../lib/tier.js";
import { title } from "../lib/frame.js";
import { charts } from "./charts.js";
import { moveTable } from "./moverows.js";
import { noteList, notesOf } from "./notes.js";
import { memoryOf } from "./shardrows.js";

const HUES = ["m1", "m2", "m3", "m4", "m5"],
  PARTS = HUES.length;
const stale = (row, ...made) => h("div", { class: row.veryOld ? "card stale" : "card" }, made);
const asOf = (row, word = "") =>
  row.seen_ms == null
    ? h("span", { class: "quiet" }, "not seen since the gateway started")
    : h("span", { class: "quiet" }, row.old ? "as of " : word, age(row.seen_ms));

function diskCard(row) {
  const disk = row.disk;
  if (!disk || disk.store == null)
    return h("div", { class: "card" }, h("h2", {}, "Disk"), empty("– not reported by this version of the shard"));
  const used = disk.total != null && disk.free != null ? disk.total - disk.free : null,
    other = used == null ? null : Math.max(0, used - disk.store - (disk.checkpoints ?? 0));
  const key = [
    ["m1", `store ${size(disk.store)}`],
    disk.checkpoints != null && ["m2", `checkpoints ${size(disk.checkpoints)}`],
    other > 0 && ["m6", `others ${size(other)}`],
    disk.reserve > 0 && ["hatch", `reserve ${size(disk.reserve)}`],
    disk.days_left != null && [
      "",
      `reserve reached in about ${count(disk.days_left)} d${disk.growth_per_day ? `, +${size(disk.growth_per_day)}/d` : ""}`,
    ],
  ].filter(Boolean);
  const words = disk.total == null ? "used" : `of ${size(disk.total)} · ${size(disk.free)} free`;
  return stale(
    row,
    h("div", { class: "top" }, h("h2", {}, "Disk"), asOf(row, "counted ")),
    h(
      "p",
      { class: row.old ? "old" : null },
      h("span", { class: "big" }, size(used ?? disk.store), row.old && "°"),
      words,
    ),
    disk.total != null &&
      meter(
        [
          [disk.store, "m1"],
          [disk.checkpoints, "m2"],
          [other, "m6"],
        ],
        disk.total,
        `${size(used)} ${words}`,
        { after: [disk.reserve, "hatch"], label: "Disk" },
      ),
    meterKey(key),
  );
}

function memoryCard(row) {
  const [used, budget] = memoryOf(row);
  if (!row.memory?.length)
    return h(
      "div",
      { class: "card" },
      h("h2", {}, "Memory against its budget"),
      empty("– not reported by this version of the shard"),
    );
  const words = `of ${size(budget)} · ${percent(used, budget)}`,
    most = [...row.memory].sort((a, b) => (b[1] ?? 0) - (a[1] ?? 0)),
    shown = most.slice(0, PARTS),
    rest = most.slice(PARTS);
  return stale(
    row,
    h("div", { class: "top" }, h("h2", {}, "Memory against its budget"), asOf(row)),
    h(
      "p",
      { class: row.old ? "old" : null },
      h("span", { class: "big" }, size(used), row.old && "°"),
      budget ? words : "no budget",
    ),
    budget > 0 &&
      meter(
        shown.map(([, part], index) => [part, HUES[index]]),
        budget,
        `${size(used)} ${words}`,
        { label: "Memory" },
      ),
    meterKey(shown.map(([part, u, b], index) => [HUES[index], `${part} ${size(u)}${b ? ` of ${size(b)}` : ""}`])),
    rest.length > 0 &&
      h(
        "details",
        {},
        h(
          "summary",
          { class: "quiet" },
          `${plural(rest.length, "other part")}, ${size(rest.reduce((sum, [, u]) => sum + (u ?? 0), 0))} used`,
        ),
        meterKey(rest.map(([part, u, b]) => ["", `${part} ${size(u)} of ${size(b)}`])),
      ),
  );
}

function dueColumn(name, what, { every, grace = 1, good } = {}) {
  if (!what || what.at_ms == null)
    return h(
      "div",
      {},
      h("div", { class: "second" }, name),
      h("div", { class: "value" }, known(null)),
      h("div", { class: "quiet" }, what ? "none yet" : "not reported"),
    );
  const over = what.every_s > 0 ? Date.now() - what.at_ms - what.every_s * 1000 * grace : -1;
  const bad = what.verified === false || what.equal === false;
  return h(
    "div",
    {},
    h("div", { class: "second" }, name),
    h("div", { class: "value" }, age(what.at_ms, true)),
    bad
      ? h("div", { class: "bad" }, what.equal === false ? "✕ digests differ" : "▲ not verified")
      : over > 0
        ? h("div", { class: "warn" }, `▲ ${span(over)} late`)
        : what.every_s > 0
          ? h("div", { class: "good" }, `● every ${span(what.every_s * 1000)}`)
          : h("div", { class: "quiet" }, every ?? good ?? "no interval"),
  );
}

function restoreCard(row) {
  return h(
    "div",
    { class: "card" },
    h(
      "div",
      { class: "top" },
      h("h2", {}, "Can it be restored?"),
      h(
        "span",
        { class: "quiet" },
        row.drill?.equal ? "last drill: digests equal" : row.drill?.at_ms ? "" : "no drill known",
      ),
    ),
    h(
      "div",
      { class: "columns" },
      dueColumn("Checkpoint", row.checkpoint, { grace: 1.5 }),
      dueColumn("Backup", row.backup),
      dueColumn("Restore drill", row.drill),
    ),
    isOperator()
      ? h(
          "p",
          {},
          h(
            "button",
            {
              type: "button",
              onclick: () =>
                confirmed(
                  "Checkpoint now",
                  [
                    "The shard ",
                    h("code", {}, row.endpoint),
                    " writes a checkpoint beside its store. It goes on serving.",
                  ],
                  "Make it",
                  async () => {
                    const done = await ask("/api/checkpoint", {}, { body: { n: row.n }, limit: 60000 });
                    return done.text ?? "It is made.";
                  },
                ),
            },
            "Checkpoint now",
          ),
        )
      : h(
          "details",
          {},
          h("summary", { class: "quiet" }, "Make a checkpoint"),
          command(`egctl checkpoint create --endpoint ${row.endpoint}`),
        ),
  );
}

const command = (text) => h("p", { class: "command" }, h("span", {}, text), copier(text));

const SORTS = { bytes: (t) => t.bytes ?? 0, requests: (t) => t.rps ?? 0, busy: (t) => t.busy ?? 0 };

function tenantsBlock(detail, by, choose) {
  const list = [...(detail?.tenants ?? [])].sort((a, b) => SORTS[by](b) - SORTS[by](a)).slice(0, 8);
  const quota = ({ bytes, quota: limit }) =>
    limit > 0
      ? h(
          "span",
          { class: bytes >= limit * 0.9 ? "warn" : null },
          meter([[bytes, bytes >= limit * 0.9 ? "m3" : "m1"]], limit, `${percent(bytes, limit)} of ${size(limit)}`, {
            mini: true,
            label: "of quota",
          }),
          bytes >= limit * 0.9 && "▲ ",
          `${percent(bytes, limit)} of ${size(limit)}`,
        )
      : h("span", { class: "second" }, bytes == null ? known(null) : `${size(bytes)}, no quota`);
  return h(
    "section",
    {},
    h(
      "div",
      { class: "blockhead" },
      h("h2", {}, "Top tenants and quotas"),
      h(
        "span",
        { class: "end" },
        segments(
          "Sort by",
          [
            ["bytes", "Bytes"],
            ["requests", "Requests"],
            ["busy", "BUSY"],
          ],
          by,
          choose,
        ),
      ),
    ),
    !detail
      ? loading(3)
      : !list.length
        ? h(
            "div",
            { class: "card" },
            empty("No tenant has graphs here, or this version of the shard does not count them."),
          )
        : table(
            {
              caption: "Tenants of this shard",
              columns: [
                column("Tenant"),
                column("Bytes of quota", { className: "w-name" }),
                column("Requests", { className: "number w-m" }),
                column("BUSY, 1 h", { className: "number w-m" }),
              ],
            },
            h(
              "tbody",
              {},
              list.map((tenant) =>
                h(
                  "tr",
                  { "data-row": true, "data-key": `t${tenant.tenant}` },
                  h(
                    "th",
                    { scope: "row" },
                    tenant.tenant === "" || tenant.tenant == null
                      ? "(no tenant)"
                      : linked(tenant.tenant, tenantLink(tenant.tenant)),
                  ),
                  cell("", "lead", quota(tenant)),
                  cell("requests", "number", tenant.rps == null ? known(null) : `${count(tenant.rps)}/s`),
                  cell("BUSY", "number", known(tenant.busy, count)),
                ),
              ),
            ),
          ),
  );
}

function quarantineBlock(list) {
  return (
    list?.length > 0 &&
    h(
      "section",
      {},
      h(
        "div",
        { class: "blockhead" },
        h("h2", {}, "Quarantine"),
        h("span", { class: "quiet" }, "damaged graphs: read, not written"),
      ),
      table(
        {
          caption: "Quarantined graphs",
          columns: [
            column("Graph"),
            column("Since", { className: "w-m" }),
            column("Reason"),
            column("Bytes", { className: "number w-m" }),
          ],
        },
        h(
          "tbody",
          {},
          list.map((graph) =>
            h(
              "tr",
              { "data-row": true },
              h("th", { scope: "row" }, linked(graph.graph, graphLink(graph.graph))),
              cell("since", "", age(graph.since_ms)),
              h("td", { title: graph.reason }, graph.reason, graph.works && ` ${graph.works}`),
              cell("bytes", "number", known(graph.bytes, size)),
            ),
          ),
        ),
      ),
    )
  );
}

const SHOWN = new Set(["version", "commit", "up_s", "durability", "takes", "breaker"]);

function head(row, config, all) {
  const facts = [
    ["Version", config.version && [config.version, " ", h("code", {}, (config.commit ?? "").slice(0, 7))]],
    ["Up", config.up_s != null && span(config.up_s * 1000)],
    ["Durability", config.durability],
    ["Graphs", row.graphs != null && count(row.graphs)],
    ["Nodes", row.nodes != null && count(row.nodes)],
    ["Edges", row.edges != null && count(row.edges)],
  ];
  const words = row.mood === "warn" ? STATES.attention : (STATES[row.state] ?? row.state),
    state = words[0].toUpperCase() + words.slice(1);
  const said = [
    row.down ? (row.error?.text ?? "does not answer") : config.takes && `takes ${config.takes}`,
    row.seen_ms == null
      ? "not seen since the gateway started"
      : [row.down ? "last answered " : "answered ", age(row.seen_ms)],
    config.breaker && `breaker ${String(config.breaker).replace("_", "-")}`,
    Math.abs(config.clock_off_ms ?? 0) > 2000 && `its clock differs by ${span(Math.abs(config.clock_off_ms))}`,
  ].filter(Boolean);
  return heading(h("span", { class: "titleline" }, named(row.endpoint ?? row.name), copier(row.endpoint ?? row.name)), {
    crumbs: [h("a", { href: "/shards" }, "Shards"), ` / ${String(row.n).padStart(2, "0")} of ${all}`],
    below: h(
      "p",
      { class: "stateline" },
      h("span", { class: `pill ${row.mood}` }, h("span", { "aria-hidden": "true" }, GLYPHS[row.mood]), state),
      said.map((part, index) => [index > 0 && " · ", h("span", {}, part)]),
    ),
    beside: h(
      "dl",
      { class: "facts" },
      facts.map(([name, value]) =>
        h(
          "div",
          {},
          h("dt", {}, name),
          h("dd", { class: row.old ? "old" : null }, value ? [value, row.old && "°"] : known(null)),
        ),
      ),
    ),
  });
}

function details(config, row) {
  const list = Object.entries({ store_id: row.store_id, ...config }).filter(
    ([name, value]) => !SHOWN.has(name) && value != null && value !== "",
  );
  return (
    list.length > 0 &&
    h(
      "details",
      {},
      h("summary", { class: "quiet" }, "Store id, list of shards, directories"),
      h(
        "dl",
        { class: "facts" },
        list.map(([name, value]) =>
          h(
            "div",
            {},
            h("dt", {}, name.replaceAll("_", " ")),
            h(
              "dd",
              { class: "mono", title: Array.isArray(value) ? value.join("\n") : String(value) },
              Array.isArray(value)
                ? value.join(", ")
                : name.endsWith("_ms") && value > 1e12
                  ? instant(value)
                  : String(value),
            ),
          ),
        ),
      ),
    )
  );
}

export default function shard(page) {
  const n = Number(page.params.n);
  let detail = null,
    trouble = null,
    by = "bytes";
  const draw = () => {
    const all = rows(),
      row = all.find((each) => each.n === n);
    if (!tier.answer)
      return page.draw(h("h1", { tabindex: "-1" }, "Shard"), tier.trouble ? failed(tier.trouble) : loading(8));
    if (!row)
      return page.draw(
        h("h1", { tabindex: "-1" }, `There is no shard ${page.params.n}`),
        empty(`The list has ${plural(all.length, "shard")}. `, h("a", { href: "/shards" }, "All shards ›")),
      );
    const config = detail?.config ?? {},
      merged = { ...row, ...(detail?.shard ?? {}), notes: row.notes, mood: row.mood };
    title(row.name);
    page.draw(
      head(merged, config, all.length),
      details(config, merged),
      noteList(notesOf([row]), { onShard: true, limit: 12 }),
      trouble && failed(trouble),
      h("div", { class: "cards" }, diskCard(merged), memoryCard(merged), restoreCard(merged)),
      hour(),
      h(
        "div",
        { class: "two" },
        h(
          "section",
          {},
          h(
            "div",
            { class: "blockhead" },
            h("h2", {}, "Moves and reshards"),
            h("span", { class: "end" }, h("a", { href: "/moves" }, "All moves ›")),
          ),
          !detail && !trouble ? loading(3) : moveTable(detail?.moves ?? [], { here: n }),
        ),
        tenantsBlock(detail ?? (trouble && {}), by, (next) => {
          by = next;
          draw();
        }),
      ),
      quarantineBlock(detail?.quarantine),
      h(
        "p",
        { class: "hint" },
        h(
          "a",
          { href: link("/graphs", { shard: n }) },
          `All ${merged.graphs == null ? "" : `${count(merged.graphs)} `}graphs of this shard ›`,
        ),
      ),
    );
  };
  const hour = charts(page, n, () => draw());
  page.every(2000, async () => {
    try {
      detail = await ask("/api/shard", { n }, { signal: page.signal });
      trouble = null;
    } catch (error) {
      if (!(error instanceof Trouble)) return;
      trouble = error;
    }
    draw();
  });
  watchTier(draw, page.signal);
}
