// Names come from whoever wrote the data: empty, blank, backwards, markup, three hundred characters. All are shown in one line.

import { h } from "./dom.js";

const HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cn}\p{Cs}]/gu;

/** What cannot be seen or turns the line round is spelled out; blanks that one would miss are drawn. */
export function visible(name) {
  if (name === "") return "(empty)";
  return String(name)
    .replace(HIDDEN, (c) => `\\u{${c.codePointAt(0).toString(16)}}`)
    .replace(/^[\p{Zs}]+|[\p{Zs}]+$|[\p{Zs}]{2,}/gu, (blanks) => "␣".repeat([...blanks].length))
    .replace(/[^\S ]/gu, "␣");
}

/** The name in one line: where there is no room its middle is left out, for ends tell names apart. */
export function named(name, props = {}) {
  const text = visible(name),
    letters = [...text];
  const tail = letters.length > 24 ? letters.slice(-10).join("") : "";
  const head = tail ? letters.slice(0, -10).join("") : text;
  return h(
    "bdi",
    { class: "name", title: text, dir: "auto", ...props },
    h("span", { class: "head" }, head),
    tail && h("span", { class: "tail" }, tail),
  );
}

/** A name that leads to its page. */
export const linked = (name, href, className = "") =>
  h("a", { href, class: `namelink ${className}`, "data-copy": name }, named(name));

const query = (pairs) =>
  new URLSearchParams(Object.entries(pairs).filter(([, value]) => value != null && value !== "")).toString();

/** The address of a page; what is null or empty is left out. */
export function link(path, pairs = {}) {
  const text = query(pairs);
  return text ? `${path}?${text}` : path;
}
export const graphLink = (name, more = {}) =>
  `/graph?name=${encodeURIComponent(name)}${Object.keys(more).length ? `&${query(more)}` : ""}`;
export const exploreLink = (graph, more = {}) =>
  `/explore?graph=${encodeURIComponent(graph)}${Object.keys(more).length ? `&${query(more)}` : ""}`;
export const tenantLink = (tenant) => link("/graphs", { tenant });

/** A button that copies, and says that it did. */
export function copier(text, label = "copy") {
  return h(
    "button",
    {
      class: "copy",
      type: "button",
      "aria-label": `${label} ${visible(text).slice(0, 60)}`,
      onclick: async (event) => {
        const button = event.currentTarget;
        try {
          await navigator.clipboard.writeText(text);
          button.textContent = "copied";
        } catch {
          button.textContent = "not allowed";
        }
        setTimeout(() => {
          button.textContent = label;
        }, 1500);
      },
    },
    label,
  );
}
