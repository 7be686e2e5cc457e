//! A check of the write-ahead log before RocksDB replays it.
//!
//! RocksDB stops replay at the first damaged record, and takes a log that is missing or cut for one that ended there. That
//! is right for the torn end a crash leaves, and a silent loss otherwise. Three things tell them apart: what the mark
//! ([`super::log_mark`]) and the manifest say was written; a whole record behind the damage, which was written after the
//! damaged one had been acknowledged when each commit was synced; and whether a newer log goes on where a torn one ends.
//! RocksDB's own recovery makes such a log, with the number of the change that comes next, before it gives up the torn one.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use fs_err as fs;

use super::{
    log_files::{log_files, log_path},
    log_format::{Records, evidence},
    log_mark::{self, Extent, Found},
    manifest::{LogsNeeded, check_manifest},
};
use crate::error::{Result, StoreError};

/// What a check found in one log file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WalReport {
    /// The log file.
    pub file: PathBuf,
    /// Length of the file in bytes.
    pub bytes: u64,
    /// Offset of the first byte that is not part of a whole record, when not the end of the file.
    pub torn_at: Option<u64>,
}

/// A log that lacks commits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DamagedLog {
    /// The log file.
    pub file: PathBuf,
    /// Its number; logs of higher numbers are newer.
    pub number: u64,
    /// Its whole records end here; none when it is missing.
    pub whole_to: Option<u64>,
    /// Why something is missing behind it.
    pub reason: String,
    /// Commits that are known to be missing from this log; there may be more when this is not known.
    pub missing: Option<u64>,
}

/// Checks the log files of the RocksDB directory `db` that its tables need, oldest first. Reads only. With `strict` each
/// commit was synced before the next one began, unless a log's mark says otherwise.
///
/// # Errors
/// [`StoreError::Corrupt`] with file and offset when commits are missing: a log is shorter than it was or gone, or a
/// damaged record has whole records behind it, in its file or in a newer one, or cannot be what a crash leaves. As
/// `check_manifest` when the manifest or a mark is damaged.
pub fn check_wals(db: &Path, strict: bool) -> Result<Vec<WalReport>> {
    check_logs(db, &check_manifest(db)?, strict)
}

pub(super) fn check_logs(db: &Path, needed: &LogsNeeded, strict: bool) -> Result<Vec<WalReport>> {
    let (reports, damaged) = look(db, needed, strict)?;
    damaged.first().map_or(Ok(reports), |damaged| Err(damaged.into()))
}

/// Looks at every log that is needed and returns those that lack commits as well.
pub(super) fn look(
    db: &Path,
    needed: &LogsNeeded,
    strict: bool,
) -> Result<(Vec<WalReport>, Vec<DamagedLog>)> {
    let mark = log_mark::read(db)?.unwrap_or_default();
    let files: BTreeMap<u64, PathBuf> = log_files(db)?.into_iter().collect();
    let mut numbers: Vec<u64> = files.keys().copied().collect();
    numbers.extend(mark.notes.logs.iter().map(|note| note.number));
    numbers.extend(needed.closed.keys());
    numbers.retain(|number| *number >= needed.oldest);
    numbers.sort_unstable();
    numbers.dedup();

    let mut check = Check { mark: &mark, needed, strict, torn: None, next: None, damaged: Vec::new() };
    let mut reports = Vec::new();
    for number in numbers {
        match files.get(&number) {
            Some(file) => reports.push(check.log(number, file)?),
            None => check.missing(number, log_path(db, number)),
        }
    }
    Ok((reports, check.damaged))
}

struct Check<'a> {
    mark: &'a Found,
    needed: &'a LogsNeeded,
    strict: bool,
    /// The newest log, when it has a torn end that only a crash can have left.
    torn: Option<(u64, PathBuf, u64)>,
    /// Number of the change that comes behind the whole commits so far.
    next: Option<u64>,
    damaged: Vec<DamagedLog>,
}

