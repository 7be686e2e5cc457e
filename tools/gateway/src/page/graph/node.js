// Beside the drawing: the selected node, its properties, the path or the reach of a change.

import { h } from "../lib/dom.js";
import { count, DASH, plural, size } from "../lib/format.js";
import { copier, named, visible } from "../lib/names.js";
import { loading } from "../lib/states.js";
import { EXPAND, EXPAND_MOST } from "./explorer.js";
import { glyph, letterOf } from "./look.js";

const CUT = 4096,
  PROSE = /\s\S+\s/;

function value(explorer, [key, type, content, bytes]) {
  if (content === null || content === undefined) {
    if (type === "null") return h("dd", { class: "second" }, "null");
    const whole = h(
      "button",
      { type: "button", class: "plain", onclick: () => explorer.property(key) },
      `show all ${size(bytes)}`,
    );
    return h(
      "dd",
      { class: "second" },
      `${type ?? ""} ${bytes ? size(bytes) : DASH} `,
      /list|map|string|bytes/.test(type) && bytes > CUT && whole,
    );
  }
  if (typeof content === "object") {
    const text = JSON.stringify(content, null, 1),
      flat = JSON.stringify(content);
    return h(
      "dd",
      { class: "mono" },
      flat.length < 80
        ? visible(flat)
        : h(
            "details",
            {},
            h(
              "summary",
              {},
              `${Array.isArray(content) ? `${count(content.length)} values` : `${count(Object.keys(content).length)} keys`}, ${size(bytes ?? text.length)}`,
            ),
            h("pre", {}, text.slice(0, CUT * 4)),
          ),
    );
  }
  const text = String(content),
    open = explorer.whole?.key === key,
    long = text.length > CUT || bytes > CUT;
  const shown = open ? text : text.slice(0, CUT);
  return h(
    "dd",
    { class: PROSE.test(text) ? "prose" : "mono", dir: "auto" },
    h(
      "bdi",
      {},
      shown.length > 200 ? shown.replace(/[\u202a-\u202e\u2066-\u2069]/g, (c) => visible(c)) : visible(shown),
    ),
    long &&
      !open && [
        "… ",
        h(
          "button",
          { type: "button", class: "plain", onclick: () => explorer.property(key) },
          `show all ${size(bytes ?? text.length)}`,
        ),
      ],
  );
}

function degrees(node) {
  if (!node || node.in == null)
    return node?.degree != null ? plural(node.degree, "neighbour") : "neighbours not counted";
  const told = (n) => (n > 10000 || (node.inexact && n === 10000) ? "10,000+" : count(n));
  if (node.degree == null) return `${told(node.in)} in, ${told(node.out)} out`;
  return `${told(node.degree)} neighbours: ${told(node.in)} in, ${told(node.out)} out`;
}

