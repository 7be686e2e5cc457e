//! The writer: a bounded queue and a thread.

use std::{
    collections::VecDeque,
    io::{self, ErrorKind, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use parking_lot::{Condvar, Mutex};
use tracing_subscriber::fmt::MakeWriter;

use crate::escape;

/// Bytes of lines that wait.
const MAX_BYTES: usize = 1 << 20;
/// An output that takes nothing for now is tried again after this.
const RETRY: Duration = Duration::from_millis(20);

/// Takes lines without ever blocking or failing, and writes them on a thread that lives as long as the process. Clones
/// share both.
#[derive(Clone)]
pub struct LogWriter {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    filled: Condvar,
    emptied: Condvar,
    dropped: AtomicU64,
}

#[derive(Default)]
struct Queue {
    lines: VecDeque<Vec<u8>>,
    /// Of the lines above and of those being written.
    bytes: usize,
}

impl LogWriter {
    /// Starts the thread that writes to `output`.
    ///
    /// # Errors
    /// When there can be no further thread.
    pub fn start(output: impl Write + Send + 'static) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let queue = Arc::clone(&shared);
        std::thread::Builder::new().name("log".into()).spawn(move || queue.write_out(output))?;
        Ok(Self { shared })
    }

    /// Queues one line with its end, or drops it when too many wait.
    pub fn line(&self, line: &[u8]) {
        let mut queue = self.shared.queue.lock();
        if queue.bytes + line.len() > MAX_BYTES {
            drop(queue);
            self.shared.drop_lines(1);
            return;
        }
        queue.bytes += line.len();
        queue.lines.push_back(line.to_vec());
        self.shared.filled.notify_one();
    }

    /// Lines that were dropped since the start, for want of room or because they could not be written.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }

    /// Waits until all lines so far are written or dropped, at most for `limit`. Returns whether they are.
    pub fn flush(&self, limit: Duration) -> bool {
        let until = Instant::now() + limit;
        let mut queue = self.shared.queue.lock();
        while queue.bytes > 0 {
            if self.shared.emptied.wait_until(&mut queue, until).timed_out() {
                return queue.bytes == 0;
            }
        }
        true
    }
}

impl std::fmt::Debug for LogWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogWriter").field("dropped", &self.dropped()).finish_non_exhaustive()
    }
}

impl Shared {
    fn drop_lines(&self, count: u64) {
        self.dropped.fetch_add(count, Ordering::Relaxed);
    }

    fn write_out(&self, mut output: impl Write) {
        let mut told = 0;
        loop {
            let lines = self.take();
            for line in &lines {
                match self.write_line(&mut output, line) {
                    Ok(()) => self.tell_dropped(&mut told),
                    Err(_) => self.drop_lines(1),
                }
            }
            let mut queue = self.queue.lock();
            queue.bytes -= lines.iter().map(Vec::len).sum::<usize>();
            self.emptied.notify_all();
        }
    }

    /// Waits for lines.
    fn take(&self) -> VecDeque<Vec<u8>> {
        let mut queue = self.queue.lock();
        while queue.lines.is_empty() {
            self.filled.wait(&mut queue);
        }
        std::mem::take(&mut queue.lines)
    }

    /// Writes a line whole. An output that does not block is waited for.
    fn write_line(&self, output: &mut impl Write, mut line: &[u8]) -> io::Result<()> {
        while !line.is_empty() {
            match output.write(line) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => line = &line[written..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.filled.wait_for(&mut self.queue.lock(), RETRY);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Says in the log that it lacks lines, once it can be written again.
    fn tell_dropped(&self, told: &mut u64) {
        let dropped = self.dropped.load(Ordering::Relaxed);
        let untold = dropped - std::mem::replace(told, dropped);
        if untold > 0 {
            tracing::warn!(
                lines = untold,
                "lines of the log were dropped: it could not be written fast enough, or not at all"
            );
        }
    }
}

impl Write for LogWriter {
    /// An event comes in one piece.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.line(&escape::line(line));
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for LogWriter {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    /// An output that asks before each write what to do.
    struct Asked {
        answers: Receiver<io::Result<usize>>,
        written: Sender<Vec<u8>>,
    }

    impl Write for Asked {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = self.answers.recv().unwrap_or(Ok(usize::MAX))?.min(bytes.len());
            self.written.send(bytes[..taken].to_vec()).expect("somebody looks");
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn asked() -> (LogWriter, Sender<io::Result<usize>>, Receiver<Vec<u8>>) {
        let (answer, answers) = channel();
        let (written, seen) = channel();
        (LogWriter::start(Asked { answers, written }).unwrap(), answer, seen)
    }

    #[test]
    fn lines_are_written_in_order_and_whole() {
        let (log, answer, seen) = asked();
        for taken in [Ok(2), Err(ErrorKind::Interrupted.into()), Err(ErrorKind::WouldBlock.into())] {
            answer.send(taken).unwrap();
        }
        drop(answer);
        log.line(b"first\n");
        log.line(b"second\n");
        assert!(log.flush(SOON));
        assert_eq!(seen.try_iter().collect::<Vec<_>>().concat(), b"first\nsecond\n");
        assert_eq!(log.dropped(), 0);
    }

    #[test]
    fn an_output_that_fails_costs_its_line_alone() {
        let (log, answer, seen) = asked();
        answer.send(Err(ErrorKind::StorageFull.into())).unwrap();
        drop(answer);
        log.line(b"first\n");
        log.line(b"second\n");
        assert!(log.flush(SOON));
        assert_eq!(seen.try_iter().collect::<Vec<_>>().concat(), b"second\n");
        assert_eq!(log.dropped(), 1);
    }

    #[test]
    fn an_output_that_takes_nothing_holds_nobody_up() {
        let (log, answer, seen) = asked();
        let line = vec![b'x'; 1000];
        for _ in 0..5000 {
            log.line(&line);
        }
        assert!(!log.flush(Duration::from_millis(10)));
        let dropped = log.dropped();
        assert!((3900..=4100).contains(&dropped), "{dropped}");
        drop(answer);
        assert!(log.flush(SOON));
        assert_eq!(seen.try_iter().count() as u64 + dropped, 5000);
    }
}
