//! Logs: every byte is in a record or in a gap that is told.

use super::super::log::{Change, Log};
use super::{add_node, record, records};

fn read(bytes: &[u8]) -> (usize, Vec<(usize, usize, usize)>) {
    let log = Log::read(bytes);
    (log.changes.len(), log.gaps.iter().map(|gap| (gap.at, gap.bytes, gap.changes)).collect())
}

#[test]
fn all_kinds_of_changes() {
    let bytes = records().concat();
    let log = Log::read(&bytes);
    assert!(log.gaps.is_empty(), "{:?}", log.gaps);
    assert_eq!(log.changes.len(), records().len());
    assert_eq!(log.changes[1], Change::Clear);
    assert_eq!(log.changes[7], Change::AddEdge { source: "x", target: "y", properties: vec![0xc1] });
    assert_eq!(log.changes[8], Change::RemoveNode { id: "never" });
    assert!(read(b"") == (0, Vec::new()));
}

#[test]
fn every_cut_keeps_the_records_before_it() {
    let (records, bytes) = (records(), records().concat());
    let (mut whole, mut start) = (0, 0);
    for length in 0..bytes.len() {
        if length == start + records[whole].len() {
            start = length;
            whole += 1;
        }
        let gaps = if length == start { Vec::new() } else { vec![(start, length - start, whole)] };
        assert_eq!(read(&bytes[..length]), (whole, gaps), "cut at {length}");
    }
    assert_eq!(whole, records.len() - 1);
}

#[test]
fn behind_a_garbled_record_reading_goes_on() {
    let records = records();
    for garbled in 0..records.len() {
        let start: usize = records[..garbled].iter().map(Vec::len).sum();
        let length = records[garbled].len();
        let mut bytes = records.concat();
        bytes[start..start + length].fill(0xff);
        assert_eq!(read(&bytes), (records.len() - 1, vec![(start, length, garbled)]));
        // A length that is wrong, with all else in place.
        for bit in 0..32 {
            let mut bytes = records.concat();
            bytes[start + bit / 8] ^= 1 << (bit % 8);
            assert_eq!(read(&bytes), (records.len() - 1, vec![(start, length, garbled)]), "bit {bit}");
        }
    }
    let gap = &Log::read(&[add_node("a", b""), vec![0; 3], add_node("b", b"")].concat()).gaps[0].to_string();
    assert!(gap.starts_with("3 bytes from byte 59 of 121 are lost, behind change 1: "), "{gap}");
}

#[test]
fn no_changed_byte_loses_a_record_in_silence() {
    let all = records().len();
    let bytes = records().concat();
    for place in 0..bytes.len() {
        for value in 0..=255 {
            let mut changed = bytes.clone();
            changed[place] = value;
            let (found, gaps) = read(&changed);
            assert!(
                found == all || (!gaps.is_empty() && found < all),
                "byte {place} set to {value}: {gaps:?}"
            );
        }
    }
}

#[test]
fn what_is_no_change() {
    for (bytes, reason) in [
        (record("AddNode", &[("node_id", "a")], None), "no known change: method \"AddNode\""),
        (record("Vanish", &[], None), "no known change: method \"Vanish\""),
        (record("RemoveNode", &[("node", "a")], None), "unknown field \"node\""),
        ([&[0; 4][..], &add_node("a", b"")].concat(), "unexpected end of data"),
        (vec![1, 0], "the last record is cut off"),
    ] {
        let gap = Log::read(&bytes).gaps[0].to_string();
        assert!(gap.ends_with(reason), "{gap}");
    }
}
