// Where a tenant's graph goes, and whether it is there.

import { ask, Trouble } from "../lib/api.js";
import { h } from "../lib/dom.js";
import { shardName } from "../lib/format.js";
import { graphLink, linked, named, visible } from "../lib/names.js";
import { heading } from "../lib/page.js";
import { setQuery } from "../lib/router.js";
import { failed, loading } from "../lib/states.js";

function found(answer) {
  const notes = [
    answer.error && h("p", { class: "bad" }, "✕ ", visible(answer.error)),
    answer.rewritten &&
      h(
        "p",
        { class: "warn" },
        "▲ The id is rewritten for the graph's name: every id that is rewritten to the same would share this graph.",
      ),
    answer.shares_with?.length > 0 &&
      h(
        "p",
        { class: "bad" },
        "✕ It would share this graph with ",
        answer.shares_with.map((tenant, index) => [index > 0 && ", ", named(tenant)]),
        ". Give one of them another id.",
      ),
  ];
  if (!answer.graph) return notes;
  return [
    h(
      "dl",
      { class: "facts" },
      h("div", {}, h("dt", {}, "Graph"), h("dd", {}, linked(answer.graph, graphLink(answer.graph)))),
      h(
        "div",
        {},
        h("dt", {}, "Shard"),
        h(
          "dd",
          {},
          answer.shard == null ? "–" : h("a", { href: `/shard/${answer.shard}` }, shardName(answer.shard)),
          answer.endpoint && [" ", h("code", {}, answer.endpoint)],
        ),
      ),
      h(
        "div",
        {},
        h("dt", {}, "It exists"),
        h(
          "dd",
          {},
          answer.exists == null
            ? "not known: its shard does not answer"
            : answer.exists
              ? h("span", { class: "good" }, "● yes")
              : h("span", {}, "○ not yet: the first write makes it"),
        ),
      ),
    ),
    notes,
  ];
}

export default function where(page) {
  let tenant = page.query.tenant ?? "",
    answer = null,
    trouble = null,
    asked = page.query.tenant !== undefined;
  const look = async () => {
    try {
      answer = await ask("/api/where", { tenant }, { signal: page.signal });
      trouble = null;
    } catch (error) {
      if (!(error instanceof Trouble)) return;
      answer = null;
      trouble = error;
    }
    draw();
  };
  const input = h("input", {
    type: "text",
    id: "tenant",
    value: tenant,
    autocomplete: "off",
    spellcheck: "false",
    "aria-label": "Tenant",
  });
  const draw = () =>
    page.draw(
      heading("Where does a tenant go?"),
      h(
        "form",
        {
          class: "filters",
          onsubmit: (event) => {
            event.preventDefault();
            const field = page.root.querySelector("#tenant");
            tenant = field.value;
            asked = true;
            answer = null;
            setQuery({ tenant }, true);
            field.select();
            draw();
            look();
          },
        },
        input,
        h("button", { class: "primary" }, "Show"),
      ),
      asked &&
        h(
          "div",
          { class: "card", id: "where", role: "status" },
          answer
            ? [h("p", { class: "second" }, "tenant ", named(tenant)), found(answer)]
            : trouble
              ? failed(trouble, look)
              : loading(2),
        ),
      h(
        "p",
        { class: "hint" },
        h("span", {}, "The same without a browser: ", h("code", {}, "egctl route --tenant TENANT")),
      ),
    );
  draw();
  if (asked) look();
  requestAnimationFrame(() => {
    if (!asked) page.root.querySelector("#tenant")?.focus();
  });
}
