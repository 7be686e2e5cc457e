// The explorer: choose a graph, or look into the one of the address. What draws a graph is fetched when one is looked into.

import { ask, Trouble } from "../lib/api.js";
import { h } from "../lib/dom.js";
import { count, shardName } from "../lib/format.js";
import { exploreLink, linked } from "../lib/names.js";
import { heading } from "../lib/page.js";
import { empty, failed, loading } from "../lib/states.js";

function choose(page) {
  let answer = null,
    trouble = null;
  const draw = () =>
    page.draw(
      h(
        "div",
        { class: "textpage" },
        heading("Explorer"),
        h("p", { class: "second" }, "Choose a graph; the largest are listed. The search above finds any."),
        answer
          ? answer.rows.length
            ? h(
                "ul",
                { class: "results" },
                answer.rows.map((row) =>
                  h(
                    "li",
                    { "data-row": true },
                    linked(row.name, exploreLink(row.name)),
                    h("span", { class: "quiet" }, `  ${count(row.nodes)} nodes on ${shardName(row.shard)}`),
                  ),
                ),
              )
            : empty("No graphs yet.")
          : trouble
            ? failed(trouble)
            : loading(6),
      ),
    );
  draw();
  page.every(15000, async () => {
    try {
      answer = await ask("/api/graphs", { sort: "-nodes", limit: 24 }, { signal: page.signal });
    } catch (error) {
      if (!(error instanceof Trouble)) return;
      trouble = error;
    }
    draw();
  });
}

export default async function explore(page) {
  if (page.query.graph === undefined) return choose(page);
  const { default: explored } = await import("../graph/page.js");
  if (!page.signal.aborted) explored(page);
}
