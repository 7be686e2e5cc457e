// Ages that go on by themselves. All are counted from the gateway's clock, of which every answer tells the time.

import { h } from "./dom.js";
import { DASH, instant, span } from "./format.js";

let ahead = 0;
export const gatewayTime = () => Date.now() + ahead;
export function setClock(now) {
  if (now) ahead = now - Date.now();
}

const word = (node, ms) => (node.dataset.bare !== undefined ? span(ms) : ms < 0 ? "now" : `${span(ms)} ago`);

/** `3 min ago`, or without "ago" when it is bare. `since` is an instant in milliseconds. */
export function age(since, bare = false) {
  if (since == null) return h("span", { class: "unknown" }, DASH);
  const made = h("time", {
    datetime: new Date(since).toISOString(),
    title: instant(since),
    "data-at": since,
    "data-bare": bare ? "" : null,
  });
  made.textContent = word(made, gatewayTime() - since);
  return made;
}

// Each second below a minute, each ten below ten minutes, each minute after.
function tick() {
  const now = gatewayTime();
  for (const node of document.querySelectorAll("time[data-at]")) {
    const ms = now - Number(node.dataset.at),
      step = ms < 60e3 ? 1e3 : ms < 600e3 ? 10e3 : 60e3;
    const due = Math.floor(ms / step);
    if (node.due === due) continue;
    node.due = due;
    const text = word(node, ms);
    if (node.textContent !== text) node.textContent = text;
  }
}
setInterval(() => {
  if (!document.hidden) tick();
}, 1000);
