// Keys. Single letters are off while somebody types, and can be switched off for good in the list of keys.

import { at, h } from "./dom.js";
import { openDialog } from "./dialog.js";
import { go } from "./router.js";

const PLACES = { o: "/", s: "/shards", g: "/graphs", e: "/explore", m: "/moves" };
const EVERYWHERE = [
  ["/", "search"],
  ["g o · g s · g g · g e · g m", "overview, shards, graphs, explorer, moves"],
  ["t", "where does a tenant go"],
  ["j k", "next and previous row"],
  ["Enter", "open it"],
  ["y", "copy the focused name"],
  ["1 2", "15 minutes, 1 hour"],
  ["Escape", "clear, then leave"],
  ["?", "this list"],
];
const DRAWING = [
  ["← ↑ ↓ →", "nearest drawn neighbour in that direction"],
  ["Tab", "next chip or node of the path"],
  ["e E", "expand, expand by label"],
  ["p", "path from here"],
  ["b, 1-6", "blast radius, its depth"],
  ["x", "hide"],
  ["Space", "pin"],
  ["+ - 0 f", "zoom, 100 %, fit"],
  ["v", "next view"],
  ["Shift+arrows", "pan"],
  ["u", "undo"],
  ["Backspace", "back in the selection"],
];

let letters = true,
  armed = 0;
try {
  letters = localStorage.getItem("letters") !== "off";
} catch {
  /* on, then */
}
const own = new Map();

/** A page's own key, until it is left. `work` returns true when the key was for it. */
export function onKey(keys, work, signal) {
  for (const key of keys) own.set(key, work);
  signal.addEventListener("abort", () => {
    for (const key of keys) if (own.get(key) === work) own.delete(key);
  });
}

const listOf = (pairs) =>
  h(
    "dl",
    { class: "keys" },
    pairs.map(([key, what]) => h("div", {}, h("dt", {}, h("kbd", {}, key)), h("dd", {}, what))),
  );

function help() {
  const box = h("input", {
    type: "checkbox",
    id: "letters",
    onchange: (event) => {
      letters = event.target.checked;
      try {
        localStorage.setItem("letters", letters ? "on" : "off");
      } catch {
        /* for this visit */
      }
    },
  });
  box.checked = letters;
  openDialog(
    "Keys",
    listOf(EVERYWHERE),
    h("h3", {}, "In the drawing of the explorer"),
    listOf(DRAWING),
    h("p", {}, h("label", {}, box, " Single letters do something")),
  );
}

function row(step) {
  const rows = [...document.querySelectorAll("#page tr[data-row], #page [data-row] > a.namelink")]
    .map((node) => (node.matches("a") ? node : node.querySelector("a, button")))
    .filter((node) => node?.offsetParent);
  const now = rows.findIndex(
    (node) => node === document.activeElement || node.closest("tr")?.contains(document.activeElement),
  );
  rows[Math.min(rows.length - 1, Math.max(0, now + step))]?.focus();
}

function everywhere(key) {
  switch (key) {
    case "/":
      at("find-text").focus();
      at("find-text").select();
      return true;
    case "?":
      help();
      return true;
    case "g":
      armed = performance.now();
      return true;
    case "t":
      go("/where");
      return true;
    case "j":
      row(1);
      return true;
    case "k":
      row(-1);
      return true;
    case "y": {
      const name = document.activeElement?.closest("[data-copy]")?.dataset.copy;
      if (name !== undefined) navigator.clipboard?.writeText(name).catch(() => {});
      return name !== undefined;
    }
    default:
      return false;
  }
}

export function startKeys() {
  addEventListener("keydown", (event) => {
    if (
      event.ctrlKey ||
      event.metaKey ||
      event.altKey ||
      event.defaultPrevented ||
      document.querySelector("dialog[open]")
    )
      return;
    const typing = event.target.closest?.("input:not([type=checkbox]):not([type=radio]), select, textarea");
    if (event.key === "Escape") {
      if (typing && typing.value && typing.type === "search") {
        typing.value = "";
        typing.dispatchEvent(new Event("input", { bubbles: true }));
      } else document.activeElement?.blur();
      return;
    }
    if (typing || (!letters && event.key.length === 1 && event.key !== "?")) return;
    const second = performance.now() - armed < 1500 && PLACES[event.key];
    armed = 0;
    if (second) go(second);
    if (second || (own.get(event.key)?.(event) ?? false) || everywhere(event.key)) event.preventDefault();
  });
}
