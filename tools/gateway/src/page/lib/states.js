// The states of a block that has no figures yet, or none at all. Each block has its own; a page is never one spinner.

import { h } from "./dom.js";
import { age, gatewayTime } from "./ages.js";
import { plural, shardName } from "./format.js";

/** Still bars of the size that will come; style.css keeps them invisible for 300 ms and shows the sentence after 5 s. */
export function loading(lines = 3, whom = "The gateway") {
  return h(
    "div",
    { class: "loading", "data-key": "loading" },
    Array.from({ length: lines }, () => h("div", { class: "bar" })),
    h("p", { class: "late" }, `${whom} has not answered for 5 s`),
  );
}

export const empty = (...said) => h("p", { class: "empty" }, said);

/** What failed, what to do, and the whole text folded. `again` tries once more; without it that happens by itself. */
export function failed(trouble, again) {
  if (trouble.status === 403) return h("p", { class: "notice" }, "◌ ", trouble.message);
  if (trouble.code === "NOT_REPORTED") return h("p", { class: "empty", title: trouble.message }, "– ", trouble.message);
  const code = trouble.doc
    ? h("a", { href: trouble.doc, target: "_blank", rel: "noreferrer" }, trouble.code)
    : h("code", {}, trouble.code);
  const first = trouble.message.split(/(?<=\.)\s/)[0],
    rest = trouble.message.length > first.length && trouble.message;
  return h(
    "div",
    { class: "failure" },
    h(
      "p",
      {},
      h("span", { class: "bad" }, "✕ "),
      first.slice(0, 160) === first ? first : "This could not be read.",
      again ? " " : " It is tried again by itself. ",
      again && [h("button", { type: "button", class: "plain", onclick: again }, "Try again"), " "],
      code,
    ),
    (rest || first.length > 160) && h("details", {}, h("summary", {}, "The whole text"), h("p", {}, trouble.message)),
  );
}

/** A line above a list that lacks what some shards have. */
export function missing(parts) {
  return (parts ?? []).map((part) =>
    h(
      "p",
      { class: "partial", "data-key": `missing${part.shard}` },
      "▲ Without ",
      h("a", { href: `/shard/${part.shard}` }, shardName(part.shard)),
      ": ",
      part.graphs == null
        ? "its graphs are not in this list, and how many is not known"
        : [
            plural(part.graphs, "graph"),
            ...(part.age_ms == null ? [] : [" as of ", age(gatewayTime() - part.age_ms)]),
            " are not in this list",
          ],
    ),
  );
}

export function hidden(number, role) {
  return (
    number > 0 &&
    h(
      "p",
      { class: "quiet" },
      `${plural(number, "graph is", "graphs are")} hidden from `,
      h("code", {}, role ?? "viewer"),
    )
  );
}

/** What was said of one shard in an answer's `of`: how old it is and why. */
export const freshness = (answer, shard) => answer?.of?.find((part) => part.shard === shard) ?? null;
