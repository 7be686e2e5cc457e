//! Reading logs again: whether they are one chain.

use std::fmt;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use fs_err as fs;

use crate::chain::{self, BadLine, Head, Line};

/// Bytes of a line at most. A longer one is none of a log.
pub(crate) const LONGEST: u64 = 1 << 20;
/// Event of the first line of a file.
pub(crate) const FILE: &str = "file";

/// What is wrong at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The line itself.
    Line(BadLine),
    /// Lines are missing before it, or it does not belong here.
    Sequence {
        /// What follows the line before.
        expected: u64,
        /// What it has.
        found: u64,
    },
    /// The hash of the line before it is another one.
    Previous,
    /// The first line of the file is not the one that a file begins with.
    Begin,
    /// The file ends in the middle of a line, and it is not the last one.
    CutOff,
    /// The line that is known to have been the last one is not there.
    HeadMissing(Head),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Line(bad) => bad.fmt(f),
            Fault::Sequence { expected, found } => {
                write!(
                    f,
                    "line {expected} should stand here, line {found} does: lines were removed, moved or put in"
                )
            }
            Fault::Previous => {
                f.write_str("it does not follow the line before it: that one was changed or replaced")
            }
            Fault::Begin => f.write_str("the beginning of the file is missing"),
            Fault::CutOff => f.write_str("the end of the file is missing"),
            Fault::HeadMissing(head) => write!(f, "line {} of the expected hash is missing", head.sequence),
        }
    }
}

/// A fault, and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file.
    pub file: PathBuf,
    /// Its line, from 1 on.
    pub line: u64,
    /// What is wrong.
    pub fault: Fault,
}

/// The last file ends in the middle of a line: its writer was killed while it wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Torn {
    /// The file.
    pub file: PathBuf,
    /// Bytes of what is there of the line.
    pub bytes: u64,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Lines that were read.
    pub lines: u64,
    /// Sequence of the first one. Above 1 older files are not there.
    pub first: Option<u64>,
    /// The last one.
    pub head: Head,
    /// A line that was being written.
    pub torn: Option<Torn>,
    /// What is wrong, in the order of the lines.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Whether all lines are there that were, as far as lines can tell.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.findings.is_empty()
    }
}

/// Reads the files of one log, oldest first, and hands each sound line to `each`. `expected` is a line that has to be there. Blocks.
///
/// # Errors
/// A file cannot be read.
pub fn verify(files: &[PathBuf], expected: Option<&Head>, mut each: impl FnMut(Line)) -> io::Result<Report> {
    let mut report = Report::default();
    let mut is_there = expected.is_none_or(|head| head.sequence == 0);
    for (index, file) in files.iter().enumerate() {
        let read = read_file(file, &mut report, &mut |line| {
            is_there |= expected.is_some_and(|head| *head == line.head());
            each(line);
        })?;
        let is_last = index + 1 == files.len();
        if read.torn > 0 && is_last {
            report.torn = Some(Torn { file: file.clone(), bytes: read.torn });
        } else if read.torn > 0 {
            report.findings.push(Finding { file: file.clone(), line: read.lines + 1, fault: Fault::CutOff });
        }
    }
    if let Some(head) = expected.filter(|_| !is_there) {
        let file = files.last().cloned().unwrap_or_default();
        report.findings.push(Finding { file, line: 0, fault: Fault::HeadMissing(head.clone()) });
    }
    Ok(report)
}

/// What was read of a file.
struct Read {
    lines: u64,
    /// Bytes behind its last line break.
    torn: u64,
}

fn read_file(path: &Path, report: &mut Report, each: &mut dyn FnMut(Line)) -> io::Result<Read> {
    let mut input = BufReader::new(fs::File::open(path)?);
    let mut number = 0;
    let mut text = Vec::new();
    loop {
        text.clear();
        io::Read::take(&mut input, LONGEST).read_until(b'\n', &mut text)?;
        if text.pop_if(|last| *last == b'\n').is_none() {
            if text.len() as u64 == LONGEST {
                report.findings.push(Finding {
                    file: path.into(),
                    line: number + 1,
                    fault: Fault::Line(BadLine::Form),
                });
                input.skip_until(b'\n')?;
                number += 1;
                continue;
            }
            return Ok(Read { lines: number, torn: text.len() as u64 });
        }
        number += 1;
        let mut found = |fault| report.findings.push(Finding { file: path.into(), line: number, fault });
        let line = match chain::read(&text) {
            Ok(line) => line,
            Err(bad) => {
                found(Fault::Line(bad));
                continue;
            }
        };
        if number == 1 && line.entry.event != FILE {
            found(Fault::Begin);
        }
        if report.first.is_some() {
            let expected = report.head.sequence + 1;
            if line.sequence != expected {
                found(Fault::Sequence { expected, found: line.sequence });
            } else if line.previous != report.head.hash {
                found(Fault::Previous);
            }
        } else if line.sequence == 1 && line.previous != Head::default().hash {
            found(Fault::Previous);
        }
        report.first.get_or_insert(line.sequence);
        report.lines += 1;
        report.head = line.head();
        each(line);
    }
}
