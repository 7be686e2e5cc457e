// What is known of the tier, asked for each second while somebody looks; the frame and the pages read it from here.

import { ask, Trouble } from "./api.js";
import { gatewayTime } from "./ages.js";
import { shardName } from "./format.js";

/** A figure is old from here on: three looks of the gateway were missed. */
const OLD = 4000;
/** And from here on its block is marked. */
const VERY_OLD = 60000;

export const GLYPHS = { good: "●", warn: "▲", bad: "✕", unknown: "○", busy: "◐" };
const MOODS = { healthy: "good", attention: "warn", unreachable: "bad", hung: "bad" };
export const STATES = {
  healthy: "healthy",
  attention: "needs attention",
  unreachable: "unreachable",
  hung: "hangs",
  unknown: "not seen yet",
};

const TITLES = {
  unreachable: "unreachable",
  hung: "takes connections and does not answer",
  backup_late: "backup is late",
  checkpoint_late: "checkpoint is late",
  drill_late: "restore drill is late",
  disk_low: "disk is nearly full",
  memory_high: "memory is near its budget",
  quarantine: "has quarantined graphs",
  busy: "refuses requests (BUSY)",
  poisoned: "takes no writes: a write to disk failed",
  read_only: "takes no writes",
  other_list: "has another list of shards",
  store_changed: "another store answers here",
  clock: "its clock differs",
  restarted: "restarted",
  plaintext: "takes requests in the clear",
  two_owners: "a graph has two owners",
  no_owner: "a graph has no owner",
  refused: "refuses this gateway",
  short_secret: "has a short secret",
  damaged: "is damaged",
};
/** What a note says beyond its title. */
export const noteText = (note) =>
  (note.text ?? "").replace(
    /^(Unreachable|Takes connections and does not answer|Takes no writes|Does not answer this gateway): /,
    "",
  );
export const noteTitle = (note) =>
  TITLES[note.code?.toLowerCase()] ??
  String(note.code ?? "note")
    .replaceAll("_", " ")
    .toLowerCase();

export const tier = { answer: null, trouble: null };
const readers = new Set();

/** Calls `reader` now and whenever something new is known, until `signal`. */
export function watchTier(reader, signal) {
  readers.add(reader);
  signal?.addEventListener("abort", () => readers.delete(reader));
  reader(tier);
}

export async function lookAtTier() {
  try {
    tier.answer = await ask("/api/tier");
    tier.trouble = null;
  } catch (error) {
    if (!(error instanceof Trouble)) return;
    tier.trouble = error;
  }
  readers.forEach((reader) => reader(tier));
}

/** A shard's row with what the gateway says of its age; `mood` is the worst of its state and its notes. */
export function rows(answer = tier.answer) {
  return (answer?.shards ?? []).map((row) => {
    const of = answer.of?.find((part) => part.shard === row.n);
    const notes = row.notes ?? [];
    const worst = notes.some((note) => note.level === "bad")
      ? "bad"
      : notes.some((note) => note.level === "warn")
        ? "warn"
        : "good";
    const own = MOODS[row.state] ?? "unknown";
    const mood = own === "good" || own === "warn" ? (worst === "good" ? own : worst) : own;
    const age = of?.age_ms ?? null;
    return {
      ...row,
      notes,
      mood,
      name: shardName(row.n),
      age_ms: age,
      seen_ms: age == null ? null : (answer.now_ms ?? gatewayTime()) - age,
      error: of?.error,
      old: age == null || age > OLD,
      veryOld: age == null || age > VERY_OLD,
      down: own === "bad",
    };
  });
}

const ORDER = { bad: 0, warn: 1, unknown: 2, good: 3 };
export const worstFirst = (a, b) => ORDER[a.mood] - ORDER[b.mood] || a.n - b.n;

/** The tier's state in words. */
export function summary(answer = tier.answer) {
  const all = rows(answer),
    healthy = all.filter((row) => row.mood === "good").length;
  const mood = all.some((row) => row.mood === "bad") ? "bad" : healthy < all.length || !healthy ? "warn" : "good";
  return {
    mood,
    healthy,
    all: all.length,
    down: all.filter((row) => row.down).length,
    text: `${healthy} of ${all.length}`,
  };
}

export const shardNames = () => new Map((tier.answer?.shards ?? []).map((row) => [row.n, row]));
export const isOperator = () => tier.answer?.role === "operator";