impl Check<'_> {
    /// What of a log has to be there. What a log without commits holds, a header at most, is not missed.
    fn demanded(&self, number: u64) -> Option<Extent> {
        match self.mark.of(number) {
            Some(note) => Some(self.mark.demanded(note)).filter(|demanded| demanded.commits > 0),
            None => self.needed.closed.get(&number).map(|&bytes| Extent { bytes, commits: 0 }),
        }
    }

    fn is_strict(&self, number: u64) -> bool {
        if self.mark.of(number).is_some() { !self.mark.notes.relaxed } else { self.strict }
    }

    fn missing(&mut self, number: u64, file: PathBuf) {
        if let Some(Extent { bytes, commits }) = self.demanded(number) {
            let reason = format!("is missing, and it had {bytes} bytes{}", of_commits(commits));
            self.damaged.push(DamagedLog {
                file,
                number,
                whole_to: None,
                reason,
                missing: (commits > 0).then_some(commits),
            });
        }
    }

    fn log(&mut self, number: u64, file: &Path) -> Result<WalReport> {
        let bytes = fs::read(file)?;
        let mut records = Records::new(&bytes, 0);
        let mut commits = 0;
        for record in records.by_ref() {
            let Some(batch) = batch(&record) else {
                continue;
            };
            self.follows(&batch);
            self.next = Some(batch.sequence + u64::from(batch.count));
            commits += u64::from(batch.count > 0);
        }
        let (end, pieces_end) = (records.end(), records.pieces_end());
        let torn_at = bytes[end..].iter().any(|&byte| byte != 0).then_some(end as u64);
        if torn_at.is_some() && self.is_strict(number) {
            self.torn = Some((number, file.to_path_buf(), end as u64));
        }
        if let Some(reason) = self.lack(number, &bytes, end as u64, pieces_end) {
            let noted = self.demanded(number).map_or(0, |demanded| demanded.commits);
            let missing = (noted > commits).then(|| noted - commits);
            let file = file.to_path_buf();
            self.damaged.push(DamagedLog { file, number, whole_to: Some(end as u64), reason, missing });
        }
        Ok(WalReport { file: file.to_path_buf(), bytes: bytes.len() as u64, torn_at })
    }

    /// Why commits must be missing from a log whose whole records end at `end`.
    fn lack(&self, number: u64, bytes: &[u8], end: u64, pieces_end: usize) -> Option<String> {
        if let Some(Extent { bytes: noted, commits }) = self.demanded(number)
            && end < noted
        {
            let of = of_commits(commits);
            return Some(format!("is damaged at offset {end}, and it was written to offset {noted}{of}"));
        }
        // A process that was killed had answered nothing that the mark does not tell of.
        if !self.is_strict(number) || self.mark.exact {
            return None;
        }
        let torn = bytes[pieces_end..].iter().any(|&byte| byte != 0);
        let evidence = torn.then(|| evidence(bytes, pieces_end)).flatten()?;
        Some(format!("is damaged at offset {pieces_end} and {evidence}"))
    }

    /// A commit behind a torn end is fine when nothing is missing in between: RocksDB then replays both logs.
    fn follows(&mut self, batch: &Batch) {
        if let Some((number, file, offset)) = self.torn.take()
            && self.next != Some(batch.sequence)
        {
            let found = batch.sequence;
            let awaited = self.next.map_or_else(|| "none".into(), |next| next.to_string());
            let reason = format!(
                "is damaged at offset {offset} and a newer log file follows with change {found} where {awaited} was to come"
            );
            self.damaged.push(DamagedLog { file, number, whole_to: Some(offset), reason, missing: None });
        }
    }
}

fn of_commits(commits: u64) -> String {
    match commits {
        0 => String::new(),
        1 => " with 1 commit".into(),
        _ => format!(" with {commits} commits"),
    }
}

/// The head of a write batch: number of its first change (8 bytes, little-endian), and how many there are (4).
struct Batch {
    sequence: u64,
    count: u32,
}

fn batch(record: &[u8]) -> Option<Batch> {
    let (sequence, rest) = record.split_first_chunk()?;
    let (count, _) = rest.split_first_chunk()?;
    Some(Batch { sequence: u64::from_le_bytes(*sequence), count: u32::from_le_bytes(*count) })
}