export function nodePanel(explorer, { table }) {
  const { selected: id, detail, model, chosen } = explorer;
  if (chosen.size) {
    return h(
      "section",
      { class: "part" },
      h("h2", {}, `${plural(chosen.size, "node")} chosen`),
      h(
        "p",
        { class: "row-line" },
        h("button", { type: "button", onclick: () => explorer.hide([...chosen]) }, "Hide them"),
        h("button", { type: "button", onclick: () => chosen.forEach((each) => explorer.pin(each, true)) }, "Pin them"),
      ),
    );
  }
  if (id == null)
    return [
      h(
        "section",
        { class: "part" },
        h("h2", {}, "Nothing selected"),
        h("p", { class: "second" }, "Choose a node in the drawing, in the table or in the search."),
      ),
      pathPanel(explorer),
      blastPanel(explorer),
    ];
  const node = model.nodes.get(id),
    label = detail?.label ?? node?.label ?? "",
    button = (text, work, more = {}) => h("button", { type: "button", onclick: work, ...more }, text);
  const amount = Math.min(EXPAND, node?.expanded ? Math.max(1, model.folded(node)) : EXPAND);
  return [
    h(
      "section",
      { class: "part" },
      h("h2", { class: "titleline", "data-copy": id }, glyph(model.colour(label), letterOf(label)), named(id)),
      h(
        "p",
        { class: "second" },
        label && [visible(label), " · "],
        degrees(node && node.in == null && detail?.in != null ? { ...node, in: detail.in, out: detail.out } : node),
      ),
      h(
        "p",
        { class: "row-line actions" },
        button(
          node?.expanded && !model.folded(node) && !node.cursor ? "All drawn" : `Expand ${amount}`,
          () => explorer.expand(id),
          {
            title: `Shift draws ${EXPAND_MOST}`,
            onclick: (event) => explorer.expand(id, { limit: event.shiftKey ? EXPAND_MOST : EXPAND }),
            disabled: Boolean(node?.expanded && !model.folded(node) && !node.cursor),
          },
        ),
        button("By label", () => table(id)),
        node && button(node.pinned ? "Unpin" : "Pin", () => explorer.pin(id), { "aria-pressed": String(node.pinned) }),
        node && button("Hide", () => explorer.hide([id])),
        copier(id, "Copy id"),
      ),
    ),
    pathPanel(explorer),
    blastPanel(explorer),
    h(
      "section",
      { class: "part" },
      h("h2", {}, "Properties"),
      detail
        ? detail.properties?.length
          ? h(
              "dl",
              { class: "properties" },
              detail.properties.map((property) => [
                h("dt", { title: property[1] }, h("bdi", {}, visible(property[0]))),
                value(explorer, property),
              ]),
            )
          : h("p", { class: "second" }, "None.")
        : explorer.trouble
          ? null
          : loading(4),
    ),
  ];
}

function pathPanel(explorer) {
  const { answer } = explorer.path;
  if (!answer) return null;
  const close = h("button", { type: "button", class: "plain", onclick: () => explorer.clearPath() }, "clear");
  if (!answer.hops)
    return h(
      "section",
      { class: "part" },
      h("h2", {}, "No path"),
      h(
        "p",
        {},
        `None within 12 hops, ${plural(answer.searched ?? 0, "node")} searched${answer.complete === false ? ", and not all of those that could be reached" : ""}. `,
        close,
      ),
    );
  return h(
    "section",
    { class: "part", id: "path" },
    h("h2", { class: "titleline" }, h("span", { class: "stay" }, "Path to "), named(answer.to)),
    h(
      "p",
      { class: "second" },
      `${plural(answer.hops.length - 1, "hop")}, the shortest; others may be as short `,
      close,
    ),
    h(
      "ol",
      { class: "hops" },
      answer.hops.map(([id, label, edge, n], index) =>
        h(
          "li",
          {},
          h("span", { class: "step" }, index + 1),
          h(
            "span",
            {},
            h("button", { type: "button", class: "hop", onclick: () => explorer.select(id) }, named(id)),
            edge != null && h("span", { class: "second" }, `${visible(edge)}${n > 1 ? ` ×${n}` : ""} →`),
          ),
        ),
      ),
    ),
  );
}

function blastPanel(explorer) {
  const answer = explorer.blastAnswer;
  if (!explorer.blast) return null;
  const { counts, depth, cut_at: cut } = answer,
    all = (answer.all ?? counts).slice(1).reduce((sum, n) => sum + n, 0),
    labels = new Map();
  for (const [id, label] of answer.rows) if (id !== answer.from) labels.set(label, (labels.get(label) ?? 0) + 1);
  return h(
    "section",
    { class: "part", id: "reach" },
    h("h2", {}, "If this changes"),
    h(
      "p",
      { class: "second" },
      answer.complete === false && "at least ",
      h("b", {}, count(all)),
      ` nodes lie within ${plural(depth, "hop")}, edges followed forwards. `,
      depth < 6 && `Depth ${depth + 1} was not asked for.`,
    ),
    cut != null &&
      h(
        "p",
        { class: "warn" },
        `▲ Depth ${cut} is cut: ${count(answer.rows.filter((row) => row[2] === cut).length)} of ${count((answer.all ?? counts)[cut])} are drawn.`,
      ),
    h(
      "dl",
      { class: "properties" },
      [...labels]
        .sort((a, b) => b[1] - a[1])
        .slice(0, 12)
        .map(([label, n]) => [h("dt", {}, visible(label)), h("dd", {}, count(n))]),
    ),
  );
}
