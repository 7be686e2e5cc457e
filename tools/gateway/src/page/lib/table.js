// Real tables: heads that sort say so, and rows that a key goes through.

import { h } from "./dom.js";
import { setQuery } from "./router.js";

/** A head of a column. `sort` is the current one, `-bytes` or `bytes`; `first` the direction that a first click gives. */
export function column(text, { className = "", key, sort, first = "-", onsort } = {}) {
  if (!key) return h("th", { scope: "col", class: className }, text);
  const now = sort === key ? "ascending" : sort === `-${key}` ? "descending" : null;
  const next = now === null ? `${first === "-" ? "-" : ""}${key}` : now === "descending" ? key : `-${key}`;
  return h(
    "th",
    { scope: "col", class: className, "aria-sort": now },
    h(
      "button",
      { type: "button", onclick: () => onsort(next) },
      text,
      now === "ascending" ? " ↑" : now === "descending" ? " ↓" : "",
    ),
  );
}

export function table({ caption, columns, className = "", records = true, label }, ...bodies) {
  return h(
    "div",
    { class: `scroller ${className}` },
    h(
      "table",
      { class: records ? "records" : null },
      h("caption", { class: "sr" }, caption ?? label),
      h("thead", {}, h("tr", {}, columns)),
      bodies,
    ),
  );
}

/** A cell that names its column where the table is drawn as records. */
export const cell = (label, className, ...content) => h("td", { class: className, "data-label": label }, content);

/** Buttons of which one is pressed. `choose` gets the value. */
export function segments(label, choices, chosen, choose) {
  return h(
    "div",
    { class: "segments", role: "group", "aria-label": label },
    choices.map(([value, text]) =>
      h(
        "button",
        {
          type: "button",
          "aria-pressed": String(value === chosen),
          onclick: () => choose(value),
        },
        text,
      ),
    ),
  );
}

export function sorter(sort, again) {
  return (next) => {
    setQuery({ sort: next, after: null });
    again(next);
  };
}
