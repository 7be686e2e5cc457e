//! The checker can fail: histories made by hand, each sound but for one thing.

use super::check::{Summary, Violation, check};
use super::event::{Change, History, Outcome, Read, Write};
use super::log::{Log, Record};
use super::question::Question;
use crate::wire::{Value, bin};

/// A history and its ledger, written down in the order of the ledger.
#[derive(Default)]
struct Story {
    history: History,
    log: Log,
}

fn add(id: &str, value: u8) -> Change {
    Change::AddNode { id: id.into(), properties: vec![value] }
}

fn remove(id: &str) -> Change {
    Change::RemoveNode { id: id.into() }
}

impl Story {
    /// The graph is created, and connection 0 has added the nodes `a` and `b` with the properties 0.
    fn begin() -> Story {
        let mut story = Story::default();
        story.log.records.push((Record::Created, vec![6]));
        story.write(0, (1, 2), vec![add("a", 0), add("b", 0)]);
        story
    }

    /// A write that is acknowledged and in the ledger.
    fn write(&mut self, session: u64, (called, returned): (u64, u64), changes: Vec<Change>) {
        self.sent(session, called, Outcome::Acknowledged(returned), changes.clone());
        self.in_ledger(changes);
    }

    /// A write as its client saw it, which is not in the ledger.
    fn sent(&mut self, session: u64, called: u64, outcome: Outcome, changes: Vec<Change>) {
        self.history.writes.push(Write { session, called, outcome, changes });
    }

    /// Records that no client knows of.
    fn in_ledger(&mut self, changes: Vec<Change>) {
        for change in changes {
            let bytes = self.log.records.len().to_be_bytes().to_vec();
            self.log.records.push((Record::Change(change), bytes));
        }
    }

    fn read(&mut self, session: u64, (called, returned): (u64, u64), question: Question, answer: Value) {
        self.history.reads.push(Read { session, called, returned, question, answer });
    }

    /// A read of the properties of `a`.
    fn read_a(&mut self, session: u64, span: (u64, u64), value: Option<u8>) {
        let answer = value.map_or(Value::Nil, |value| bin([value]));
        self.read(session, span, Question::Node("a".into()), answer);
    }

    /// A read of `a` and `b` with one request.
    fn read_both(&mut self, session: u64, span: (u64, u64), values: [u8; 2]) {
        let pair = |(id, value): (&str, u8)| Value::Array(vec![id.into(), bin([value])]);
        let answer = Value::Array(["a", "b"].into_iter().zip(values).map(pair).collect());
        self.read(session, span, Question::Nodes(vec!["a".into(), "b".into()]), answer);
    }

    fn check(&self) -> Result<Summary, Vec<Violation>> {
        check(&self.history, &self.log)
    }

    #[track_caller]
    fn is_sound(&self) {
        let violations = self.check().err();
        assert!(violations.is_none(), "{violations:?}");
    }

    /// It has one violation of this kind and no other.
    #[track_caller]
    fn is_refused(&self, kind: fn(String) -> Violation) {
        let violations = self.check().expect_err("nothing was found");
        let wanted = std::mem::discriminant(&kind(String::new()));
        assert!(violations.len() == 1 && std::mem::discriminant(&violations[0]) == wanted, "{violations:?}");
    }
}

#[test]
fn a_read_may_show_either_side_of_a_write_that_runs() {
    for value in [0, 1] {
        let mut story = Story::begin();
        story.write(0, (10, 20), vec![add("a", 1)]);
        story.read_a(1, (12, 18), Some(value));
        story.is_sound();
    }
}

#[test]
fn a_stale_read_is_found() {
    let mut story = Story::begin();
    story.write(0, (10, 20), vec![add("a", 1)]);
    story.read_a(1, (21, 22), Some(0));
    story.is_refused(Violation::NoState);
}

#[test]
fn a_read_of_what_is_not_written_yet_is_found() {
    let mut story = Story::begin();
    story.read_a(1, (5, 6), Some(1));
    story.write(0, (10, 20), vec![add("a", 1)]);
    story.is_refused(Violation::NoState);
}

#[test]
fn a_request_that_misses_a_write_before_it_on_its_connection_is_found() {
    let mut story = Story::begin();
    // Both were sent before the first answer.
    story.write(1, (10, 20), vec![add("a", 1)]);
    story.read_a(1, (11, 21), Some(0));
    story.is_refused(Violation::NoState);
}

#[test]
fn a_request_that_sees_a_write_behind_it_on_its_connection_is_found() {
    let mut story = Story::begin();
    story.read_a(1, (10, 20), Some(1));
    story.write(1, (11, 21), vec![add("a", 1)]);
    story.is_refused(Violation::NoState);
}

