//! The order of the writes, by the ledger.

use std::collections::{HashMap, VecDeque};

use super::check::Violation;
use super::event::{Change, History, Outcome, Write};
use super::log::{Log, Record};
use super::state::State;

/// One step of the order: a write and the ledger records that it left.
#[derive(Debug)]
pub(super) struct Step {
    /// Its place in [`History::writes`].
    pub(super) write: usize,
    /// Number of its records.
    pub(super) records: usize,
}

/// Finds whose each ledger record is. Position `n` in the order, counted from 1, is the state behind the first `n` steps.
pub(super) fn serialise(history: &History, log: &Log, violations: &mut Vec<Violation>) -> Vec<Step> {
    let mut open = Open::new(history);
    let (mut state, mut steps) = (State::default(), Vec::new());
    let mut rest = log.records.as_slice();
    if let [(Record::Created, _), behind @ ..] = rest {
        rest = behind;
    }
    while let [(record, _), ..] = rest {
        let sequence = log.records.len() - rest.len() + 1;
        let told = |text: &str| format!("ledger record {sequence}, {record:?}: {text}");
        let Record::Change(first) = record else {
            violations.push(Violation::Unknown(told("no write makes such a record")));
            break;
        };
        let write = match open.take(history, first) {
            Ok(write) => write,
            Err(violation) => {
                violations.push(violation(told("it is not to be there")));
                // The order is found no further, but what was not found so far is missing anyway.
                break;
            }
        };
        let records = recorded(&mut state, &history.writes[write]);
        let found = rest.iter().zip(&records).take_while(|((found, _), expected)| match found {
            Record::Change(found) => found == **expected,
            Record::Created | Record::Other(_) => false,
        });
        if records.is_empty() || found.count() < records.len() {
            let expected = records.len();
            violations
                .push(Violation::Halved(told(&format!("the {expected} records of its write do not follow"))));
            break;
        }
        steps.push(Step { write, records: records.len() });
        rest = &rest[records.len()..];
    }
    if violations.is_empty() {
        violations.extend(open.lost(history));
    }
    steps
}

/// Makes a write, and tells which changes leave a record.
fn recorded<'w>(state: &mut State, write: &'w Write) -> Vec<&'w Change> {
    let mut records = Vec::new();
    for change in &write.changes {
        if state.is_recorded(change) {
            state.apply(change);
            records.push(change);
        }
    }
    records
}

/// Writes that are not found in the ledger yet, by their first change and in the order in which they were sent.
struct Open<'h>(HashMap<&'h Change, VecDeque<usize>>);

impl<'h> Open<'h> {
    fn new(history: &'h History) -> Self {
        let mut order: Vec<usize> = (0..history.writes.len()).collect();
        order.sort_unstable_by_key(|&write| history.writes[write].called);
        let mut open: HashMap<_, VecDeque<_>> = HashMap::new();
        for write in order {
            if let Some(first) = history.writes[write].changes.first() {
                open.entry(first).or_default().push_back(write);
            }
        }
        Self(open)
    }

    /// The write that begins with this change, or what it means that there is none.
    fn take(&mut self, history: &History, first: &Change) -> Result<usize, fn(String) -> Violation> {
        let Some(queue) = self.0.get_mut(first) else { return Err(Violation::Unknown) };
        let done = |write: &usize| history.writes[*write].outcome != Outcome::Refused;
        match queue.iter().position(done) {
            Some(at) => Ok(queue.remove(at).expect("it was found there")),
            None if queue.is_empty() => Err(Violation::Doubled),
            None => Err(Violation::Refused),
        }
    }

    /// A violation for each acknowledged write that was not found.
    fn lost(self, history: &History) -> Vec<Violation> {
        let missing = self.0.into_values().flatten().map(|write| &history.writes[write]);
        let acknowledged = missing.filter(|write| matches!(write.outcome, Outcome::Acknowledged(_)));
        acknowledged.map(|write| Violation::Lost(format!("{write:?} is not in the ledger"))).collect()
    }
}
