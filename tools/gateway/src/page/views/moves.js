// Moves, reshards and signposts of the tier.

import { ask, Trouble } from "../lib/api.js";
import { h } from "../lib/dom.js";
import { heading, undisturbed } from "../lib/page.js";
import { setQuery } from "../lib/router.js";
import { shardName } from "../lib/format.js";
import { failed, loading } from "../lib/states.js";
import { segments } from "../lib/table.js";
import { moveTable } from "./moverows.js";

const STATES = [
  ["", "All"],
  ["running", "Running"],
  ["done", "Done"],
  ["failed", "Failed"],
  ["signpost", "Signposts"],
];

export default function moves(page) {
  let state = page.query.state ?? "",
    after = page.query.after ?? null,
    answer = null,
    trouble = null;
  const look = async (forced) => {
    const wanted = [state, after];
    try {
      const got = await ask("/api/moves", { state: state || null, after }, { signal: page.signal });
      if (wanted[0] !== state || wanted[1] !== after) return;
      if (
        forced ||
        !answer ||
        undisturbed(page.root.querySelector(".scroller")) ||
        got.rows.length === answer.rows.length
      )
        answer = got;
      trouble = null;
    } catch (error) {
      if (!(error instanceof Trouble)) return;
      trouble = error;
    }
    draw();
  };
  const turn = (changes) => {
    ({ state, after } = { state, after, ...changes });
    setQuery({ state, after }, true);
    answer = null;
    draw();
    look(true);
  };
  const draw = () =>
    page.draw(
      heading("Moves and reshards"),
      h(
        "div",
        { class: "filters" },
        segments("State", STATES, state, (next) => turn({ state: next, after: null })),
      ),
      trouble && failed(trouble),
      answer?.missing?.length > 0 &&
        h(
          "p",
          { class: "partial" },
          "▲ Without ",
          answer.missing.map((n, index) => [index > 0 && ", ", h("a", { href: `/shard/${n}` }, shardName(n))]),
          ": it does not tell this gateway its moves",
        ),
      answer ? moveTable(answer.rows, { times: true }) : !trouble && loading(6),
      h(
        "p",
        { class: "hint" },
        after && h("button", { type: "button", class: "plain", onclick: () => turn({ after: null }) }, "← newest"),
        answer?.next &&
          h("button", { type: "button", class: "plain", onclick: () => turn({ after: answer.next }) }, "older ›"),
        h("span", {}, "A signpost sends clients with an old list of shards to where the graph went."),
      ),
    );
  draw();
  page.every(2000, () => look(false));
}
