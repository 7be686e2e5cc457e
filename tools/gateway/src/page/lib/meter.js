// Meters: used of budget, by part.

import { h } from "./dom.js";

/** `parts` are `[value, className]`; `after` stands at the far end. The reader hears `text`. */
export function meter(parts, total, text, { mini = false, after, label = "used" } = {}) {
  const all = Math.max(total || 0, 1e-9),
    used = parts.reduce((sum, [value]) => sum + (value ?? 0), 0);
  const bar = ([value, className]) =>
    value > 0 && h("span", { class: className, style: { width: `${Math.min(100, (value / all) * 100).toFixed(2)}%` } });
  return h(
    "div",
    {
      class: mini ? "meter mini" : "meter",
      role: "meter",
      "aria-label": label,
      "aria-valuemin": 0,
      "aria-valuemax": Math.round(all),
      "aria-valuenow": Math.round(Math.min(used, all)),
      "aria-valuetext": text,
    },
    parts.map(bar),
    h("span", { class: "space" }),
    after && bar(after),
  );
}

/** What the colours of a meter mean. */
export const meterKey = (pairs) =>
  h(
    "p",
    { class: "keysline" },
    pairs.map(([className, text]) => h("span", {}, className && h("i", { class: className }), text)),
  );
