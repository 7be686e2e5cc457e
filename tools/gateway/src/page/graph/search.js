// Left of the drawing: which graph, the search, and the legend, which is a filter too.

import { ask, Trouble } from "../lib/api.js";
import { h } from "../lib/dom.js";
import { count, known, plural, shardName } from "../lib/format.js";
import { graphLink, linked, visible } from "../lib/names.js";
import { setQuery } from "../lib/router.js";
import { failed } from "../lib/states.js";
import { segments } from "../lib/table.js";
import { glyph, letterOf } from "./look.js";

// The gateway counts so far.
const MANY = 10000;
const WAYS = [
  ["id", "Id"],
  ["label", "Label"],
  ["text", "Text"],
];

/** The text of an id with what was looked for underlined. */
function marked(id, q) {
  const text = visible(id),
    at = q ? text.toLowerCase().indexOf(q.toLowerCase()) : -1;
  return h(
    "bdi",
    { class: "found", dir: "auto", title: text },
    at < 0 ? text : [text.slice(0, at), h("mark", {}, text.slice(at, at + q.length)), text.slice(at + q.length)],
  );
}

export class Search {
  constructor(explorer, query) {
    Object.assign(this, {
      explorer,
      q: query.q ?? "",
      by: WAYS.some(([way]) => way === query.by) ? query.by : "id",
      answer: null,
      trouble: null,
      took: null,
      asking: null,
      typing: null,
    });
  }

  async look(after = null) {
    this.asking?.abort();
    this.asking = new AbortController();
    const begun = performance.now();
    try {
      const got = await ask(
        "/api/explore/search",
        { graph: this.explorer.graph, by: this.by, q: this.q, after, limit: 50 },
        { signal: AbortSignal.any([this.asking.signal, this.explorer.signal]) },
      );
      if (after && this.answer) got.rows = [...this.answer.rows, ...got.rows];
      Object.assign(this, { answer: got, trouble: null, took: performance.now() - begun });
    } catch (error) {
      if (!(error instanceof Trouble)) return;
      this.trouble = error;
    }
    this.explorer.changed();
  }

  set(changes) {
    Object.assign(this, changes);
    setQuery({ q: this.q, by: this.by === "id" ? null : this.by });
    this.look();
    this.explorer.changed();
  }

  results() {
    if (this.trouble) return failed(this.trouble, () => this.look());
    const { answer, explorer } = this;
    if (!answer) return null;
    const scanned =
      this.by === "text" && answer.searched < answer.nodes
        ? `, ${count(answer.searched)} of ${count(answer.nodes)} nodes looked at in 200 ms`
        : "";
    if (!answer.rows.length)
      return h(
        "p",
        { class: "empty" },
        this.q
          ? [
              `No ${this.by === "text" ? "text has" : `${this.by} begins with`} `,
              h("code", {}, visible(this.q)),
              `${scanned}. `,
              h("button", { type: "button", class: "plain", onclick: () => this.set({ q: "" }) }, "Clear"),
            ]
          : "No nodes in this graph.",
      );
    const edges = (row) =>
      row.in == null
        ? ""
        : row.in > MANY || row.out > MANY
          ? " · 10,000+ edges"
          : ` · ${plural(row.in + row.out, "edge")}`;
    return [
      h(
        "ul",
        { class: "results" },
        answer.rows.map((row) =>
          h(
            "li",
            { "data-key": `r${row.id}`, "data-row": true },
            h(
              "button",
              {
                type: "button",
                class: "result",
                "data-copy": row.id,
                "aria-current": row.id === explorer.selected ? "true" : null,
                onclick: () => explorer.open(row.id),
              },
              glyph(explorer.model.colour(row.label), letterOf(row.label)),
              marked(row.id, this.by === "id" ? this.q : ""),
              h("span", { class: "second caption" }, visible(row.label ?? ""), edges(row)),
            ),
          ),
        ),
      ),
      h(
        "p",
        { class: "quiet caption" },
        `${count(answer.rows.length)}${answer.next ? "" : ` of ${count(answer.rows.length)}`}${this.by === "id" && this.q ? " ids that match" : ""}${scanned}${this.took == null ? "" : ` · ${Math.round(this.took)} ms `}`,
        answer.next && h("button", { type: "button", class: "plain", onclick: () => this.look(answer.next) }, "more ›"),
      ),
    ];
  }

  draw() {
    return h(
      "section",
      { class: "part" },
      h("input", {
        type: "search",
        id: "node-search",
        value: this.q,
        placeholder: "Find a node",
        "aria-label": "Find a node",
        autocomplete: "off",
        spellcheck: "false",
        oninput: (event) => {
          clearTimeout(this.typing);
          const q = event.target.value;
          this.typing = setTimeout(() => this.set({ q }), 120);
        },
      }),
      segments("Search by", WAYS, this.by, (by) => this.set({ by })),
      this.results(),
    );
  }
}

export function graphHead(explorer, graph) {
  return h(
    "section",
    { class: "part" },
    h("p", { class: "caption second" }, "Graph"),
    h("p", {}, linked(explorer.graph, graphLink(explorer.graph))),
    graph &&
      h(
        "p",
        { class: "second" },
        known(graph.nodes, (n) => `${count(n)} nodes`),
        " · ",
        known(graph.edges, (n) => `${count(n)} edges`),
        h("br"),
        "on ",
        h("a", { href: `/shard/${graph.shard}` }, shardName(graph.shard)),
      ),
  );
}

export function legend(explorer) {
  const { model, blastAnswer } = explorer;
  if (explorer.blast) {
    const names = ["start", "1 hop away"];
    return h(
      "section",
      { class: "part" },
      h("h2", {}, "Depth"),
      h(
        "ul",
        { class: "legendlist" },
        (blastAnswer.all ?? blastAnswer.counts).map((n, depth) =>
          h(
            "li",
            {},
            glyph(0, "", depth),
            h("span", {}, names[depth] ?? `${depth} hops away`),
            h("span", {}, count(n)),
          ),
        ),
      ),
    );
  }
  const labels = model.byLabel(),
    rest = labels.slice(8);
  if (!labels.length) return null;
  labels.forEach(([label]) => model.colour(label));
  const row = ([label, n]) =>
    h(
      "li",
      { "data-key": `l${label}` },
      h(
        "button",
        {
          type: "button",
          "aria-pressed": String(explorer.label === label),
          onclick: () => {
            explorer.label = explorer.label === label ? null : label;
            explorer.stage?.request();
            explorer.changed();
          },
        },
        glyph(model.colour(label), letterOf(label)),
        h("bdi", { class: "cut" }, label === "" ? "(no label)" : visible(label)),
        h("span", {}, count(n)),
      ),
    );
  return h(
    "section",
    { class: "part" },
    h("h2", {}, "Labels on the canvas"),
    h(
      "ul",
      { class: "legendlist" },
      labels.slice(0, 8).map(row),
      rest.length > 0 &&
        h(
          "li",
          {},
          glyph(8, "…"),
          h("span", {}, `${count(rest.length)} others`),
          h("span", {}, count(rest.reduce((sum, [, n]) => sum + n, 0))),
        ),
    ),
  );
}
