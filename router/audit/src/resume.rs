//! The state of a log that is there already, as whoever goes on with it has to know it.

use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use fs_err as fs;

use crate::chain::{self, Head};
use crate::rotated::rotated;
use crate::verify::{Finding, verify};

/// What is in the file.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// The last sound line.
    pub(crate) head: Head,
    /// Bytes up to its last line break, and behind it.
    pub(crate) whole: u64,
    pub(crate) torn: u64,
    /// Sequence and time of the first line; none in an empty file.
    pub(crate) first: Option<(u64, u64)>,
    /// What is wrong.
    pub(crate) findings: Vec<Finding>,
}

/// Reads the file of a log. Blocks.
pub(crate) fn of_file(path: &Path) -> io::Result<State> {
    let length = fs::metadata(path)?.len();
    let mut first = None;
    let report = verify(&[path.to_owned()], None, |line| {
        first.get_or_insert((line.sequence, unix_ms(&line.time)));
    })?;
    let torn = report.torn.map_or(0, |torn| torn.bytes);
    Ok(State { head: report.head, whole: length - torn, torn, first, findings: report.findings })
}

/// The end of the newest file that the log was rotated into; none when there is none. Blocks.
pub(crate) fn of_rotated(path: &Path) -> io::Result<Option<Head>> {
    const NEAR_END: u64 = 64 << 10;
    let Some(newest) = rotated(path)?.pop() else { return Ok(None) };
    let mut file = fs::File::open(&newest)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(NEAR_END)))?;
    let mut end = Vec::new();
    file.read_to_end(&mut end)?;
    let sound = end.split(|byte| *byte == b'\n').rev().find_map(|line| chain::read(line).ok());
    Ok(sound.map(|line| line.head()))
}

fn unix_ms(time: &str) -> u64 {
    chrono::DateTime::parse_from_rfc3339(time).map_or(0, |time| time.timestamp_millis().max(0) as u64)
}