impl From<&DamagedLog> for StoreError {
    fn from(damaged: &DamagedLog) -> Self {
        let missing = match damaged.missing {
            None => String::new(),
            Some(1) => ": 1 commit is missing".into(),
            Some(commits) => format!(": {commits} commits are missing"),
        };
        StoreError::Corrupt {
            place: format!("'{}'", damaged.file.display()),
            detail: format!(
                "the write-ahead log {}{missing}, so acknowledged writes would be lost by going on; nothing was changed. Keep \
                 a copy of the directory, then start from the newest checkpoint under 'checkpoints/', or go on without them \
                 with 'egctl repair --accept-lost-writes' (docs/errors/wal-damaged.md)",
                damaged.reason
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rocks::log_format::{BLOCK, mask};

    fn full(payload: &[u8]) -> Vec<u8> {
        let mut body = vec![1u8];
        body.extend_from_slice(payload);
        let mut out = mask(crc32c::crc32c(&body)).to_le_bytes().to_vec();
        out.extend_from_slice(&(payload.len() as u16).to_le_bytes());
        out.extend_from_slice(&body);
        out
    }

    fn check(bytes: &[u8]) -> Result<Vec<WalReport>> {
        let dir = tempfile::tempdir().unwrap();
        fs_err::write(dir.path().join("000007.log"), bytes).unwrap();
        check_logs(dir.path(), &LogsNeeded::default(), true)
    }

    #[test]
    fn whole_log_is_clean() {
        let bytes = [full(b"one"), full(b"two")].concat();
        assert_eq!(check(&bytes).unwrap()[0].torn_at, None);
    }

    #[test]
    fn every_truncation_is_a_torn_tail() {
        let bytes = [full(b"one"), full(b"two")].concat();
        for length in 0..bytes.len() {
            check(&bytes[..length]).unwrap();
        }
    }

    #[test]
    fn every_flip_before_the_last_record_is_found() {
        let bytes = [full(b"one"), full(b"two"), full(b"three")].concat();
        let last = bytes.len() - full(b"three").len();
        for at in 0..last {
            for bit in 0..8 {
                let mut damaged = bytes.clone();
                damaged[at] ^= 1 << bit;
                let error = check(&damaged).unwrap_err();
                assert!(error.is_corruption() && error.to_string().contains("offset"), "byte {at}: {error}");
            }
        }
    }

    #[test]
    fn damage_of_the_last_record_is_a_torn_tail_unless_it_cannot_be() {
        let bytes = [full(b"one"), full(b"two")].concat();
        let last = full(b"one").len();
        for at in last..bytes.len() {
            for bit in 0..8 {
                let mut damaged = bytes.clone();
                damaged[at] ^= 1 << bit;
                let in_length = (last + 4..last + 6).contains(&at);
                let recyclable = at == last + 6 && matches!(damaged[at], 5..=8 | 11 | 131);
                assert_eq!(check(&damaged).is_err(), in_length || recyclable, "bit {bit} of byte {at}");
            }
        }
    }

    #[test]
    fn damage_is_found_from_later_blocks() {
        let record = full(&[7u8; 30_000]);
        let mut bytes = record.clone();
        bytes.resize(BLOCK, 0);
        bytes.extend_from_slice(&record);
        bytes[100] ^= 1;
        assert!(check(&bytes).unwrap_err().is_corruption());
    }

    /// A commit of `count` changes as RocksDB writes it, with nothing in it.
    fn commit(sequence: u64, count: u32) -> Vec<u8> {
        full(&[&sequence.to_le_bytes()[..], &count.to_le_bytes()].concat())
    }

    fn check_all(logs: &[(u64, Vec<u8>)], oldest: u64) -> Result<Vec<WalReport>> {
        let dir = tempfile::tempdir().unwrap();
        for (number, bytes) in logs {
            fs_err::write(log_path(dir.path(), *number), bytes).unwrap();
        }
        check_logs(dir.path(), &LogsNeeded { oldest, closed: BTreeMap::new() }, true)
    }

    fn torn(mut log: Vec<u8>) -> Vec<u8> {
        log.extend_from_slice(&full(b"begun")[..9]);
        log
    }

    #[test]
    fn a_newer_log_may_go_on_where_a_torn_one_ends() {
        let first = || torn([commit(1, 2), commit(3, 4)].concat());
        let next = commit(7, 0);
        check_all(&[(7, first()), (9, next.clone())], 7).unwrap();
        // Cut short twice, and the second time inside the new log's only record.
        check_all(&[(7, first()), (9, next.clone()), (11, next.clone())], 7).unwrap();
        check_all(&[(7, first()), (9, next[..5].to_vec()), (11, next.clone())], 7).unwrap();
        check_all(&[(7, first()), (9, Vec::new()), (11, next)], 7).unwrap();
    }

    #[test]
    fn a_newer_log_that_leaves_changes_out_shows_damage() {
        let first = || torn([commit(1, 2), commit(3, 4)].concat());
        for newer in [commit(8, 1), commit(6, 1), commit(3, 0)] {
            let error = check_all(&[(7, first()), (9, newer)], 7).unwrap_err().to_string();
            assert!(error.contains("where 7 was to come") && error.contains("000007.log"), "{error}");
        }
        assert!(check_all(&[(7, torn(Vec::new())), (9, commit(7, 1))], 7).is_err());
    }

    #[test]
    fn logs_that_no_table_needs_are_passed_over() {
        let logs = [(7, torn(commit(1, 2))), (9, commit(50, 1))];
        assert!(check_all(&logs, 0).is_err());
        check_all(&logs, 8).unwrap();
    }

    #[test]
    fn zeros_at_the_end_are_clean() {
        let mut bytes = full(b"one");
        bytes.extend_from_slice(&[0; 5000]);
        assert_eq!(check(&bytes).unwrap()[0].torn_at, None);
    }
}
