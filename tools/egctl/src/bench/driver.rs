//! The event loop: keeps every window full, measures what comes back.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use hdrhistogram::Histogram;
use indicatif::{ProgressBar, ProgressStyle};
use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, EventData, EventFlags};

use super::answer::Outcome;
use super::connection::Connection;
use super::cpu;
use super::workload::Source;

const TICK: Duration = Duration::from_millis(100);
/// A server silent for this long is taken for stuck; also the longest latency recorded.
const STALL: Duration = Duration::from_secs(60);

/// When to stop measuring.
#[derive(Clone, Copy)]
pub(super) enum Limit {
    Time(Duration),
    Answers(u64),
}

/// What to do with the connections.
#[derive(Clone, Copy)]
pub(super) struct Plan {
    pub(super) warmup: Duration,
    pub(super) limit: Limit,
    pub(super) server_pid: Option<u32>,
}

/// Result of the measured phase.
pub(super) struct Measured {
    pub(super) elapsed: Duration,
    /// Answers with a good result.
    pub(super) done: u64,
    pub(super) busy: u64,
    /// Errors and wrong results, those of the warm-up included.
    pub(super) failed: u64,
    pub(super) first_failure: Option<String>,
    /// Latency of good answers, in nanoseconds.
    pub(super) latency: Histogram<u64>,
    pub(super) server_cpu: Option<Duration>,
    pub(super) client_cpu: Duration,
}

impl Measured {
    fn fail(&mut self, text: String) {
        self.failed += 1;
        self.first_failure.get_or_insert(text);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    WarmUp,
    Measure,
    Drain,
}

struct Driver {
    plan: Plan,
    source: Source,
    phase: Phase,
    measured: Measured,
    started: Instant,
    client_cpu: Duration,
    server_cpu: Option<Duration>,
}

/// Runs warm-up and measurement, then waits for the requests still in flight. Blocks.
pub(super) fn drive(plan: Plan, source: Source, mut connections: Vec<Connection>) -> Result<Measured> {
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let mut driver = Driver::new(plan, source)?;
    for (index, connection) in connections.iter_mut().enumerate() {
        let now = Instant::now();
        (0..connection.window()).try_for_each(|slot| driver.send(connection, slot, now))?;
        let events = interest(connection.flush()?);
        epoll::add(&epoll, &connection.stream, EventData::new_u64(index as u64), events)?;
    }
    let progress = progress_bar(plan);
    let mut events = Vec::with_capacity(connections.len());
    let mut last_tick = Instant::now();
    let mut last_answer = last_tick;
    while driver.phase != Phase::Drain || connections.iter().any(|connection| connection.in_flight() > 0) {
        let timeout = Timespec { tv_sec: 0, tv_nsec: TICK.subsec_nanos().into() };
        events.clear();
        match epoll::wait(&epoll, spare_capacity(&mut events), Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error).context("epoll failed"),
        }
        let now = Instant::now();
        for event in &events {
            let (data, flags) = (event.data, event.flags);
            let connection = &mut connections[usize::try_from(data.u64())?];
            let blocked = flags.contains(EventFlags::OUT);
            if flags.intersects(EventFlags::IN | EventFlags::HUP | EventFlags::ERR) {
                connection.receive()?;
                let arrived = Instant::now();
                while let Some(slot) = driver.take(connection, arrived)? {
                    last_answer = arrived;
                    if driver.phase != Phase::Drain {
                        driver.send(connection, slot, arrived)?;
                    }
                }
            }
            let written = connection.flush()?;
            if blocked || !written {
                epoll::modify(&epoll, &connection.stream, data, interest(written))?;
            }
        }
        driver.advance(now)?;
        if now - last_tick >= TICK {
            last_tick = now;
            progress.set_position(driver.position(now));
            if now.duration_since(last_answer) > STALL {
                bail!("no answer for {} s", STALL.as_secs());
            }
        }
    }
    progress.finish_and_clear();
    Ok(driver.measured)
}

