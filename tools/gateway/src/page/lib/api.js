// Questions to the gateway. One that fails says in words what failed; a gateway that is away is told by a banner.

import { setClock } from "./ages.js";

export class Trouble extends Error {
  constructor(status, error) {
    super(error.text ?? `the gateway answered ${status}`);
    Object.assign(this, { status, code: error.code ?? `HTTP ${status}`, doc: error.doc, error });
  }
}

const watchers = [];
let lastAnswer = null,
  away = false;
export const whenReachable = (watcher) => watchers.push(watcher);
function reachable(now) {
  if (now) lastAnswer = Date.now();
  if (away === !now) return;
  away = !now;
  watchers.forEach((watcher) => watcher(now, lastAnswer));
}

function signIn() {
  location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
}

/** The answer of `address` with the pairs that are not null as its query. Throws `Trouble`, or `AbortError` when `signal` says so. */
export async function ask(address, pairs = {}, { signal, body, limit = 10000 } = {}) {
  const query = new URLSearchParams(Object.entries(pairs).filter(([, value]) => value != null));
  const bounded = AbortSignal.any([AbortSignal.timeout(limit), ...(signal ? [signal] : [])]);
  const posted = body && {
    method: "POST",
    body: JSON.stringify(body),
    headers: { "Content-Type": "application/json", "X-Requested-With": "dashboard" },
  };
  let response, answer;
  try {
    response = await fetch(query.size ? `${address}?${query}` : address, { signal: bounded, ...posted });
    answer = await response.json().catch((error) => {
      if (bounded.aborted) throw error;
      return {};
    });
  } catch (error) {
    if (signal?.aborted) throw new DOMException("left", "AbortError");
    if (error.name !== "TimeoutError") reachable(false);
    throw new Trouble(0, {
      code: "GATEWAY",
      text: error.name === "TimeoutError" ? "The gateway has not answered for 10 s." : "The gateway does not answer.",
    });
  }
  reachable(true);
  setClock(answer.now_ms);
  if (response.status === 401) {
    signIn();
    throw new DOMException("signing in", "AbortError");
  }
  if (!response.ok) throw new Trouble(response.status, answer.error ?? {});
  return answer;
}
