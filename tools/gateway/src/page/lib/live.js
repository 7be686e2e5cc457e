// One sentence at a time for screen readers, ten seconds apart at least; what came meanwhile is counted.

import { at } from "./dom.js";

const APART = 10000;
let last = -APART,
  waiting = [],
  timer;

function speak() {
  timer = null;
  last = performance.now();
  at("live").textContent =
    waiting.length > 3 ? `${waiting.length} changes, the last: ${waiting.at(-1)}` : waiting.join(", ");
  waiting = [];
}

/** Says that a state has changed. */
export function announce(sentence) {
  waiting.push(sentence);
  timer ??= setTimeout(speak, Math.max(0, last + APART - performance.now()));
}

/** An answer to what the reader just did, at once. */
export function answer(sentence) {
  at("live").textContent = sentence;
}