fn interest(written: bool) -> EventFlags {
    if written { EventFlags::IN } else { EventFlags::IN | EventFlags::OUT }
}

fn progress_bar(plan: Plan) -> ProgressBar {
    let total = match plan.limit {
        Limit::Time(duration) => (plan.warmup + duration).as_millis() as u64,
        Limit::Answers(count) => count,
    };
    let style = ProgressStyle::with_template("measuring {wide_bar} {percent}%")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(total).with_style(style)
}

impl Driver {
    fn new(plan: Plan, source: Source) -> Result<Self> {
        let measured = Measured {
            elapsed: Duration::ZERO,
            done: 0,
            busy: 0,
            failed: 0,
            first_failure: None,
            latency: Histogram::new_with_bounds(1, STALL.as_nanos() as u64, 3)?,
            server_cpu: None,
            client_cpu: Duration::ZERO,
        };
        let mut driver = Self {
            plan,
            source,
            phase: Phase::WarmUp,
            measured,
            started: Instant::now(),
            client_cpu: Duration::ZERO,
            server_cpu: None,
        };
        driver.advance(driver.started)?;
        Ok(driver)
    }

    /// Queues the next request of the workload in `slot`.
    fn send(&mut self, connection: &mut Connection, slot: usize, now: Instant) -> Result<()> {
        let (kind, number) = self.source.next();
        connection.queue(slot, kind, number, now)
    }

    /// Records the next answer of a connection and returns the slot it frees.
    fn take(&mut self, connection: &mut Connection, arrived: Instant) -> Result<Option<usize>> {
        let Some(answer) = connection.next_answer()? else {
            return Ok(None);
        };
        let slot = answer.slot;
        let measuring = self.phase == Phase::Measure;
        match answer.outcome {
            Outcome::Busy => self.measured.busy += u64::from(measuring),
            Outcome::Failed(text) => self.measured.fail(text.to_owned()),
            Outcome::Done(value) => match self.source.kind(answer.kind).check.complaint(value)? {
                Some(text) => self.measured.fail(text),
                None if measuring => {
                    let waited = arrived - answer.sent;
                    self.measured.done += 1;
                    self.measured.latency.saturating_record(waited.as_nanos() as u64);
                }
                None => {}
            },
        }
        let answers = self.measured.done + self.measured.busy + self.measured.failed;
        let reached = matches!(self.plan.limit, Limit::Answers(count) if answers >= count);
        if measuring && reached {
            self.finish(arrived)?;
        }
        Ok(Some(slot))
    }

    /// Moves to the next phase when its time has come.
    fn advance(&mut self, now: Instant) -> Result<()> {
        if self.phase == Phase::WarmUp && now - self.started >= self.plan.warmup {
            self.phase = Phase::Measure;
            self.client_cpu = cpu::used(std::process::id())?;
            self.server_cpu = self.plan.server_pid.map(cpu::used).transpose()?;
            self.started = Instant::now();
        }
        let over = matches!(self.plan.limit, Limit::Time(limit) if now.saturating_duration_since(self.started) >= limit);
        if self.phase == Phase::Measure && over {
            self.finish(now)?;
        }
        Ok(())
    }

    fn finish(&mut self, now: Instant) -> Result<()> {
        self.phase = Phase::Drain;
        self.measured.elapsed = now - self.started;
        self.measured.client_cpu = cpu::used(std::process::id())? - self.client_cpu;
        if let (Some(pid), Some(before)) = (self.plan.server_pid, self.server_cpu) {
            self.measured.server_cpu = Some(cpu::used(pid)? - before);
        }
        Ok(())
    }

    fn position(&self, now: Instant) -> u64 {
        match (self.plan.limit, self.phase) {
            (Limit::Answers(_), Phase::WarmUp | Phase::Measure | Phase::Drain) => self.measured.done,
            (Limit::Time(_), Phase::WarmUp) => (now - self.started).as_millis() as u64,
            (Limit::Time(_), Phase::Measure | Phase::Drain) => {
                (self.plan.warmup + (now - self.started)).as_millis() as u64
            }
        }
    }
}
