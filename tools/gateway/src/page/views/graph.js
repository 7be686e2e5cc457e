// One graph: where it is and belongs, what it holds, who changed it last.

import { ask, Trouble } from "../lib/api.js";
import { age } from "../lib/ages.js";
import { h } from "../lib/dom.js";
import { count, known, percent, shardName, size } from "../lib/format.js";
import { title } from "../lib/frame.js";
import { meter, meterKey } from "../lib/meter.js";
import { copier, exploreLink, link, linked, named, tenantLink, visible } from "../lib/names.js";
import { heading } from "../lib/page.js";
import { setQuery } from "../lib/router.js";
import { empty, failed, freshness, hidden, loading } from "../lib/states.js";
import { segments } from "../lib/table.js";
import { tier } from "../lib/tier.js";
import { ledger } from "./ledger.js";
import { moveTable } from "./moverows.js";

const TABS = [
    ["labels", "Labels"],
    ["ledger", "Ledger"],
    ["moves", "Moves"],
    ["access", "Access"],
  ],
  TOP = 12;
const KINDS = [
  ["nodes", "m1"],
  ["edges", "m2"],
  ["labels", "m5"],
  ["ledger", "m3"],
  ["vectors", "m4"],
];
const at = (n) => h("a", { href: `/shard/${n}` }, shardName(n));

function place(graph) {
  const elsewhere = graph.belongs_to != null && graph.belongs_to !== graph.shard;
  const [mood, glyph, word] = graph.quarantined
    ? ["bad", "✕", "quarantined"]
    : elsewhere
      ? ["warn", "▲", "on another shard"]
      : ["good", "●", graph.state ?? "served"];
  return h(
    "p",
    { class: "stateline" },
    h("span", { class: `pill ${mood}` }, h("span", { "aria-hidden": "true" }, glyph), word),
    h("span", {}, "on ", at(graph.shard)),
    graph.also_on?.length > 0 &&
      h(
        "span",
        {},
        " and ",
        graph.also_on.map((n, index) => [index > 0 && ", ", at(n)]),
      ),
    " · ",
    graph.belongs_to == null
      ? h("span", {}, "where it belongs is not known")
      : elsewhere
        ? h("span", { class: "warn" }, "clients look on ", at(graph.belongs_to))
        : h("span", {}, "belongs to ", at(graph.belongs_to), " ✓"),
    graph.quarantined && h("span", { class: "bad" }, ` · ${graph.quarantined}`),
  );
}

function bytesCard(graph) {
  const bytes = graph.bytes ?? {},
    parts = KINDS.filter(([kind]) => bytes[kind] != null),
    all = parts.reduce((sum, [kind]) => sum + bytes[kind], 0);
  const quota =
    graph.quota?.limit > 0 &&
    h(
      "div",
      {},
      h(
        "p",
        { class: graph.quota.used >= graph.quota.limit * 0.9 ? "warn" : "second" },
        graph.quota.used >= graph.quota.limit * 0.9 && "▲ ",
        `quota of the tenant: ${percent(graph.quota.used, graph.quota.limit)} of ${size(graph.quota.limit)}`,
      ),
      meter(
        [[graph.quota.used, "m1"]],
        graph.quota.limit,
        `${percent(graph.quota.used, graph.quota.limit)} of ${size(graph.quota.limit)}`,
        { label: "Quota of the tenant" },
      ),
    );
  return h(
    "div",
    { class: "card" },
    h(
      "div",
      { class: "top" },
      h("h2", {}, "Bytes"),
      h("a", { class: "button", href: exploreLink(graph.name) }, "Explore ›"),
    ),
    parts.length
      ? [
          h("p", {}, h("span", { class: "big" }, size(all)), "by kind"),
          meter(
            parts.map(([kind, look]) => [bytes[kind], look]),
            all,
            parts.map(([kind]) => `${kind} ${size(bytes[kind])}`).join(", "),
            { label: "Bytes by kind" },
          ),
          meterKey(parts.map(([kind, look]) => [look, `${kind} ${size(bytes[kind])}`])),
        ]
      : empty("– not reported by this version of the shard"),
    quota,
  );
}

