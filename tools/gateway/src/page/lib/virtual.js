// A long list of which only what is in view is in the page: the window scrolls, two spacers stand for the rest.

import { h } from "./dom.js";

const BEYOND = 15;

/** The rows `first..last` of `count` that are in view below `anchor`, when each is `height` pixels high. */
export function visibleRange(anchor, count, height) {
  const top = anchor ? anchor.getBoundingClientRect().top : 0;
  const first = Math.max(0, Math.min(count, Math.floor(-top / height) - BEYOND));
  return [first, Math.min(count, Math.max(first, Math.ceil((innerHeight - top) / height) + BEYOND))];
}

/** A row as high as `rows` that are not there. */
export const spacer = (key, rows, height, columns) =>
  h(
    "tr",
    { class: "spacer", "data-key": key, "aria-hidden": "true" },
    h("td", { colspan: columns, style: { height: `${rows * height}px` } }),
  );

/** Calls `work` once a frame while the window scrolls or changes its size. */
export function onScroll(work, signal) {
  let waiting = false;
  const soon = () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      if (!signal.aborted) work();
    });
  };
  addEventListener("scroll", soon, { passive: true, signal });
  addEventListener("resize", soon, { signal });
}
