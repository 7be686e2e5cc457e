// All graphs of the tier: the filter is in the address, the rest comes as one scrolls.

import { ask, Trouble } from "../lib/api.js";
import { age } from "../lib/ages.js";
import { h } from "../lib/dom.js";
import { count, known, plural, shardName, size } from "../lib/format.js";
import { graphLink, link, linked, tenantLink } from "../lib/names.js";
import { heading, undisturbed } from "../lib/page.js";
import { setQuery } from "../lib/router.js";
import { empty, failed, hidden, loading, missing } from "../lib/states.js";
import { cell, column, table } from "../lib/table.js";
import { shardNames, tier } from "../lib/tier.js";
import { onScroll, spacer, visibleRange } from "../lib/virtual.js";

const PAGE = 200,
  COLUMNS = 8,
  STATES = [
    ["", "any state"],
    ["served", "served"],
    ["quarantined", "quarantined"],
    ["misplaced", "on another shard than clients look"],
    ["moving", "moving"],
    ["twice", "on two shards"],
  ];
const FILTERS = ["q", "state", "shard", "tenant", "sort"];
const rowHeight = () => (innerWidth <= 720 ? 66 : 36);

function placeCell(row, open, toggle) {
  const others = row.also_on ?? [];
  if (others.length)
    return h(
      "td",
      { class: "lead" },
      h(
        "button",
        { type: "button", class: "plain", "aria-expanded": String(open), onclick: toggle },
        `on ${others.length + 1} shards ${open ? "▾" : "▸"}`,
      ),
    );
  return h(
    "td",
    { class: "lead" },
    h("a", { href: `/shard/${row.shard}` }, shardName(row.shard)),
    row.belongs_to != null &&
      row.belongs_to !== row.shard &&
      h(
        "span",
        { class: "warn", title: `Clients look on ${shardName(row.belongs_to)}` },
        ` ▲ not ${shardName(row.belongs_to)}`,
      ),
  );
}

function graphRow(row, unfolded, toggle) {
  if (row.on)
    return h(
      "tr",
      { "data-key": `${row.name}/${row.on}`, "data-row": true },
      h(
        "td",
        { colspan: COLUMNS - 1, class: "second" },
        "└ ",
        h("a", { href: graphLink(row.name, { shard: row.on }) }, `as it is on ${shardName(row.on)}`),
      ),
      h("td", {}, h("a", { href: `/shard/${row.on}` }, shardName(row.on))),
    );
  return h(
    "tr",
    { "data-key": row.name + "/", "data-row": true },
    h(
      "th",
      { scope: "row" },
      h(
        "span",
        { class: "titleline" },
        row.quarantined &&
          h(
            "span",
            { class: "bad", title: `Quarantined: ${row.quarantined}` },
            "✕",
            h("span", { class: "sr" }, " quarantined"),
          ),
        linked(row.name, graphLink(row.name)),
      ),
    ),
    h(
      "td",
      { class: "less" },
      row.tenant == null ? known(null, null, "of no tenant") : linked(row.tenant, tenantLink(row.tenant), "soft"),
    ),
    h(
      "td",
      { class: "less" },
      row.owner == null ? known(null, null, "no owner") : linked(row.owner, link("/graphs", { q: row.owner }), "soft"),
    ),
    cell("nodes", "number", known(row.nodes, count)),
    h("td", { class: "number phone-less" }, known(row.edges, count)),
    cell("", "number", known(row.bytes, size)),
    h("td", { class: "phone-less" }, row.changed_ms == null ? known(null) : age(row.changed_ms)),
    placeCell(row, unfolded, toggle),
  );
}

