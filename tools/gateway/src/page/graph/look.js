// Colours of the theme and shapes of labels, for the canvas and for the lists beside it.

import { s } from "../lib/dom.js";

const NAMES = [
  "ground",
  "panel",
  "text",
  "text-2",
  "text-3",
  "edge",
  "line",
  "accent",
  "on-accent",
  "l1",
  "l2",
  "l3",
  "l4",
  "l5",
  "l6",
  "l7",
  "l8",
  "d0",
  "d1",
  "d2",
  "d3",
  "d4",
];

/** The colours as they are now; canvas takes no CSS variables. */
export function colours() {
  const probe = document.createElement("i"),
    found = {};
  document.body.append(probe);
  for (const name of NAMES) {
    probe.style.color = `var(--${name})`;
    found[name] = getComputedStyle(probe).color;
  }
  probe.remove();
  found.labels = [1, 2, 3, 4, 5, 6, 7, 8].map((n) => found[`l${n}`]).concat(found["text-3"]);
  found.depths = [0, 1, 2, 3, 4].map((n) => found[`d${n}`]);
  return found;
}

const SHAPES = 4;

/** Adds the outline of a shape to a path: circle, square, diamond, triangle in turn. */
export function outline(path, colour, x, y, r) {
  switch (colour % SHAPES) {
    case 0:
      path.moveTo(x + r, y);
      path.arc(x, y, r, 0, 2 * Math.PI);
      break;
    case 1: {
      const a = r * 0.88;
      path.rect(x - a, y - a, 2 * a, 2 * a);
      break;
    }
    case 2: {
      const a = r * 1.22;
      path.moveTo(x, y - a);
      path.lineTo(x + a, y);
      path.lineTo(x, y + a);
      path.lineTo(x - a, y);
      path.closePath();
      break;
    }
    default: {
      const a = r * 1.25;
      path.moveTo(x, y - a);
      path.lineTo(x + a, y + a * 0.75);
      path.lineTo(x - a, y + a * 0.75);
      path.closePath();
    }
  }
}

const POINTS = ["", "M2.5 2.5h13v13h-13z", "M9 .5 17.5 9 9 17.5 .5 9z", "M9 1 17.5 16H.5z"];

/** The sign of a label beside its name. `depth` gives it that colour and number instead. */
export function glyph(colour, letter, depth = null) {
  const look = depth == null ? `var(--${colour > 7 ? "text-3" : `l${colour + 1}`})` : `var(--d${Math.min(4, depth)})`,
    shape = depth == null ? colour % SHAPES : 0;
  const ink = depth != null && depth > 2 ? "var(--text)" : "var(--panel)";
  return s(
    "svg",
    { class: "glyph", viewBox: "0 0 18 18", "aria-hidden": "true" },
    shape === 0
      ? s("circle", { cx: 9, cy: 9, r: 8, fill: look, stroke: depth > 2 ? "var(--edge)" : "none" })
      : s("path", { d: POINTS[shape], fill: look }),
    s(
      "text",
      { x: 9, y: shape === 3 ? 14 : 12.5, "text-anchor": "middle", fill: ink },
      depth == null ? letter : String(depth),
    ),
  );
}

export const letterOf = (label) => [...(label ?? "")].find((c) => /[\p{L}\p{N}]/u.test(c))?.toUpperCase() ?? "?";
