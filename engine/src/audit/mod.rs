//! The audit log (docs/audit.md): who did what, and who was not let.
//!
//! [`events`] says which operations have lines, [`request`] follows one from its admission to its answer, [`refusals`] keeps what
//! was refused from filling the log, and [`writer`] is the thread that writes it.

mod events;
mod flags;
mod refusals;
mod request;
mod series;
mod writer;

use std::{
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{SyncSender, TrySendError, sync_channel},
    },
};

use epistemic_audit::Entry;
use epistemic_storage::clock;
use tokio::task::block_in_place;

pub(crate) use self::{
    flags::{AuditFlags, AuditMode},
    request::{Followed, begin, no_handshake, refused, unauthenticated},
    series::AuditSeries,
};
use self::{
    refusals::Refusals,
    writer::{Message, Writer},
};

/// Events that may wait to be written.
const WAITING: usize = 8192;

/// The audit log of a shard.
pub(crate) struct Audit {
    mode: AuditMode,
    messages: SyncSender<Message>,
    refusals: Arc<Refusals>,
    series: AuditSeries,
    /// Events that are missing in the log, and that it does not tell of yet.
    lost: Arc<AtomicU64>,
}

impl Audit {
    /// Starts the log of the flags, if they want one. `memory` is where the last line of a log that goes to a socket is remembered.
    ///
    /// # Errors
    /// There can be no thread.
    pub(crate) fn start(
        flags: &AuditFlags,
        memory: Option<PathBuf>,
        series: AuditSeries,
    ) -> io::Result<Option<Arc<Self>>> {
        let Some(target) = flags.target() else { return Ok(None) };
        let (messages, waiting) = sync_channel(WAITING);
        let (refusals, lost): (Arc<Refusals>, Arc<AtomicU64>) = Default::default();
        let writer = Writer {
            target,
            memory,
            open: None,
            refusals: Arc::clone(&refusals),
            series: series.clone(),
            lost: Arc::clone(&lost),
        };
        std::thread::Builder::new().name("audit".into()).spawn(move || writer.run(&waiting))?;
        Ok(Some(Arc::new(Self { mode: flags.audit, messages, refusals, series, lost })))
    }

    fn is_required(&self) -> bool {
        self.mode == AuditMode::Required
    }

    /// Has a line written soon. One for which there is no room is counted as lost.
    pub(crate) fn record(&self, entry: Entry) {
        match self.messages.try_send(Message { entry, waits: None }) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.series.lost.inc();
                self.lost.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Writes a line, which is durable on return, and returns its sequence. Blocks.
    ///
    /// # Errors
    /// It could not be written.
    pub(crate) fn record_now(&self, entry: Entry) -> Result<u64, String> {
        let (waits, written) = sync_channel(1);
        let message = Message { entry, waits: Some(waits) };
        let gone = || "the thread of the audit log has ended".to_owned();
        block_in_place(|| {
            self.messages.send(message).map_err(|_| gone())?;
            written.recv().map_err(|_| gone())?
        })
    }

    /// [`Audit::record_now`] where lines are required, else [`Audit::record`]: for what is done whether or not there is a line.
    pub(crate) fn note(&self, entry: Entry) {
        if !self.is_required() {
            self.record(entry);
        } else if self.record_now(entry).is_err() {
            // The writer has said so.
            self.series.lost.inc();
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Writes the first line of a start.
    ///
    /// # Errors
    /// It could not be written where lines are required.
    pub(crate) fn begin(&self, entry: Entry) -> Result<(), String> {
        match self.record_now(entry) {
            Err(error) if self.is_required() => Err(error),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Something was refused: it has a line, or is counted.
    fn refuse(&self, kind: &'static str, source: &str, entry: Entry) {
        if let Some(entry) = self.refusals.note(kind, source, entry, clock::unix_ms()) {
            self.record(entry);
        }
    }
}

/// The log of a start: what is told of the process.
pub(crate) fn started(store: Option<&str>) -> Entry {
    let (version, pid) = (env!("CARGO_PKG_VERSION"), std::process::id());
    let about = store.map(|store| format!("store {store}"));
    Entry { about, ..Entry::new("start").detail(format!("version {version}, process {pid}")) }
}