function labelsBlock(graph) {
  if (!graph.labels)
    return empty(
      tier.answer?.explore === false
        ? ["Labels are content of the graph: ", tier.answer.explore_why ?? "the explorer is off"]
        : "– not reported by this version of the shard",
    );
  if (!graph.labels.length) return empty("No nodes, so no labels.");
  const sorted = [...graph.labels].sort((a, b) => b[1] - a[1]),
    top = sorted.slice(0, TOP),
    most = top[0][1],
    rest = sorted.slice(TOP).reduce((sum, [, n]) => sum + n, graph.labels_rest ?? 0);
  return h(
    "div",
    { class: "card" },
    h(
      "div",
      { class: "labels" },
      top.map(([label, n]) =>
        h(
          "a",
          { href: exploreLink(graph.name, { by: "label", q: label }) },
          named(label),
          h("span", { class: "number" }, count(n)),
          meter([[n, "m1"]], most, `${count(n)} nodes`, { label: visible(label) }),
        ),
      ),
      rest > 0 && [
        h("span", { class: "second" }, "others"),
        h("span", { class: "number" }, count(rest)),
        h("span", {}),
      ],
    ),
  );
}

function accessBlock(graph) {
  const access = graph.access ?? {},
    list = (names) =>
      names?.length
        ? names.map((name, index) => [index > 0 && ", ", named(name)])
        : known(null, null, "nobody named, or not reported");
  return h(
    "div",
    { class: "card" },
    h(
      "dl",
      { class: "facts" },
      [
        [
          "Owner",
          (graph.owner ?? access.owner)
            ? named(access.owner ?? graph.owner)
            : known(null, null, "no owner: everybody may"),
        ],
        ["May read", list(access.read)],
        ["May write", list(access.write)],
      ].map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))),
    ),
  );
}

function facts(graph) {
  return h(
    "dl",
    { class: "facts" },
    [
      ["Owner", graph.owner == null ? null : named(graph.owner)],
      ["Tenant", graph.tenant == null ? null : linked(graph.tenant, tenantLink(graph.tenant))],
      ["Type", graph.type],
      ["Nodes", graph.nodes != null && count(graph.nodes)],
      ["Edges", graph.edges != null && count(graph.edges)],
      [
        "Change",
        graph.sequence != null && [count(graph.sequence), graph.changed_ms != null && [", ", age(graph.changed_ms)]],
      ],
    ].map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value || known(null)))),
  );
}

export default function graph(page) {
  const { name = "", shard = null } = page.query,
    wanted = { name, shard };
  let answer = null,
    trouble = null,
    tab = TABS.some(([key]) => key === page.query.tab) ? page.query.tab : "labels";
  const lines = ledger(page, wanted, () => draw());
  const crumbs = [h("a", { href: "/graphs" }, "Graphs"), " /"];
  const draw = () => {
    const head = h("span", { class: "titleline" }, named(name), copier(name));
    if (!answer) {
      const none = trouble?.status === 404;
      return page.draw(
        heading(head, { crumbs }),
        none
          ? empty(
              "No shard that answers has this graph. ",
              h("a", { href: link("/graphs", { q: name }) }, "Search"),
              " · ",
              h("a", { href: "/where" }, "Where does a tenant go?"),
            )
          : trouble
            ? failed(trouble)
            : loading(8),
      );
    }
    const of = freshness(answer, answer.shard),
      stale = of?.age_ms > 60000;
    page.draw(
      heading(head, { crumbs, below: place(answer), beside: facts(answer) }),
      hidden(answer.hidden_graphs, tier.answer?.role),
      (trouble || answer.error) && failed(trouble ?? new Trouble(0, { code: "SHARD", text: answer.error })),
      stale &&
        h(
          "p",
          { class: "partial" },
          "▲ ",
          at(answer.shard),
          " does not answer: figures as of ",
          age(answer.now_ms - of.age_ms),
        ),
      h("div", { class: stale ? "stale" : null }, bytesCard(answer)),
      h(
        "section",
        {},
        h(
          "div",
          { class: "blockhead" },
          segments("Part of the graph", TABS, tab, (next) => {
            tab = next;
            setQuery({ tab: next === "labels" ? null : next });
            if (next === "ledger") lines.look();
            draw();
          }),
        ),
        h("h2", { class: "sr" }, TABS.find(([key]) => key === tab)[1]),
        {
          labels: () => labelsBlock(answer),
          ledger: lines.draw,
          moves: () => moveTable(answer.moves ?? [], { times: true }),
          access: () => accessBlock(answer),
        }[tab](),
      ),
    );
  };
  title(visible(name));
  draw();
  page.every(3000, async () => {
    try {
      answer = await ask("/api/graph", wanted, { signal: page.signal });
      trouble = null;
    } catch (error) {
      if (!(error instanceof Trouble)) return;
      trouble = error;
    }
    draw();
  });
  page.every(2000, async () => {
    if (tab === "ledger") await lines.look();
  });
}
