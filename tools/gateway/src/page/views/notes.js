// What needs somebody, worst first: the same objects on the overview and on a shard's page.

import { h } from "../lib/dom.js";
import { age } from "../lib/ages.js";
import { count, plural } from "../lib/format.js";
import { graphLink, named } from "../lib/names.js";
import { GLYPHS, noteText, noteTitle } from "../lib/tier.js";

const RANK = { bad: 0, warn: 1 };
// A shard that does not answer comes before what it would say.
const severity = (note) => (note.level === "bad" && /unreachable|hung/i.test(note.code) ? -1 : (RANK[note.level] ?? 2));

/** The notes of shards as one list; a shard that is down and has no note of it gets one. */
export function notesOf(shards) {
  const all = shards.flatMap((row) => {
    const own = row.notes.map((note) => ({ ...note, row }));
    if (row.down && !own.some((note) => note.level === "bad")) {
      own.push({ level: "bad", code: row.state, text: row.error?.text ?? "", since_ms: row.seen_ms, row });
    }
    return own;
  });
  return all.sort((a, b) => severity(a) - severity(b) || (a.since_ms ?? 0) - (b.since_ms ?? 0));
}

function noteLine(note, onShard) {
  const mood = RANK[note.level] === undefined ? "unknown" : note.level,
    lost = !onShard && note.row.down && note.row.graphs;
  return h(
    "li",
    { class: "note", "data-key": `${note.row.n}${note.code}${note.graph ?? ""}` },
    h("span", { class: mood, "aria-hidden": "true" }, GLYPHS[mood]),
    h(
      "span",
      { class: "head-line" },
      !onShard && [h("a", { href: `/shard/${note.row.n}` }, note.row.name), " "],
      noteTitle(note),
      note.since_ms && [" ", h("span", { class: "quiet since" }, "since ", age(note.since_ms, true))],
    ),
    h(
      "span",
      { class: "what" },
      note.graph !== undefined && [named(note.graph), " "],
      noteText(note),
      lost > 0 && [` · ${plural(lost, "graph")} not served`],
    ),
    h(
      "span",
      { class: "ways" },
      note.graph !== undefined
        ? h("a", { href: graphLink(note.graph) }, "Graph ›")
        : !onShard && h("a", { href: `/shard/${note.row.n}` }, "Shard ›"),
      note.doc && h("a", { href: note.doc, target: "_blank", rel: "noreferrer" }, "How to ›"),
    ),
  );
}

/** At most `limit` notes, and how many there are beside. */
export function noteList(notes, { limit = 5, onShard = false, all, more } = {}) {
  if (!notes.length) return null;
  const shown = all ? notes : notes.slice(0, limit),
    edge = notes[0].level === "bad" ? "bad-edge" : "warn-edge";
  return h(
    "ul",
    { class: `notes ${edge}`, "aria-label": "Needs you, worst first" },
    shown.map((note) => noteLine(note, onShard)),
    notes.length > shown.length &&
      h(
        "li",
        { class: "note", "data-key": "more" },
        h("span", {}),
        h("button", { type: "button", class: "plain", onclick: more }, `+${count(notes.length - shown.length)} more`),
      ),
  );
}
