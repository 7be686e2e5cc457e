// The frame round every page: where one is, how the tier is, and what becomes of the focus when the page changes.

import { whenReachable } from "./api.js";
import { at, h, show } from "./dom.js";
import { startFinding } from "./find.js";
import { clockTime } from "./format.js";
import { startKeys } from "./keys.js";
import { announce } from "./live.js";
import { page } from "./page.js";
import { GLYPHS, lookAtTier, rows, summary, tier, watchTier } from "./tier.js";

let here = "Overview",
  subject = "";

/** What the window is called: the state of the tier first. */
export function title(text) {
  subject = text;
  const { down } = summary();
  document.title = `${tier.answer && down ? `(${down} down) ` : ""}${text ? `${text} · ` : ""}epistemic-graph`;
}

/** Draws the page that the address asks for. */
export async function enter(context) {
  here = context.name;
  for (const anchor of document.querySelectorAll("#nav a")) {
    anchor.textContent === here ? anchor.setAttribute("aria-current", "page") : anchor.removeAttribute("aria-current");
  }
  document.body.dataset.page = here;
  show(at("page"));
  title(here === "Overview" ? "" : here);
  const said = (title, ...more) => show(at("page"), h("h1", { tabindex: "-1" }, title), h("p", {}, more));
  if (!context.part) said("There is no such page", h("a", { href: "/" }, "Overview"));
  else {
    try {
      const { default: view } = await context.part();
      if (context.signal.aborted) return;
      await view(page(context));
    } catch (error) {
      if (context.signal.aborted) return;
      said(
        "This page could not be loaded",
        "The gateway does not answer. ",
        h("a", { href: location.href, "data-plain": true }, "Load it again"),
      );
      throw error;
    }
  }
  if (context.focus) requestAnimationFrame(() => document.querySelector("#page h1")?.focus({ preventScroll: true }));
}

let before = null;

// A change of a shard's state is said once; figures never are.
function tell(all) {
  const now = new Map(all.map((row) => [row.n, row.down ? "is unreachable" : "answers"]));
  if (before)
    for (const row of all) if (before.get(row.n) !== now.get(row.n)) announce(`${row.name} ${now.get(row.n)}`);
  before = now;
}

function showTier({ answer }) {
  at("tier-state").hidden = !answer;
  if (!answer) return;
  const { mood, text } = summary(answer);
  show(
    at("tier-state"),
    h("span", { class: mood, "aria-hidden": "true" }, GLYPHS[mood], " "),
    h("span", { class: mood }, text, h("span", { class: "wide" }, " healthy")),
  );
  const role = answer.role === "operator" ? "operator" : "read-only";
  if (at("role").textContent !== role) at("role").textContent = role;
  tell(rows(answer));
  title(subject);
}

const THEMES = [
  ["", "system"],
  ["light", "light"],
  ["dark", "dark"],
];

function startTheme() {
  const button = at("theme"),
    root = document.documentElement;
  const name = () => {
    const theme = THEMES.find(([key]) => key === (root.dataset.theme ?? ""))[1];
    show(button, "◐", h("span", { class: "wide" }, ` ${theme}`));
    button.setAttribute("aria-label", `Theme: ${theme}. Next`);
  };
  button.addEventListener("click", () => {
    const next = THEMES[(THEMES.findIndex(([key]) => key === (root.dataset.theme ?? "")) + 1) % 3][0];
    if (next) root.dataset.theme = next;
    else delete root.dataset.theme;
    try {
      localStorage.setItem("theme", next);
    } catch {
      /* it is for this visit then */
    }
    name();
    dispatchEvent(new Event("themechange"));
  });
  name();
}

whenReachable((yes, last) => {
  const banner = at("banner");
  banner.hidden = yes;
  banner.textContent = yes
    ? ""
    : last
      ? `✕ The gateway does not answer since ${clockTime(last)}. Figures below are from then.`
      : "✕ The gateway does not answer. Nothing has been read yet; it is tried each second.";
  document.body.classList.toggle("away", !yes);
});

startTheme();
startFinding();
startKeys();
watchTier(showTier);
(async function again() {
  if (!document.hidden) await lookAtTier();
  setTimeout(again, 1000);
})();
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) lookAtTier();
});
