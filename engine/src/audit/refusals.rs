//! Refusals are cheap to cause, so of one source only some have a line of their own: the others are counted, and the count has
//! a line when the minute is over.

use std::collections::HashMap;

use epistemic_audit::Entry;
use parking_lot::Mutex;

/// Lines of one source and kind within [`WINDOW`].
const OF_ONE: u32 = 5;
/// Lines of one kind within it.
const OF_ALL: u32 = 60;
/// Milliseconds.
const WINDOW: u64 = 60_000;
/// Sources that are told apart.
const SOURCES: usize = 4096;
/// The name of all others.
const OTHERS: &str = "(others)";

/// What was refused lately.
#[derive(Default)]
pub(super) struct Refusals(Mutex<HashMap<&'static str, Kind>>);

#[derive(Default)]
struct Kind {
    /// When its window began, and how many lines it had since.
    since: u64,
    written: u32,
    sources: HashMap<String, Source>,
}

struct Source {
    written: u32,
    counted: u64,
    /// The newest that was counted.
    newest: Entry,
}

impl Refusals {
    /// Takes one of this kind of `source`. What is to be written of it now.
    pub(super) fn note(&self, kind: &'static str, source: &str, entry: Entry, now: u64) -> Option<Entry> {
        let mut kinds = self.0.lock();
        let kind = kinds.entry(kind).or_default();
        if kind.sources.is_empty() {
            (kind.since, kind.written) = (now, 0);
        }
        let is_known = kind.sources.contains_key(source) || kind.sources.len() < SOURCES;
        let name = if is_known { source } else { OTHERS };
        let new = || Source { written: 0, counted: 0, newest: entry.clone() };
        let source = kind.sources.entry(name.to_owned()).or_insert_with(new);
        if source.written < OF_ONE && kind.written < OF_ALL {
            source.written += 1;
            kind.written += 1;
            return Some(entry);
        }
        source.counted += 1;
        source.newest = entry;
        if !is_known {
            source.newest.peer = Some(OTHERS.to_owned());
        }
        None
    }

    /// The counts of windows that are over.
    pub(super) fn due(&self, now: u64) -> Vec<Entry> {
        let mut due = Vec::new();
        let mut kinds = self.0.lock();
        for kind in kinds.values_mut().filter(|kind| now.saturating_sub(kind.since) >= WINDOW) {
            let counted = kind.sources.drain().map(|(_, source)| source).filter(|source| source.counted > 0);
            let mut counts: Vec<_> = counted.collect();
            counts.sort_by_key(|source| std::cmp::Reverse(source.counted));
            // As many sources as an attacker has addresses must not have as many lines.
            let rest = counts.split_off(counts.len().min(OF_ALL as usize));
            let line = |counted: u64, newest: Entry| Entry { count: Some(counted), ..newest };
            due.extend(counts.into_iter().map(|source| line(source.counted, source.newest)));
            let rest = rest.into_iter().map(|source| (source.counted, source.newest));
            due.extend(
                rest.reduce(|sum, more| (sum.0 + more.0, more.1)).map(|(counted, newest)| {
                    line(counted, Entry { peer: Some(OTHERS.to_owned()), ..newest })
                }),
            );
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(peer: &str) -> Entry {
        Entry { peer: Some(peer.to_owned()), ..Entry::new("auth-refused") }
    }

    #[test]
    fn the_first_ones_have_lines_and_the_others_a_count() {
        let refusals = Refusals::default();
        let mut written = 0;
        for _ in 0..1_000 {
            written += usize::from(refusals.note("auth-refused", "a", entry("a"), 1_000).is_some());
        }
        assert!(refusals.note("auth-refused", "b", entry("b"), 1_000).is_some(), "others have their own");
        assert!(refusals.note("denied", "a", entry("a"), 1_000).is_some(), "other kinds have their own");
        assert_eq!((written, refusals.due(1_000 + WINDOW - 1).len()), (OF_ONE as usize, 0));
        let due = refusals.due(1_000 + WINDOW);
        assert_eq!(due, [Entry { count: Some(1_000 - u64::from(OF_ONE)), ..entry("a") }]);
        assert!(refusals.due(1_000 + 2 * WINDOW).is_empty());
        assert!(refusals.note("auth-refused", "a", entry("a"), 1_000 + 2 * WINDOW).is_some());
    }

    /// However many addresses somebody has, and however often he comes: lines are few, and no event is missing in the counts.
    #[test]
    fn a_flood_from_everywhere_has_few_lines() {
        let refusals = Refusals::default();
        let mut told = 0;
        for number in 0..20_000 {
            let peer = format!("2001:db8:{number:x}::/64");
            told += u64::from(refusals.note("auth-refused", &peer, entry(&peer), 5).is_some());
        }
        assert_eq!(told, u64::from(OF_ALL));
        let due = refusals.due(5 + WINDOW);
        assert!(due.len() <= OF_ALL as usize + 1, "{}", due.len());
        assert_eq!(told + due.iter().filter_map(|entry| entry.count).sum::<u64>(), 20_000);
        assert!(due.iter().any(|entry| entry.peer.as_deref() == Some(OTHERS)));
    }
}
