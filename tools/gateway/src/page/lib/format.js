// Figures as text. What is not known is a dash with its reason, never a zero.

import { h } from "./dom.js";

const whole = new Intl.NumberFormat("en");
export const DASH = "–";

export const count = (n) => (n == null ? DASH : whole.format(Math.round(n)));

/** 41.2 M. */
export function short(n) {
  if (n == null) return DASH;
  for (const [unit, name] of [
    [1e9, "G"],
    [1e6, "M"],
  ])
    if (n >= unit) return `${(n / unit).toFixed(n < 10 * unit ? 2 : n < 100 * unit ? 1 : 0)} ${name}`;
  return count(n);
}

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

export function size(bytes) {
  if (bytes == null) return DASH;
  let unit = 0;
  for (; Math.abs(bytes) >= 1024 && unit < 5; unit++) bytes /= 1024;
  return `${bytes.toFixed(unit && bytes < 10 ? (bytes < 2 ? 2 : 1) : 0).replace(/\.0+$/, "")} ${UNITS[unit]}`;
}

/** A duration in its largest unit, or two of them where one would say too little. */
export function span(ms) {
  if (ms == null) return DASH;
  const sec = Math.max(0, ms) / 1000;
  if (sec < 10) return `${sec.toFixed(1)} s`;
  if (sec < 60) return `${Math.floor(sec)} s`;
  if (sec < 5400) return `${Math.floor(sec / 60)} min`;
  if (sec < 172800) return `${Math.floor(sec / 3600)} h`;
  return `${Math.floor(sec / 86400)} d`;
}

export const millis = (n) => (n == null ? DASH : `${n < 1 ? n.toFixed(2) : n < 10 ? n.toFixed(1) : count(n)} ms`);
export const figure = (n) =>
  n == null
    ? DASH
    : n !== 0 && Math.abs(n) < 1
      ? n.toFixed(2)
      : Math.abs(n) < 10
        ? n.toFixed(1).replace(".0", "")
        : count(n);
export const percent = (part, all) => (part == null || !all ? DASH : `${Math.round((part / all) * 100)} %`);
export const plural = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;
export const shardName = (n) => (n == null ? DASH : `shard-${String(n).padStart(2, "0")}`);

let zone = "UTC";
export const timeZone = () => (zone === "UTC" ? "UTC" : "local time");
export function switchZone() {
  zone = zone === "UTC" ? undefined : "UTC";
}
const clocks = {};
function clock(options) {
  return (clocks[zone + JSON.stringify(options)] ??= new Intl.DateTimeFormat("en-GB", { ...options, timeZone: zone }));
}
export const hourMinute = (ms) => clock({ hour: "2-digit", minute: "2-digit" }).format(ms);
export const clockTime = (ms) => clock({ hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(ms);
export const instant = (ms) => `${new Date(ms).toISOString().slice(0, 19).replace("T", " ")} UTC`;

/** A value, or a dash that says why there is none. */
export function known(value, text, why = "not reported by this version of the shard") {
  return value == null
    ? h("span", { class: "unknown", title: why }, DASH, h("span", { class: "sr" }, ` ${why}`))
    : text(value);
}
