// What every page does: it looks again and again while somebody sees it, and draws again when what it knows has changed.

import { at, h, show } from "./dom.js";

/** A place for a page's drawing, and its clockwork, which ends when the reader leaves the page. */
export function page(context) {
  const root = at("page");
  const draw = (...made) => {
    if (!context.signal.aborted) show(root, ...made);
  };
  // The next look begins when the last one is over; a hidden page asks nothing.
  const every = (milliseconds, look) => {
    let timer,
      busy = false;
    const again = async () => {
      clearTimeout(timer);
      if (busy || context.signal.aborted) return;
      busy = true;
      try {
        if (!document.hidden) await look();
      } finally {
        busy = false;
      }
      if (!context.signal.aborted) timer = setTimeout(again, milliseconds);
    };
    const seen = () => {
      if (!document.hidden) again();
    };
    document.addEventListener("visibilitychange", seen, { signal: context.signal });
    context.signal.addEventListener("abort", () => clearTimeout(timer));
    again();
    return again;
  };
  return { root, draw, every, signal: context.signal, query: context.query, params: context.params };
}

/** The head of a page: way back, title, and what stands beside it. */
export function heading(title, { crumbs, beside, below, mono, hide } = {}) {
  return h(
    "header",
    { class: hide ? "sr" : "pagehead" },
    h(
      "div",
      { class: "titles" },
      crumbs && h("p", { class: "crumbs" }, crumbs),
      h("h1", { tabindex: "-1", class: mono ? "mono" : null }, title),
      below,
    ),
    beside,
  );
}

/** True when the reader is not busy in `node`: no pointer over it, no focus in it, nothing selected in it. */
export function undisturbed(node) {
  if (!node || !node.isConnected) return true;
  const selection = getSelection();
  const selected = selection && !selection.isCollapsed && node.contains(selection.anchorNode);
  return !node.matches(":hover") && !node.contains(document.activeElement) && !selected;
}
