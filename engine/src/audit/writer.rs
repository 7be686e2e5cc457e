//! The thread that writes the log: what is there to be written at a time shares one sync.

use std::{
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender},
    },
    time::Duration,
};

use epistemic_audit::{AuditFile, AuditSocket, Entry, Resumed};
use epistemic_logging::Limit;
use epistemic_storage::clock;

use super::{flags::Target, refusals::Refusals, series::AuditSeries};

/// Events that are written at a time.
const AT_ONCE: usize = 256;
/// Counts of refusals are looked at so often.
const TICK: Duration = Duration::from_secs(1);

/// An event on its way to the log.
pub(super) struct Message {
    pub(super) entry: Entry,
    /// Who waits for it gets the sequence of its line.
    pub(super) waits: Option<SyncSender<Result<u64, String>>>,
}

/// The log, as it is opened when there is something to write.
pub(super) struct Writer {
    pub(super) target: Target,
    /// Remembers the last line of a log that goes to a socket.
    pub(super) memory: Option<PathBuf>,
    pub(super) open: Option<Open>,
    pub(super) refusals: Arc<Refusals>,
    pub(super) series: AuditSeries,
    /// Events that the log does not know are missing.
    pub(super) lost: Arc<AtomicU64>,
}

pub(super) enum Open {
    File(AuditFile),
    Socket(AuditSocket),
}

impl Writer {
    /// Writes until nobody can send anything any more.
    pub(super) fn run(mut self, messages: &Receiver<Message>) {
        loop {
            let mut batch = match messages.recv_timeout(TICK) {
                Ok(first) => vec![first],
                Err(RecvTimeoutError::Timeout) => Vec::new(),
                Err(RecvTimeoutError::Disconnected) => return,
            };
            batch.extend(messages.try_iter().take(AT_ONCE - batch.len()));
            let counts = self.refusals.due(clock::unix_ms());
            let counts = counts.into_iter().map(|entry| Message { entry, waits: None });
            batch.splice(0..0, counts);
            if !batch.is_empty() {
                self.write(batch);
            }
        }
    }

    fn write(&mut self, batch: Vec<Message>) {
        let lost = self.lost.swap(0, Ordering::Relaxed);
        let mut entries = Vec::with_capacity(batch.len() + 1);
        if lost > 0 {
            entries.push(Entry { count: Some(lost), ..Entry::new("lost") });
        }
        entries.extend(batch.iter().map(|message| message.entry.clone()));
        let written = self.append(&entries);
        self.series.unavailable.set(i64::from(written.is_err()));
        match written {
            Ok(last) => {
                self.series.lines.inc_by(entries.len() as u64);
                let first = last + 1 - batch.len() as u64;
                for (sequence, message) in (first..).zip(batch) {
                    // Who waited may be gone.
                    message.waits.map(|waits| waits.try_send(Ok(sequence)));
                }
            }
            Err(error) => {
                tell(&error);
                let mut missing = 0;
                for message in batch {
                    match message.waits {
                        Some(waits) => drop(waits.try_send(Err(error.to_string()))),
                        None => missing += 1,
                    }
                }
                self.series.lost.inc_by(missing);
                self.lost.fetch_add(lost + missing, Ordering::Relaxed);
            }
        }
    }

    fn append(&mut self, entries: &[Entry]) -> io::Result<u64> {
        let now = clock::unix_ms();
        let open = match &mut self.open {
            Some(open) => open,
            None => self.open.insert(self.target.open(self.memory.clone(), now)?),
        };
        match open {
            Open::File(log) => log.append(entries, now),
            Open::Socket(log) => log.append(entries, now),
        }
    }
}

impl Target {
    fn open(&self, memory: Option<PathBuf>, now: u64) -> io::Result<Open> {
        match self {
            Target::File(path, rotation) => {
                let (log, Resumed { torn, findings }) = AuditFile::open(path, *rotation, now)?;
                let path = path.display();
                if torn > 0 {
                    tracing::warn!(
                        torn,
                        "the audit log '{path}' ended in a line that was never finished: it was cut off"
                    );
                }
                if let Some(first) = findings.first() {
                    let count = findings.len();
                    tracing::error!(
                        count,
                        "SECURITY: the audit log '{path}' is not what was written, from line {} on: {}",
                        first.line,
                        first.fault
                    );
                }
                Ok(Open::File(log))
            }
            Target::Socket(path) => AuditSocket::open(path, memory, now).map(|(log, _)| Open::Socket(log)),
        }
    }
}

fn tell(error: &io::Error) {
    static LINES: Limit = Limit::new(2, Duration::from_secs(60));
    if let Some(left_out) = LINES.admit() {
        tracing::error!(%error, left_out, "SECURITY: the audit log cannot be written");
    }
}