#[test]
fn a_torn_batch_is_found() {
    for (values, sound) in [([0, 0], true), ([1, 1], true), ([1, 0], false), ([0, 1], false)] {
        let mut story = Story::begin();
        story.write(0, (10, 20), vec![add("a", 1), add("b", 1)]);
        story.read_both(1, (12, 18), values);
        if sound { story.is_sound() } else { story.is_refused(Violation::NoState) }
    }
}

#[test]
fn a_counter_that_runs_ahead_of_the_records_is_found() {
    let mut story = Story::begin();
    story.write(0, (10, 20), vec![add("c", 0)]);
    story.read(1, (11, 12), Question::NodeCount, 3.into());
    story.read(2, (13, 14), Question::HasNode("c".into()), false.into());
    story.is_refused(Violation::Backwards);
}

#[test]
fn a_read_that_goes_back_is_found() {
    let mut story = Story::begin();
    story.write(0, (10, 20), vec![add("a", 1)]);
    story.read_a(1, (11, 12), Some(1));
    story.read_a(2, (13, 14), Some(0));
    story.is_refused(Violation::Backwards);
}

#[test]
fn a_pipelined_read_that_goes_back_is_found() {
    let mut story = Story::begin();
    story.write(0, (10, 20), vec![add("a", 1)]);
    story.read_a(1, (11, 18), Some(1));
    story.read_a(1, (12, 19), Some(0));
    story.is_refused(Violation::Backwards);
}

/// Each of the two is explained by some state, and both orders of the writes are possible; but not both at once.
#[test]
fn two_reads_that_see_two_writes_in_two_orders_are_found() {
    let mut story = Story::begin();
    story.write(0, (10, 20), vec![add("a", 1)]);
    story.write(1, (10, 20), vec![add("b", 1)]);
    story.read_both(2, (11, 19), [1, 0]);
    story.is_sound();
    story.read_both(3, (11, 19), [0, 1]);
    story.is_refused(Violation::NoState);
}

#[test]
fn a_lost_write_is_found() {
    let mut story = Story::begin();
    story.sent(0, 10, Outcome::Acknowledged(20), vec![add("a", 1)]);
    story.is_refused(Violation::Lost);
}

#[test]
fn a_write_that_died_with_its_server_may_be_done_or_not() {
    let mut story = Story::begin();
    story.sent(0, 10, Outcome::Lost(20), vec![add("a", 1)]);
    story.read_a(1, (21, 22), Some(0));
    story.is_sound();
    story.in_ledger(vec![add("a", 1)]);
    story.is_refused(Violation::NoState);
}

#[test]
fn a_removed_node_that_comes_back_is_found() {
    let mut story = Story::begin();
    story.write(0, (10, 20), vec![remove("a")]);
    story.read_a(1, (21, 22), None);
    story.is_sound();
    story.read_a(1, (31, 32), Some(0));
    story.is_refused(Violation::NoState);
}

#[test]
fn a_write_that_is_done_twice_is_found() {
    let mut story = Story::begin();
    story.write(0, (10, 20), vec![add("a", 1)]);
    story.in_ledger(vec![add("a", 1)]);
    story.is_refused(Violation::Doubled);
}

#[test]
fn a_refused_write_that_is_done_is_found() {
    let mut story = Story::begin();
    story.sent(0, 10, Outcome::Refused, vec![add("a", 1)]);
    story.is_sound();
    story.in_ledger(vec![add("a", 1)]);
    story.is_refused(Violation::Refused);
}

#[test]
fn a_change_that_nobody_made_is_found() {
    let mut story = Story::begin();
    story.in_ledger(vec![add("c", 1)]);
    story.is_refused(Violation::Unknown);
}

#[test]
fn half_a_batch_in_the_ledger_is_found() {
    let mut story = Story::begin();
    story.sent(0, 10, Outcome::Lost(20), vec![add("a", 1), add("b", 1)]);
    story.in_ledger(vec![add("a", 1)]);
    story.is_refused(Violation::Halved);
}

#[test]
fn a_write_inside_a_batch_is_found() {
    let mut story = Story::begin();
    story.sent(0, 10, Outcome::Acknowledged(20), vec![add("a", 1), add("b", 1)]);
    story.sent(1, 11, Outcome::Acknowledged(19), vec![add("a", 2)]);
    story.in_ledger(vec![add("a", 1), add("a", 2), add("b", 1)]);
    story.is_refused(Violation::Halved);
}

#[test]
fn writes_against_the_order_of_time_are_found() {
    let mut story = Story::begin();
    story.write(1, (30, 40), vec![add("a", 1)]);
    story.write(2, (10, 20), vec![add("a", 2)]);
    story.is_refused(Violation::WriteOrder);
}

#[test]
fn writes_against_the_order_of_their_connection_are_found() {
    let mut story = Story::begin();
    story.write(1, (11, 21), vec![add("a", 1)]);
    story.write(1, (10, 20), vec![add("a", 2)]);
    story.is_refused(Violation::WriteOrder);
}
