// Elements from plain values. Text goes in as text: nothing here, and nothing that uses it, parses markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value == null || value === false) continue;
    if (name.startsWith("on")) (node.listeners ??= {})[name] = node[name] = value;
    else if (name === "style") for (const [key, text] of Object.entries(value)) node.style.setProperty(key, text);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(4).filter((child) => child != null && child !== false));
  return node;
}

/** An element; `on…` are handlers, `style` an object, `null` and `false` are left out. */
export const h = (tag, props, ...children) => fill(document.createElement(tag), props, children);

/** The same for drawings. */
export const s = (tag, props, ...children) => fill(document.createElementNS(SVG, tag), props, children);

export const at = (id) => document.getElementById(id);

const keyOf = (node) => (node.nodeType === 1 ? node.getAttribute("data-key") : null);
const alike = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName && keyOf(a) === keyOf(b);

function patchElement(old, made) {
  for (const { name } of [...old.attributes]) {
    if (name !== "style" && !made.hasAttribute(name) && !old.kept?.includes(name)) old.removeAttribute(name);
  }
  for (const { name, value } of made.attributes) {
    if (name !== "style" && old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  if (old.style.cssText !== made.style.cssText) old.style.cssText = made.style.cssText;
  for (const name of Object.keys(old.listeners ?? {})) if (!made.listeners?.[name]) old[name] = null;
  for (const [name, handler] of Object.entries(made.listeners ?? {})) old[name] = handler;
  old.listeners = made.listeners;
  // What is being typed or chosen belongs to the reader; "data-own" belongs to a part that draws itself.
  if (!old.hasAttribute("data-own") && !/^(INPUT|SELECT|TEXTAREA)$/.test(old.nodeName)) patchChildren(old, made);
}

function patchChildren(old, made) {
  const keyed = new Map();
  for (const child of old.childNodes) if (keyOf(child)) keyed.set(keyOf(child), child);
  let place = old.firstChild;
  for (const wanted of [...made.childNodes]) {
    const known = keyed.get(keyOf(wanted));
    if (known && known !== place && alike(known, wanted)) {
      old.insertBefore(known, place);
      place = known;
    }
    if (place && alike(place, wanted)) {
      const next = place.nextSibling;
      if (wanted.nodeType === 3) {
        if (place.data !== wanted.data) place.data = wanted.data;
      } else patchElement(place, wanted);
      place = next;
    } else {
      old.insertBefore(wanted, place);
    }
  }
  while (place) {
    const next = place.nextSibling;
    place.remove();
    place = next;
  }
}

/** Makes the children of `root` those of `made`, and touches only what differs: focus, selection and scrolling stay. */
export function show(root, ...made) {
  const holder = document.createElement("div");
  holder.append(...made.flat(3).filter((child) => child != null && child !== false));
  patchChildren(root, holder);
}
