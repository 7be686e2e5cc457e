// The same as a table: the neighbours of a node, a hundred a page, ticked where they are drawn; or all that is drawn.

import { Trouble } from "../lib/api.js";
import { h } from "../lib/dom.js";
import { count, known, plural } from "../lib/format.js";
import { named, visible } from "../lib/names.js";
import { empty, failed, loading } from "../lib/states.js";
import { cell, column, segments, table } from "../lib/table.js";
import { glyph, letterOf } from "./look.js";

const PAGE = 100,
  SHOWN = 200;

export class NeighbourTable {
  constructor(explorer) {
    Object.assign(this, {
      explorer,
      of: null,
      label: null,
      dir: "both",
      rows: null,
      next: null,
      answer: null,
      trouble: null,
      which: "near",
      sort: "-degree",
      limit: SHOWN,
    });
  }

  /** Shows the neighbours of `id`; what was read of it stays. */
  show(id, label = null) {
    this.which = "near";
    if (this.of === id && this.label === label && this.rows) return;
    Object.assign(this, { of: id, label, rows: null, next: null, answer: null, trouble: null });
    if (id != null) this.read(null);
  }

  async read(after) {
    const { explorer, of, label, dir } = this;
    try {
      const got = await explorer.ask("neighbours", {
        id: of,
        label,
        dir: dir === "both" ? null : dir,
        after,
        limit: PAGE,
      });
      if (of !== this.of || label !== this.label || dir !== this.dir) return;
      Object.assign(this, {
        rows: after ? [...this.rows, ...got.rows] : got.rows,
        next: got.next,
        answer: after ? this.answer : got,
        trouble: null,
      });
      if (label == null && dir === "both") explorer.neighboursOf(of, got);
    } catch (error) {
      if (!(error instanceof Trouble)) return;
      this.trouble = error;
    }
    explorer.changed();
  }

  set(changes) {
    Object.assign(this, changes, { rows: null, next: null });
    this.read(null);
    this.explorer.changed();
  }

  types(row) {
    return (row.edges ?? [])
      .slice(0, 3)
      .map(([dir, type, n]) => `${dir === "out" ? "→" : "←"} ${visible(type)}${n > 1 ? ` ×${n}` : ""}`)
      .join("  ");
  }

  near() {
    const { explorer, of, answer, rows } = this,
      { model } = explorer;
    if (of == null) return empty("Find a node first: its neighbours are listed here.");
    if (this.trouble) return failed(this.trouble, () => this.read(null));
    if (!answer) return loading(8);
    const labels = [
      ["", answer.exact === false ? "all 10,000+" : `all ${count(answer.by_label.reduce((sum, [, n]) => sum + n, 0))}`],
      ...answer.by_label.slice(0, 12).map(([label, n]) => [label, `${visible(label)} ${count(n)}`]),
    ];
    const tick = (row) =>
      h("input", {
        type: "checkbox",
        "aria-label": `Draw ${visible(row.id)}`,
        checked: model.nodes.has(row.id),
        onchange: (event) => (event.target.checked ? explorer.drawRows(of, [row]) : explorer.hide([row.id])),
      });
    const head = h(
      "div",
      { class: "filters" },
      h("span", { class: "titleline" }, h("span", { class: "second" }, "Neighbours of"), named(of)),
      h(
        "select",
        { "aria-label": "Label", onchange: (event) => this.set({ label: event.target.value || null }) },
        labels.map(([value, text]) => h("option", { value, selected: value === (this.label ?? "") }, text)),
      ),
      segments(
        "Direction",
        [
          ["both", "Both"],
          ["in", "In"],
          ["out", "Out"],
        ],
        this.dir,
        (dir) => this.set({ dir }),
      ),
      rows?.length > 0 &&
        h(
          "button",
          { type: "button", onclick: () => explorer.drawRows(of, rows.slice(0, 200)) },
          `Draw these ${count(Math.min(200, rows.length))}`,
        ),
    );
    if (!rows) return [head, loading(8)];
    return [
      head,
      rows.length
        ? table(
            {
              caption: "Neighbours",
              columns: [
                column("Drawn", { className: "w-s" }),
                column("Node"),
                column("Label", { className: "w-l" }),
                column("Edges", { className: "w-xl" }),
                column("Neighbours", { className: "number w-m" }),
              ],
            },
            h(
              "tbody",
              {},
              rows.map((row) =>
                h(
                  "tr",
                  { "data-row": true, "data-key": `n${row.id}${model.nodes.has(row.id)}` },
                  h("td", {}, tick(row)),
                  h("th", { scope: "row", class: "lead" }, this.link(row)),
                  cell(
                    "",
                    "",
                    h(
                      "span",
                      { class: "titleline" },
                      glyph(model.colour(row.label), letterOf(row.label)),
                      visible(row.label ?? ""),
                    ),
                  ),
                  cell("", "", this.types(row)),
                  cell(
                    "neighbours",
                    "number",
                    known(row.degree, (n) => (row.degree_exact === false ? `${count(n)}+` : count(n))),
                  ),
                ),
              ),
            ),
          )
        : empty("No neighbours of this kind."),
      this.next &&
        h("p", {}, h("button", { type: "button", class: "plain", onclick: () => this.read(this.next) }, "100 more ›")),
    ];
  }