export default function graphs(page) {
  const wanted = Object.fromEntries(FILTERS.map((name) => [name, page.query[name] ?? ""]));
  wanted.sort ||= "name";
  let after = page.query.after ?? null,
    list = null,
    loaded = [],
    trouble = null,
    asking = null,
    fetching = false,
    changes = 0,
    fresh = null,
    typing;
  const open = new Set();

  const query = (cursor, limit = PAGE) => ({
    ...Object.fromEntries(FILTERS.map((name) => [name, wanted[name] || null])),
    after: cursor,
    limit,
  });
  const load = async (from) => {
    asking?.abort();
    asking = new AbortController();
    fetching = true;
    try {
      const got = await ask("/api/graphs", query(from), { signal: AbortSignal.any([asking.signal, page.signal]) });
      loaded = from === after ? [] : loaded;
      loaded.push({ cursor: from, rows: got.rows });
      list = got;
      trouble = null;
      changes = 0;
      fresh = null;
    } catch (error) {
      if (!(error instanceof Trouble)) return;
      trouble = error;
    }
    fetching = false;
    draw();
  };
  const restart = () => {
    after = null;
    setQuery({ ...wanted, sort: wanted.sort === "name" ? null : wanted.sort, after: null });
    load(null);
  };
  const set = (name, value) => {
    wanted[name] = value;
    restart();
  };
  const items = () =>
    loaded.flatMap(({ rows }) =>
      rows.flatMap((row) =>
        open.has(row.name) ? [row, ...[row.shard, ...row.also_on].map((on) => ({ name: row.name, on }))] : [row],
      ),
    );

  // What changed meanwhile replaces the rows only if nobody is looking at one of them.
  const refresh = async () => {
    if (fetching || loaded.length > 1) return;
    if (!list || trouble) return load(after);
    const got = await ask("/api/graphs", query(after), { signal: page.signal }).catch(() => null);
    if (!got || fetching) return;
    const before = new Map(loaded[0].rows.map((row) => [row.name, JSON.stringify(row)]));
    changes =
      got.rows.filter((row) => before.get(row.name) !== JSON.stringify(row)).length +
      Math.max(0, before.size - got.rows.length);
    const area = page.root.querySelector(".scroller"),
      sameOrder =
        got.rows.every((row, index) => loaded[0].rows[index]?.name === row.name) && got.rows.length === before.size;
    if (!sameOrder && !undisturbed(area)) fresh = got;
    else {
      loaded = [{ cursor: after, rows: got.rows }];
      list = got;
      changes = 0;
      fresh = null;
    }
    draw();
  };

  const filters = () => {
    const choice = (name, label, options) => {
      const made = h(
        "select",
        { "aria-label": label, onchange: (event) => set(name, event.target.value) },
        options.map(([value, text]) => h("option", { value, selected: value === wanted[name] }, text)),
      );
      return made;
    };
    const shards = [...shardNames().keys()].map((n) => [String(n), shardName(n)]);
    return h(
      "div",
      { class: "filters" },
      h("input", {
        type: "search",
        id: "filter",
        placeholder: "Name, owner, tenant or type",
        "aria-label": "Name, owner, tenant or type",
        value: wanted.q,
        autocomplete: "off",
        spellcheck: "false",
        oninput: (event) => {
          clearTimeout(typing);
          const text = event.target.value;
          typing = setTimeout(() => set("q", text), 120);
        },
      }),
      choice("state", "State", STATES),
      shards.length > 0 && choice("shard", "Shard", [["", "any shard"], ...shards]),
      wanted.tenant &&
        h(
          "button",
          {
            type: "button",
            "aria-label": `Tenant ${wanted.tenant}: take the filter away`,
            onclick: () => set("tenant", ""),
          },
          `tenant ${wanted.tenant} ✕`,
        ),
      h(
        "span",
        { class: "count", role: "status" },
        list &&
          (list.matched === list.total
            ? plural(list.total, "graph")
            : `${count(list.matched)} of ${count(list.total)}`),
      ),
    );
  };

  const body = () => {
    if (!list) return trouble ? failed(trouble) : loading(12);
    const all = items(),
      height = rowHeight(),
      anchor = page.root.querySelector("tbody");
    if (!all.length) {
      return empty(
        wanted.q
          ? [`No graph matches `, h("code", {}, wanted.q), ". "]
          : list.total
            ? "No graph is in this state. "
            : "No graphs yet. ",
        (wanted.q || wanted.state || wanted.shard || wanted.tenant) && h("a", { href: "/graphs" }, "Clear"),
        wanted.q && [" · ", h("a", { href: link("/where", { tenant: wanted.q }) }, "Where would it go?")],
      );
    }
    const [first, last] = visibleRange(anchor, all.length, height);
    const sort = (text, key, className, direction) =>
      column(text, { key, sort: wanted.sort, first: direction, className, onsort: (next) => set("sort", next) });
    const end = last >= all.length - 5;
    if (end && list.next && !fetching && !trouble) queueMicrotask(() => load(list.next));
    return table(
      {
        caption: "Graphs",
        className: "fixed",
        columns: [
          sort("Graph", "name", "w-name", ""),
          sort("Tenant", "tenant", "w-l less", ""),
          sort("Owner", "owner", "w-m less", ""),
          sort("Nodes", "nodes", "number w-m"),
          sort("Edges", "edges", "number w-m"),
          sort("Bytes", "bytes", "number w-m"),
          sort("Newest change", "changed", "w-l"),
          sort("Shard", "shard", "w-xl", ""),
        ],
      },
      h(
        "tbody",
        {},
        spacer("above", first, height, COLUMNS),
        all.slice(first, last).map((row) =>
          graphRow(row, open.has(row.name), () => {
            open.has(row.name) ? open.delete(row.name) : open.add(row.name);
            draw();
          }),
        ),
        spacer("below", all.length - last, height, COLUMNS),
      ),
    );
  };

  const draw = () => {
    page.draw(
      heading("Graphs"),
      filters(),
      missing(list?.missing),
      list && hidden(list.hidden_graphs, tier.answer?.role),
      list?.other_bases?.map(({ base, graphs }) =>
        h(
          "p",
          { class: "warn" },
          `▲ ${plural(graphs, "graph")} with content under the base name ${base}, not ${list.default_graph}: `,
          `set KG_DEFAULT_GRAPH=${base} if clients use it`,
        ),
      ),
      list && trouble && failed(trouble),
      fresh &&
        h(
          "p",
          {},
          h(
            "button",
            {
              type: "button",
              class: "plain",
              id: "changes",
              onclick: () => {
                loaded = [{ cursor: after, rows: fresh.rows }];
                list = fresh;
                fresh = null;
                draw();
              },
            },
            `${plural(changes, "change")}, show`,
          ),
        ),
      after && h("p", {}, h("button", { type: "button", class: "plain", onclick: restart }, "← from the beginning")),
      body(),
      list?.next && h("p", { class: "quiet" }, "more come as you scroll"),
    );
  };

  // The page that is in view becomes part of the address, so that a reload begins there.
  onScroll(() => {
    if (!list) return;
    draw();
    const [first] = visibleRange(page.root.querySelector("tbody"), items().length, rowHeight());
    let row = first + 15,
      place = null;
    for (const { cursor, rows } of loaded) {
      place = cursor;
      row -= rows.length;
      if (row < 0) break;
    }
    setQuery({ after: place });
  }, page.signal);
  page.signal.addEventListener("abort", () => asking?.abort());
  draw();
  load(after);
  page.every(5000, refresh);
}
