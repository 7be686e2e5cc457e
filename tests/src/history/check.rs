//! Whether a history is strictly serialisable in the order of the ledger.

use std::collections::HashMap;
use std::fmt;

use super::event::{History, Read};
use super::log::Log;
use super::serialise::{Step, serialise};
use super::state::State;

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Violation {
    /// An acknowledged write is not in the ledger.
    Lost(String),
    /// The ledger has a write twice.
    Doubled(String),
    /// The ledger has a write that was refused.
    Refused(String),
    /// The ledger has a change that nobody made.
    Unknown(String),
    /// The ledger has a part of a write, or another's changes inside it.
    Halved(String),
    /// A write is before one that was answered before it was sent.
    WriteOrder(String),
    /// An answer that no state in the time of the read gives.
    NoState(String),
    /// A read shows an older state than an earlier one.
    Backwards(String),
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// What was checked.
#[derive(Debug, Clone, Copy, Default)]
pub struct Summary {
    /// Writes found in the ledger.
    pub writes: usize,
    /// Changes that they made.
    pub changes: usize,
    /// Reads that some state explains.
    pub reads: usize,
}

/// Checks a history against the ledger that the graph has in the end.
///
/// # Errors
/// All violations that were found. When the order of the writes cannot be told from the ledger, the reads are not looked at.
pub fn check(history: &History, log: &Log) -> Result<Summary, Vec<Violation>> {
    let mut violations = Vec::new();
    let steps = serialise(history, log, &mut violations);
    if violations.is_empty() {
        check_write_order(history, &steps, &mut violations);
        check_reads(history, log, &steps, &mut violations);
    }
    if !violations.is_empty() {
        return Err(violations);
    }
    let changes = steps.iter().map(|step| step.records).sum();
    Ok(Summary { writes: steps.len(), changes, reads: history.reads.len() })
}

fn check_write_order(history: &History, steps: &[Step], violations: &mut Vec<Violation>) {
    // Of the writes behind the present one: the one that was done first, and the next one of each connection.
    let mut first_done: Option<usize> = None;
    let mut next_in_session: HashMap<u64, usize> = HashMap::new();
    for step in steps.iter().rev() {
        let write = &history.writes[step.write];
        let mut wrong = |other: usize, rule: &str| {
            let other = &history.writes[other];
            violations.push(Violation::WriteOrder(format!("{write:?} is before {other:?}, which {rule}")));
        };
        let done = |other: usize| history.writes[other].done_by();
        match first_done {
            Some(other) if done(other) < Some(write.called) => {
                wrong(other, "was answered before it was sent")
            }
            Some(other) if done(other) <= write.done_by() => {}
            _ => first_done = Some(step.write),
        }
        if let Some(other) = next_in_session.insert(write.session, step.write)
            && history.writes[other].called < write.called
        {
            wrong(other, "was sent first on the same connection");
        }
    }
}

/// A read while it is looked for the states that explain it.
struct Candidate<'h> {
    read: &'h Read,
    /// First and last position that its time allows.
    window: (usize, usize),
    /// Positions whose state gives the answer, ascending.
    fits: Vec<usize>,
    /// The right answer at the end of the window, when none fits.
    instead: Option<String>,
}

fn check_reads(history: &History, log: &Log, steps: &[Step], violations: &mut Vec<Violation>) {
    let order = Order::new(history, steps);
    let mut candidates: Vec<Candidate<'_>> = history
        .reads
        .iter()
        .map(|read| Candidate { read, window: order.window(read), fits: Vec::new(), instead: None })
        .collect();
    candidates.sort_by_key(|candidate| candidate.window.0);
    find_states(history, log, steps, &mut candidates);
    candidates.sort_by_key(|candidate| candidate.read.called);
    for Candidate { read, window, instead, .. } in candidates.iter().filter(|read| read.fits.is_empty()) {
        let instead = instead.as_deref().unwrap_or("there is no such position");
        let text =
            format!("{read:?}: no state from {} to {} gives it; the last one: {instead}", window.0, window.1);
        violations.push(Violation::NoState(text));
    }
    check_read_order(&candidates, violations);
}

