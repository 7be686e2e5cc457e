//! Progress of long work on stderr.
//!
//! On a terminal a bar appears after a second. Elsewhere nothing is shown, so that a timer sends no mail about work that went
//! well; with --progress a line is written after a second and then every ten.

use std::io::{self, IsTerminal, Write};
use std::sync::OnceLock;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};

const QUIET: Duration = Duration::from_secs(1);
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Whether progress is shown where no terminal is.
#[derive(Args, Debug, Clone, Copy)]
pub(crate) struct ProgressArgs {
    /// Show the progress of long work also where stderr is no terminal.
    #[arg(long, global = true, help_heading = "Global options")]
    progress: bool,
}

/// As the process was told; it is the same for all of its work.
static LINES: OnceLock<bool> = OnceLock::new();

/// Says for the whole process how progress is shown. Once is enough.
pub(crate) fn show(args: ProgressArgs) {
    // It was said before: that counts.
    let _ = LINES.set(args.progress);
}

/// Whether lines are written where no terminal is.
fn lines_are_wanted() -> bool {
    LINES.get().copied().unwrap_or(false)
}

/// How much work there is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Total {
    /// Bytes of a file.
    Bytes(u64),
    /// Records, roughly.
    Records(u64),
    /// It shows on the way: no percentage is told.
    Unknown,
}

/// The progress of one piece of work. What is shown is cleared when this is dropped.
pub(super) struct Progress {
    what: &'static str,
    total: Total,
    started: Instant,
    next_line: Duration,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Progress of `what`, such as `export`. Shows nothing yet.
    pub(super) fn new(what: &'static str, total: Total) -> Self {
        Self { what, total, started: Instant::now(), next_line: QUIET, bar: None }
    }

    /// Tells what is done so far. Of work that knows no bytes, they are 0.
    pub(super) fn update(&mut self, bytes: u64, records: u64) {
        let elapsed = self.started.elapsed();
        if elapsed < QUIET {
            return;
        }
        let (done, total) = match self.total {
            Total::Bytes(total) => (bytes, total),
            Total::Records(total) => (records, total),
            Total::Unknown => (0, 0),
        };
        let rate = |done: u64| (done as f64 / elapsed.as_secs_f64()) as u64;
        let text = if bytes == 0 {
            format!("{} records, {}/s", HumanCount(records), HumanCount(rate(records)))
        } else {
            format!("{} records, {}, {}/s", HumanCount(records), HumanBytes(bytes), HumanBytes(rate(bytes)))
        };
        if std::io::stderr().is_terminal() {
            let bar = self.bar.get_or_insert_with(|| new_bar(self.what, self.total));
            bar.set_length(total.max(done));
            bar.set_position(done);
            bar.set_message(text);
        } else if lines_are_wanted() && elapsed >= self.next_line {
            self.next_line = elapsed + LINE_EVERY;
            let percent = 100 * done / total.max(done).max(1);
            let share = if total == 0 { String::new() } else { format!("{percent} %, ") };
            // Progress that nobody can see must not fail the work.
            let _ = writeln!(std::io::stderr(), "{}: {share}{text}", self.what);
        }
    }
}

/// Runs work that cannot tell how far it is on a thread of its own, and shows how long it takes already. `size` says how
/// large it is.
pub(super) fn while_running<T: Send>(
    what: &'static str,
    size: HumanBytes,
    work: impl FnOnce() -> T + Send,
) -> io::Result<T> {
    let started = Instant::now();
    let (sender, receiver) = mpsc::channel();
    thread::scope(|scope| {
        // The receiver waits for the answer: sending cannot fail.
        thread::Builder::new().name(what.into()).spawn_scoped(scope, move || drop(sender.send(work())))?;
        let mut wait = QUIET;
        loop {
            match receiver.recv_timeout(wait) {
                Ok(done) => return Ok(done),
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(io::Error::other(format!("{what} panicked")));
                }
                Err(RecvTimeoutError::Timeout) => {
                    wait = LINE_EVERY;
                    let elapsed = started.elapsed().as_secs();
                    if io::stderr().is_terminal() || lines_are_wanted() {
                        // Progress that nobody can see must not fail the work.
                        let _ = writeln!(io::stderr(), "{what}: {elapsed} s, about {size} to read");
                    }
                }
            }
        }
    })
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn new_bar(what: &'static str, total: Total) -> ProgressBar {
    let template = match total {
        Total::Bytes(_) | Total::Records(_) => "{prefix} [{bar:30}] {percent:>3} % {msg}",
        Total::Unknown => "{prefix} {msg}",
    };
    let style = ProgressStyle::with_template(template).expect("the template is well formed");
    ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(5))
        .with_style(style)
        .with_prefix(what)
}
