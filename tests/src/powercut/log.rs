//! Reading the record file; the format is in `powercut/powerlog.c`.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

const HEADER: usize = 56;

/// One recorded operation.
#[derive(Debug, Clone)]
pub(super) struct Record {
    /// Sequence number, from 0.
    pub(super) seq: u64,
    /// Size of the record file before this record.
    pub(super) start: u64,
    /// Size of the record file after this record.
    pub(super) end: u64,
    pub(super) event: Event,
}

/// What was done. Paths are relative to the root, which is the empty path.
#[derive(Debug, Clone)]
pub(super) enum Event {
    Open { fd: i32, flags: i64, existed: bool, path: String },
    Close { fd: i32 },
    Dup { fd: i32, copy: i32 },
    Write { fd: i32, offset: u64, data: Vec<u8> },
    Truncate { fd: i32, path: String, size: u64 },
    Allocate { fd: i32, mode: i64, offset: u64, length: u64 },
    FsyncBegin { fd: i32 },
    FsyncEnd { begin: u64, succeeded: bool },
    Rename { from: String, to: String },
    Link { from: String, to: String },
    Unlink { path: String },
    Mkdir { path: String },
}

/// All complete records of a file. A last record that is still being written is left out.
pub(super) fn read(path: &Path) -> Result<Vec<Record>> {
    let bytes = fs_err::read(path)?;
    let mut records = Vec::new();
    let mut at = 0;
    let mut pid = None;
    while let Some(header) = bytes.get(at..at + HEADER) {
        let total = u32_at(header, 0) as usize;
        let Some(record) = bytes.get(at..at + total) else {
            break;
        };
        let seq = u64_at(header, 8);
        ensure!(seq == records.len() as u64, "record at {at} has number {seq}, expected {}", records.len());
        let writer = u32_at(header, 16);
        ensure!(*pid.get_or_insert(writer) == writer, "records of two processes in {}", path.display());
        let event = decode(record).with_context(|| format!("record at {at}"))?;
        records.push(Record { seq, start: at as u64, end: (at + total) as u64, event });
        at += total;
    }
    Ok(records)
}

fn decode(record: &[u8]) -> Result<Event> {
    let fd = i32::from_ne_bytes(record[20..24].try_into()?);
    let [a, b, c] = [24, 32, 40].map(|at| u64_at(record, at).cast_signed());
    let (text, data) =
        record[HEADER..].split_at_checked(u32_at(record, 48) as usize).context("short record")?;
    ensure!(data.len() == u32_at(record, 52) as usize, "wrong length of data");
    let path = String::from_utf8(text.to_vec())?;
    let other_path = || String::from_utf8(data.to_vec());
    Ok(match u32_at(record, 4) {
        1 => Event::Open { fd, flags: a, existed: b == 1, path },
        2 => Event::Close { fd },
        3 => Event::Dup { fd, copy: i32::try_from(a)? },
        4 => Event::Write { fd, offset: u64::try_from(a)?, data: data.to_vec() },
        5 => Event::Truncate { fd, path, size: u64::try_from(a)? },
        6 => Event::Allocate { fd, mode: a, offset: u64::try_from(b)?, length: u64::try_from(c)? },
        7 => Event::FsyncBegin { fd },
        8 => Event::FsyncEnd { begin: u64::try_from(a)?, succeeded: b == 0 },
        9 => Event::Rename { from: path, to: other_path()? },
        10 => Event::Link { from: path, to: other_path()? },
        11 => Event::Unlink { path },
        12 => Event::Mkdir { path },
        kind => bail!("unknown kind {kind}"),
    })
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_ne_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}