/// Goes through all states and notes which of them explain which reads, in the order of the windows.
fn find_states(history: &History, log: &Log, steps: &[Step], candidates: &mut [Candidate<'_>]) {
    let (mut state, mut sequence) = (State::default(), 0);
    let mut log_until = |state: &mut State, until: usize| {
        log.records[sequence..until].iter().for_each(|(_, record)| state.log(record));
        sequence = until;
    };
    let mut done = log.records.len() - steps.iter().map(|step| step.records).sum::<usize>();
    log_until(&mut state, done);
    let (mut begun, mut active) = (0, Vec::new());
    for position in 0..=steps.len() {
        if let Some(step) = position.checked_sub(1).map(|index| &steps[index]) {
            for change in &history.writes[step.write].changes {
                if state.is_recorded(change) {
                    state.apply(change);
                }
            }
            done += step.records;
            log_until(&mut state, done);
        }
        while candidates.get(begun).is_some_and(|candidate| candidate.window.0 <= position) {
            active.push(begun);
            begun += 1;
        }
        active.retain(|&index| {
            let candidate = &mut candidates[index];
            let (_, last) = candidate.window;
            if position > last {
                return false;
            }
            let expected = candidate.read.question.expected(&state);
            if expected == candidate.read.answer {
                candidate.fits.push(position);
            } else if position == last && candidate.fits.is_empty() {
                candidate.instead = Some(expected.to_string());
            }
            true
        });
    }
}

/// Gives each read the oldest state that is left to it: not older than that of any read before it. When that succeeds all
/// reads have a place in the order together, and when it fails there is none.
fn check_read_order(candidates: &[Candidate<'_>], violations: &mut Vec<Violation>) {
    let mut by_return: Vec<usize> = (0..candidates.len()).collect();
    by_return.sort_unstable_by_key(|&index| candidates[index].read.returned);
    let mut by_return = by_return.into_iter().peekable();
    let mut chosen = vec![0; candidates.len()];
    let (mut newest, mut in_session) = ((0, None), HashMap::new());
    for (index, Candidate { read, fits, .. }) in candidates.iter().enumerate() {
        while let Some(earlier) =
            by_return.next_if(|&earlier| candidates[earlier].read.returned < read.called)
        {
            newest = newest.max((chosen[earlier], Some(earlier)));
        }
        let own = in_session.get(&read.session).map_or((0, None), |&own| (chosen[own], Some(own)));
        let least = newest.max(own);
        chosen[index] = match fits.iter().find(|&&position| position >= least.0) {
            Some(position) => *position,
            None => {
                if let (Some(earlier), false) = (least.1, fits.is_empty()) {
                    let earlier = candidates[earlier].read;
                    let text = format!("{earlier:?} is at {} at least, then {read:?} at {fits:?}", least.0);
                    violations.push(Violation::Backwards(text));
                }
                least.0
            }
        };
        in_session.insert(read.session, index);
    }
}

/// Answers which writes must be, and which must not be, in the state of a read.
struct Order {
    /// When a write was done, and the highest position of all that were done by then.
    done: Vec<(u64, usize)>,
    /// When a write was sent, and the lowest position of all that were sent from then on.
    sent: Vec<(u64, usize)>,
    /// The same of each connection: when its writes were sent, and their positions.
    sessions: HashMap<u64, Vec<(u64, usize)>>,
    last: usize,
}

impl Order {
    fn new(history: &History, steps: &[Step]) -> Self {
        let (mut done, mut sent) = (Vec::new(), Vec::new());
        let mut sessions: HashMap<u64, Vec<(u64, usize)>> = HashMap::new();
        for (index, step) in steps.iter().enumerate() {
            let (write, position) = (&history.writes[step.write], index + 1);
            done.extend(write.done_by().map(|at| (at, position)));
            sent.push((write.called, position));
            sessions.entry(write.session).or_default().push((write.called, position));
        }
        done.sort_unstable();
        let mut highest = 0;
        for (_, position) in &mut done {
            highest = highest.max(*position);
            *position = highest;
        }
        sent.sort_unstable();
        let mut lowest = usize::MAX;
        for (_, position) in sent.iter_mut().rev() {
            lowest = lowest.min(*position);
            *position = lowest;
        }
        Self { done, sent, sessions, last: steps.len() }
    }

    /// First and last position that a read may show.
    fn window(&self, read: &Read) -> (usize, usize) {
        let at = |list: &[(u64, usize)], index: usize| list.get(index).map(|entry| entry.1);
        let behind = |list: &[(u64, usize)], time| list.partition_point(|entry| entry.0 <= time);
        let own = self.sessions.get(&read.session).map_or(&[][..], Vec::as_slice);
        let own_before = behind(own, read.called);
        let own_first = own_before.checked_sub(1).and_then(|index| at(own, index));
        let done_before = self.done.partition_point(|entry| entry.0 < read.called);
        let first = done_before.checked_sub(1).and_then(|index| at(&self.done, index));
        let next = at(&self.sent, behind(&self.sent, read.returned));
        let own_next = at(own, own_before);
        let last = next.into_iter().chain(own_next).min().map_or(self.last, |position| position - 1);
        (first.max(own_first).unwrap_or(0), last)
    }
}
