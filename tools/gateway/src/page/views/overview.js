// What must I do now? The worst first; what is healthy takes one line.

import { h } from "../lib/dom.js";
import { age } from "../lib/ages.js";
import { count, millis, percent, plural, shardName, short } from "../lib/format.js";
import { link, named } from "../lib/names.js";
import { meter } from "../lib/meter.js";
import { heading } from "../lib/page.js";
import { setQuery } from "../lib/router.js";
import { failed, hidden, loading } from "../lib/states.js";
import { table } from "../lib/table.js";
import { GLYPHS, rows, summary, watchTier, worstFirst } from "../lib/tier.js";
import { noteList, notesOf } from "./notes.js";
import { COLUMNS, memoryOf, scaleOf, shardColumns, shardRow, usedDisk } from "./shardrows.js";

/** So few healthy shards need no fold. */
const FEW = 4;

function totals(answer, all) {
  const { graphs, nodes, edges, stale_graphs: stale } = answer.totals ?? {};
  const gone = all.filter((row) => row.old && row.graphs > 0),
    old = stale > 0 && gone.length > 0;
  return h(
    "p",
    { class: "total" },
    h(
      "span",
      {},
      `${count(graphs)} graphs · ${short(nodes)} nodes · ${short(edges)} edges`,
      old && [
        `, of them ${plural(stale, "graph")} as of `,
        age(Math.min(...gone.map((row) => row.seen_ms))),
        " (",
        gone.slice(0, 3).map((row, index) => [index > 0 && ", ", h("a", { href: `/shard/${row.n}` }, row.name)]),
        gone.length > 3 && " …",
        ")",
      ],
    ),
    hidden(answer.hidden_graphs, answer.role),
  );
}

function healthyLine(healthy, open, toggle) {
  const most = (value) => Math.max(...healthy.map((row) => value(row) ?? 0));
  const disk = most((row) => (row.disk?.total ? usedDisk(row) / row.disk.total : 0)),
    memory = most((row) => {
      const [used, budget] = memoryOf(row);
      return budget ? used / budget : 0;
    });
  return h(
    "tr",
    { class: "fold", "data-key": "fold" },
    h(
      "td",
      { colspan: COLUMNS },
      h(
        "button",
        { type: "button", "aria-expanded": String(open), onclick: toggle },
        open ? "▾ " : "▸ ",
        h("span", { class: "good" }, "● "),
        plural(healthy.length, "healthy shard"),
        open ? ", hide" : ", show",
      ),
      `: up to ${percent(disk, 1)} disk, ${percent(memory, 1)} memory, p99 ${millis(most((row) => row.p99_ms))}`,
    ),
  );
}

function movesLine(answer) {
  const moves = answer.moves ?? {},
    newest = answer.newest ?? [];
  return h(
    "section",
    { class: "two", "aria-label": "Moves and newest" },
    h(
      "div",
      { class: "card" },
      h(
        "div",
        { class: "row-line" },
        h("h2", {}, "Moves and reshards"),
        moves.running
          ? [
              `${count(moves.running)} running`,
              moves.of > 0 && [
                meter([[moves.done, "m1"]], moves.of, percent(moves.done, moves.of), {
                  mini: true,
                  label: "moves done",
                }),
                percent(moves.done, moves.of),
              ],
            ]
          : h("span", { class: "quiet" }, moves.running === 0 ? "none running" : "–"),
        h("a", { href: "/moves" }, "All moves ›"),
      ),
    ),
    h(
      "div",
      { class: "card" },
      h(
        "div",
        { class: "row-line" },
        h("h2", {}, "Newest"),
        newest.length
          ? newest
              .slice(0, 5)
              .map((event) =>
                h(
                  "span",
                  {},
                  age(event.at_ms),
                  " ",
                  event.shard && h("a", { href: `/shard/${event.shard}` }, shardName(event.shard)),
                  ` ${event.text}`,
                ),
              )
          : h(
              "span",
              { class: "quiet" },
              "nothing",
              answer.kept_since_ms && [" in the last ", age(answer.kept_since_ms, true)],
            ),
      ),
    ),
  );
}

export default function overview(page) {
  let open = page.query.healthy === "1",
    allNotes = false,
    told = { answer: null };
  const again = () => draw(told);
  const draw = ({ answer, trouble }) => {
    told = { answer, trouble };
    if (!answer) return page.draw(h("h1", { tabindex: "-1" }, "Overview"), trouble ? failed(trouble) : loading(6));
    const all = rows(answer),
      state = summary(answer),
      scale = scaleOf(all),
      notes = notesOf(all);
    const healthy = all.filter((row) => row.mood === "good"),
      fold = healthy.length > FEW;
    const busy = all.filter((row) => row.mood !== "good").sort(worstFirst);
    page.draw(
      heading(
        [
          h("span", { class: state.mood, "aria-hidden": "true" }, GLYPHS[state.mood], " "),
          h(
            "span",
            { id: "summary" },
            state.all
              ? `${state.healthy} of ${state.all === 1 ? "1 shard" : `${state.all} shards`} healthy`
              : "No shards in the list",
          ),
        ],
        { below: totals(answer, all) },
      ),
      h(
        "div",
        { id: "needs" },
        noteList(notes, {
          all: allNotes,
          more: () => {
            allNotes = true;
            again();
          },
        }) ??
          h(
            "ul",
            { class: "notes good-edge" },
            h(
              "li",
              { class: "note" },
              h("span", { class: "good" }, "●"),
              h("span", { class: "head-line" }, "Nothing needs you"),
            ),
          ),
      ),
      h(
        "section",
        {},
        h("h2", { class: "sr" }, "Shards"),
        table(
          { caption: "Shards, worst first", columns: shardColumns() },
          busy.length > 0 &&
            h(
              "tbody",
              { "data-key": "busy" },
              busy.map((row) => shardRow(row, scale)),
            ),
          h(
            "tbody",
            { "data-key": "healthy" },
            fold &&
              healthyLine(healthy, open, () => {
                open = !open;
                setQuery({ healthy: open ? "1" : null });
                again();
              }),
            (!fold || open) && healthy.map((row) => shardRow(row, scale)),
          ),
        ),
        all.some((row) => row.old) && h("p", { class: "hint" }, h("span", {}, "° last known, when the shard was seen")),
      ),
      movesLine(answer),
      answer.default_graph != null &&
        h(
          "p",
          { class: "hint" },
          h("span", {}, "Default graph ", named(answer.default_graph)),
          h("a", { href: link("/where") }, "Where does a tenant go? ›"),
        ),
    );
  };
  watchTier(draw, page.signal);
}