  link(row) {
    return h(
      "button",
      {
        type: "button",
        class: "namelink linkbutton",
        "data-copy": row.id,
        onclick: () => {
          this.explorer.select(row.id);
          this.show(row.id);
        },
      },
      named(row.id),
    );
  }

  drawn() {
    const { explorer } = this,
      { model } = explorer,
      key = this.sort.replace("-", ""),
      sign = this.sort.startsWith("-") ? -1 : 1;
    const value = {
      id: (node) => node.id,
      label: (node) => node.label,
      degree: (node) => node.degree ?? model.near.get(node.id).size,
      drawn: (node) => model.near.get(node.id).size,
      depth: (node) => node.depth ?? 99,
    }[key];
    const rows = [...model.nodes.values()]
      .map((node) => [value(node), node])
      .sort((a, b) => sign * (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0) || (a[1].id < b[1].id ? -1 : 1))
      .map(([, node]) => node);
    if (!rows.length) return empty("Nothing is drawn yet.");
    const head = (text, name, className, first) =>
      column(text, {
        key: name,
        sort: this.sort,
        className,
        first,
        onsort: (next) => {
          this.sort = next;
          explorer.changed();
        },
      });
    return [
      table(
        {
          caption: "Drawn nodes",
          columns: [
            head("Node", "id", "w-name", ""),
            head("Label", "label", "w-l", ""),
            explorer.blast ? head("Depth", "depth", "number w-m", "") : null,
            head("Neighbours", "degree", "number w-m"),
            head("Of them drawn", "drawn", "number w-l"),
            column("", { className: "w-m" }),
          ],
        },
        h(
          "tbody",
          {},
          rows
            .slice(0, this.limit)
            .map((node) =>
              h(
                "tr",
                {
                  "data-row": true,
                  "data-key": `d${node.id}`,
                  "aria-current": node.id === explorer.selected ? "true" : null,
                },
                h("th", { scope: "row" }, this.link(node)),
                cell(
                  "",
                  "lead",
                  h(
                    "span",
                    { class: "titleline" },
                    glyph(model.colour(node.label), letterOf(node.label)),
                    visible(node.label),
                  ),
                ),
                explorer.blast > 0 && cell("depth", "number", count(node.depth)),
                cell("neighbours", "number", known(node.degree, count)),
                cell("drawn", "number", count(model.near.get(node.id).size)),
                h(
                  "td",
                  {},
                  h(
                    "button",
                    {
                      type: "button",
                      class: "plain",
                      onclick: () => explorer.hide([node.id]),
                      "aria-label": `Hide ${visible(node.id)}`,
                    },
                    "hide",
                  ),
                ),
              ),
            ),
        ),
      ),
      rows.length > this.limit &&
        h(
          "p",
          {},
          h(
            "button",
            {
              type: "button",
              class: "plain",
              onclick: () => {
                this.limit += SHOWN;
                explorer.changed();
              },
            },
            `${plural(rows.length - this.limit, "row")} more, show`,
          ),
        ),
    ];
  }

  draw() {
    const drawn = this.explorer.model.size;
    return h(
      "div",
      { class: "tableview" },
      segments(
        "Table of",
        [
          ["near", "Neighbours"],
          ["drawn", `Drawn ${count(drawn)}`],
        ],
        this.which,
        (which) => {
          this.which = which;
          if (which === "near") this.show(this.explorer.selected);
          this.explorer.changed();
        },
      ),
      this.which === "near" ? this.near() : this.drawn(),
    );
  }
}
