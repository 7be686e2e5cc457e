// Moves as rows: graph, direction, step with its bar, what is left.

import { age } from "../lib/ages.js";
import { ask } from "../lib/api.js";
import { confirmed } from "../lib/dialog.js";
import { h } from "../lib/dom.js";
import { count, known, percent, shardName, span } from "../lib/format.js";
import { meter } from "../lib/meter.js";
import { graphLink, linked, named } from "../lib/names.js";
import { cell, column, table } from "../lib/table.js";
import { isOperator } from "../lib/tier.js";

const place = (n) =>
  typeof n === "number" ? h("a", { href: `/shard/${n}` }, shardName(n)) : n == null ? "–" : named(n);

function step(move) {
  const ended = { done: ["good", "● done"], failed: ["bad", "✕ failed"], signpost: ["second", "signpost"] }[move.state];
  if (ended) return h("span", { class: ended[0], title: move.error }, ended[1], move.error && `: ${move.error}`);
  if (move.state === "waiting") return h("span", { class: "second" }, move.step ?? "waits for its turn");
  return [
    move.of > 0 &&
      meter([[move.done, "m1"]], move.of, `${move.step} ${percent(move.done, move.of)}`, { mini: true, label: "done" }),
    `${move.step ?? "running"} ${move.of > 0 ? percent(move.done, move.of) : move.done != null ? count(move.done) : ""}`,
  ];
}

function action(move) {
  if (!isOperator()) return null;
  const act = (label, said, address, body) =>
    h(
      "button",
      {
        type: "button",
        class: "plain",
        onclick: () =>
          confirmed(label, said, label, async () => (await ask(address, {}, { body, limit: 60000 })).text ?? "Done."),
      },
      label,
    );
  if (/running|waiting/.test(move.state))
    return act(
      "Cancel",
      [
        "The move of ",
        named(move.graph),
        ` to ${shardName(move.to)} is given up; ${shardName(move.from)} goes on serving it.`,
      ],
      "/api/moves/cancel",
      { id: move.id, graph: move.graph },
    );
  if (move.state === "signpost")
    return act(
      "Forget",
      [
        "The signpost of ",
        named(move.graph),
        ` on ${shardName(move.from)} is forgotten: clients with an old list are no longer sent to ${shardName(move.to)}.`,
      ],
      "/api/signposts/forget",
      { graph: move.graph, shard: move.from },
    );
  return null;
}

/** `here`: the shard whose page it is, from which directions are seen. */
export function moveTable(moves, { here, times = false } = {}) {
  if (!moves.length)
    return h(
      "div",
      { class: "card" },
      h(
        "p",
        { class: "empty" },
        "No moves yet. How to move a graph: ",
        h("code", {}, "egctl move GRAPH --from OLD --to NEW"),
      ),
    );
  const direction = (move) =>
    here == null
      ? [place(move.from), " → ", place(move.to)]
      : move.from === here
        ? ["→ ", place(move.to)]
        : ["← ", place(move.from)];
  return table(
    {
      caption: "Moves",
      columns: [
        column("Graph"),
        column("Direction", { className: here == null ? "w-xl" : "w-l" }),
        column("Step"),
        times && column("When", { className: "w-m" }),
        column("Left", { className: "number w-m" }),
        isOperator() && column("Action", { className: "w-m" }),
      ],
    },
    h(
      "tbody",
      {},
      moves.map((move) =>
        h(
          "tr",
          { "data-row": true, "data-key": `m${move.id ?? move.graph + move.state}` },
          h("th", { scope: "row" }, linked(move.graph, graphLink(move.graph))),
          h("td", { class: "lead" }, direction(move)),
          cell("", "", step(move)),
          times && cell("", "", (move.ended_ms ?? move.at_ms) ? age(move.ended_ms ?? move.at_ms) : known(null)),
          cell(
            "left",
            "number",
            move.left_s == null ? known(null, null, "not running") : `about ${span(move.left_s * 1000)}`,
          ),
          isOperator() && h("td", {}, action(move)),
        ),
      ),
    ),
  );
}
