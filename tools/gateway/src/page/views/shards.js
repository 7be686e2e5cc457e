// All shards as a table, with a filter and an order.

import { h } from "../lib/dom.js";
import { heading } from "../lib/page.js";
import { setQuery } from "../lib/router.js";
import { empty, failed, loading } from "../lib/states.js";
import { sorter, table } from "../lib/table.js";
import { rows, watchTier } from "../lib/tier.js";
import { plural } from "../lib/format.js";
import { scaleOf, shardColumns, shardRow, sorted } from "./shardrows.js";

export default function shards(page) {
  let { q = "", sort = "n" } = page.query,
    told = {};
  const draw = ({ answer, trouble }) => {
    told = { answer, trouble };
    if (!answer) return page.draw(h("h1", { tabindex: "-1" }, "Shards"), trouble ? failed(trouble) : loading(8));
    const all = rows(answer),
      low = q.toLowerCase();
    const matching = sorted(
      all.filter((row) =>
        `${row.name} ${row.endpoint} ${row.state} ${row.notes.map((note) => note.code)}`.toLowerCase().includes(low),
      ),
      sort,
    );
    const input = h("input", {
      type: "search",
      id: "filter",
      "aria-label": "Name, endpoint or state",
      placeholder: "Name, endpoint or state",
      value: q,
      oninput: (event) => {
        q = event.target.value;
        setQuery({ q });
        draw(told);
      },
    });
    page.draw(
      heading("Shards"),
      h(
        "div",
        { class: "filters" },
        input,
        h(
          "span",
          { class: "count" },
          matching.length === all.length
            ? plural(all.length, "shard")
            : `${matching.length} of ${plural(all.length, "shard")}`,
        ),
      ),
      matching.length
        ? table(
            {
              caption: "All shards",
              columns: shardColumns(
                sort,
                sorter(sort, (next) => {
                  sort = next;
                  draw(told);
                }),
              ),
            },
            h(
              "tbody",
              {},
              matching.map((row) => shardRow(row, scaleOf(all))),
            ),
          )
        : empty(`No shard matches ${q}. `, h("a", { href: "/shards" }, "Clear")),
    );
  };
  watchTier(draw, page.signal);
}
