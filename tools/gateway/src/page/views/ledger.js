// The newest lines of a graph's ledger. New ones come only while the top is in view.

import { ask, Trouble } from "../lib/api.js";
import { age } from "../lib/ages.js";
import { h } from "../lib/dom.js";
import { count, known, plural } from "../lib/format.js";
import { exploreLink, linked, visible } from "../lib/names.js";
import { empty, failed, loading } from "../lib/states.js";
import { cell, column, table } from "../lib/table.js";

const LINES = 50;

function what(graph, line) {
  const ids = line.ids ?? [];
  return h(
    "span",
    { class: "titleline" },
    h("code", {}, line.op),
    ids
      .slice(0, 4)
      .map((id, index) => [index > 0 && h("span", {}, "→"), linked(id, exploreLink(graph, { node: id }), "soft")]),
    ids.length > 4 && h("span", {}, `and ${count(ids.length - 4)} more`),
    line.text && h("span", {}, visible(line.text)),
  );
}

/** The block of a graph; `redraw` is called when there is more. */
export function ledger(page, ask_, redraw) {
  let lines = null,
    next = null,
    trouble = null,
    fresh = [];
  const read = (before) => ask("/api/graph/ledger", { ...ask_, before, limit: LINES }, { signal: page.signal });
  const look = async () => {
    try {
      const got = await read();
      if (!lines) {
        lines = got.lines;
        next = got.next;
      } else {
        const newest = lines[0]?.sequence ?? -1;
        fresh = got.lines.filter((line) => line.sequence > newest);
        const top = page.root.querySelector("#ledger")?.getBoundingClientRect().top ?? 0;
        // A gap between what is there and what came: begin anew.
        if (fresh.length === LINES && top >= 0) {
          lines = got.lines;
          next = got.next;
          fresh = [];
        }
        if (top >= 0) {
          lines = [...fresh, ...lines];
          fresh = [];
        }
      }
      trouble = null;
    } catch (error) {
      if (!(error instanceof Trouble)) return;
      trouble = error;
    }
    redraw();
  };
  const older = async () => {
    try {
      const got = await read(next);
      lines = [...lines, ...got.lines];
      next = got.next;
    } catch (error) {
      if (!(error instanceof Trouble)) return;
      trouble = error;
    }
    redraw();
  };
  return {
    look,
    draw: () => {
      if (!lines) return trouble ? failed(trouble) : loading(6);
      if (!lines.length)
        return h(
          "div",
          { class: "card" },
          empty("Nothing has been written to this graph's ledger yet, or it was trimmed."),
        );
      return h(
        "div",
        { id: "ledger" },
        trouble && failed(trouble),
        fresh.length > 0 &&
          h(
            "p",
            {},
            h(
              "button",
              {
                type: "button",
                class: "plain",
                onclick: () => {
                  lines = [...fresh, ...lines];
                  fresh = [];
                  redraw();
                  scrollTo({ top: 0 });
                },
              },
              `${count(fresh.length)} new`,
            ),
          ),
        table(
          {
            caption: "Ledger, newest first",
            columns: [
              column("Change", { className: "number w-l" }),
              column("When", { className: "w-l" }),
              lines.some((line) => line.agent != null) && column("Agent", { className: "w-xl" }),
              column("What"),
            ],
          },
          h(
            "tbody",
            {},
            lines.map((line) =>
              h(
                "tr",
                { "data-row": true, "data-key": `c${line.sequence}` },
                h("th", { scope: "row", class: "number" }, count(line.sequence)),
                h("td", { class: "lead" }, line.at_ms == null ? known(null) : age(line.at_ms)),
                lines.some((each) => each.agent != null) &&
                  h(
                    "td",
                    { class: "lead" },
                    line.agent == null ? known(null, null, "not recorded") : visible(line.agent),
                  ),
                cell("", "", what(ask_.name, line)),
              ),
            ),
          ),
        ),
        next != null && h("p", {}, h("button", { type: "button", class: "plain", onclick: older }, "older ›")),
        h("p", { class: "sr" }, plural(lines.length, "line")),
      );
    },
  };
}
