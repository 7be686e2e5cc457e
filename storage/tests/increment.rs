//! Increments: what is written comes back, and what is not intact is refused.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::random::{Random, seed};
use epistemic_storage::{
    graph::LedgerRecord,
    increment::{Header, IncrementError, IncrementReader, IncrementWriter, MAGIC, VERSION},
};

type Records = Vec<(u64, Vec<u8>)>;

fn header(after: u64, sequence: u64) -> Header {
    Header {
        version: VERSION,
        graph: "a/b".into(),
        store_id: None,
        previous: "00".repeat(32),
        after,
        sequence,
        created_ms: 7,
    }
}

/// Records behind `after`, of `bytes` each or a little more.
fn records(after: u64, count: u64, bytes: usize) -> Records {
    let properties = vec![7; bytes];
    let record = |sequence: u64| {
        LedgerRecord::AddNode { id: &sequence.to_string(), properties: &properties }.encode(sequence)
    };
    (after + 1..=after + count).map(|sequence| (sequence, record(sequence))).collect()
}

fn written(header: &Header, records: &Records) -> Result<Vec<u8>, IncrementError> {
    let mut bytes = Vec::new();
    let mut writer = IncrementWriter::new(&mut bytes, header)?;
    for (sequence, record) in records {
        writer.record(*sequence, record)?;
    }
    writer.finish()?;
    Ok(bytes)
}

fn read(bytes: &[u8]) -> Result<(Header, Records), IncrementError> {
    let mut reader = IncrementReader::open(bytes)?;
    let mut records = Vec::new();
    while let Some(more) = reader.next_records()? {
        records.extend(more);
    }
    Ok((reader.header().clone(), records))
}

fn refused(bytes: &[u8], what: &str) -> String {
    match read(bytes) {
        Err(error @ IncrementError::Refused { .. }) => error.to_string(),
        Err(error) => panic!("{what}: {error}"),
        Ok(_) => panic!("{what}: read"),
    }
}

/// Begin and end of each chunk.
fn chunks(bytes: &[u8]) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut at = MAGIC.len();
    while at < bytes.len() {
        let length = u32::from_le_bytes(bytes[at + 5..at + 9].try_into().unwrap()) as usize;
        found.push((at, at + 9 + length + 4));
        at += 9 + length + 4;
    }
    found
}

#[test]
fn records_come_back_in_one_chunk_or_many() {
    for (count, bytes) in [(1, 0), (3, 10), (40, 50_000)] {
        let (header, records) = (header(41, 41 + count), records(41, count, bytes));
        let file = written(&header, &records).unwrap();
        assert_eq!(read(&file).unwrap(), (header, records));
        assert_eq!(chunks(&file).len() > 3, bytes > 1000);
    }
}

#[test]
fn every_flipped_byte_and_every_cut_is_refused() {
    let mut random = Random::new(seed());
    let file = written(&header(1, 4), &records(1, 3, 20)).unwrap();
    for at in 0..file.len() {
        let mut damaged = file.clone();
        damaged[at] ^= 1 << random.below(8);
        refused(&damaged, &format!("flipped at {at}"));
        refused(&file[..at], &format!("cut at {at}"));
    }
    refused(&[&file[..], b"x"].concat(), "a byte too many");
}

#[test]
fn chunks_swapped_left_out_or_repeated_are_refused() {
    let file = written(&header(0, 40), &records(0, 40, 50_000)).unwrap();
    let chunks = chunks(&file);
    assert!(chunks.len() > 4);
    let of = |order: &[usize]| {
        let mut bytes = MAGIC.to_vec();
        order.iter().for_each(|chunk| bytes.extend_from_slice(&file[chunks[*chunk].0..chunks[*chunk].1]));
        bytes
    };
    let all: Vec<usize> = (0..chunks.len()).collect();
    assert_eq!(of(&all), file);
    for at in 0..all.len() {
        let mut without = all.clone();
        without.remove(at);
        refused(&of(&without), &format!("without chunk {at}"));
        let mut twice = all.clone();
        twice.insert(at, at);
        refused(&of(&twice), &format!("chunk {at} twice"));
        let mut swapped = all.clone();
        swapped.swap(at, (at + 1) % all.len());
        refused(&of(&swapped), &format!("chunk {at} swapped"));
    }
}

/// Files whose checksums are right and whose content is not, as a faulty program would write them.
#[test]
fn what_does_not_fit_together_is_not_written_and_not_read() {
    let three = records(5, 3, 1);
    for (header, what) in [
        (header(5, 7), "a record above the end"),
        (header(5, 9), "records missing at the end"),
        (header(4, 8), "a record missing at the beginning"),
        (header(6, 8), "a record too early"),
    ] {
        assert!(written(&header, &three).is_err(), "{what}");
    }
    for (header, told) in [
        (Header { version: 2, ..header(5, 8) }, "format version 2"),
        (header(8, 8), "records behind 8 up to 8"),
        (header(5, 1 << 63), "records behind 5"),
    ] {
        let mut bytes = Vec::new();
        drop(IncrementWriter::new(&mut bytes, &header).unwrap());
        assert!(refused(&bytes, told).contains(told));
    }
    let gap: Records = vec![three[0].clone(), three[2].clone()];
    assert!(written(&header(5, 8), &gap).is_err());
    let mut snapshot = written(&header(5, 8), &three).unwrap();
    snapshot[..8].copy_from_slice(epistemic_storage::snapshot::MAGIC);
    assert!(refused(&snapshot, "a snapshot").contains("'EGINCR01': not a graph increment"));
}
