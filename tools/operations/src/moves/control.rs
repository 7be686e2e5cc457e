//! Pace, pause and stop of moves. A pause holds between steps and between pieces, never while writes are stopped.

use std::{
    io::{self, Read},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use parking_lot::{Condvar, Mutex};
use tokio::runtime::Runtime;

/// Shared by the moves of one run.
pub struct Control {
    bytes_per_second: Option<u64>,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    paused: bool,
    stopped: bool,
    /// When the bytes passed so far are paid for.
    paid_until: Instant,
}

impl Control {
    /// At most so many bytes per second, of all moves together.
    pub fn new(bytes_per_second: Option<u64>) -> Self {
        let state = State { paused: false, stopped: false, paid_until: Instant::now() };
        Self { bytes_per_second, state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Holds all moves, or lets them go on.
    pub fn pause(&self, paused: bool) {
        self.state.lock().paused = paused;
        self.changed.notify_all();
    }

    /// Ends all moves at their next step or piece; they can be resumed from the journal.
    pub fn stop(&self) {
        self.state.lock().stopped = true;
        self.changed.notify_all();
    }

    /// Whether the moves were stopped.
    pub fn is_stopped(&self) -> bool {
        self.state.lock().stopped
    }

    /// Stops at an interrupt (ctrl-c, SIGINT) from now on.
    pub fn stop_at_interrupt(self: &Arc<Self>, runtime: &Runtime) {
        let control = Arc::clone(self);
        runtime.spawn(async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                control.stop();
            }
        });
    }

    /// Waits for so long, before something is tried again.
    ///
    /// # Errors
    /// The moves were stopped.
    pub fn wait(&self, time: Duration) -> Result<()> {
        let until = Instant::now() + time;
        let mut state = self.state.lock();
        loop {
            if state.stopped {
                bail!("stopped; give the same command again to go on");
            }
            if time.is_zero() || self.changed.wait_until(&mut state, until).timed_out() {
                return Ok(());
            }
        }
    }

    /// Waits while paused, and until `bytes` more are within the rate.
    ///
    /// # Errors
    /// The moves were stopped.
    pub fn pace(&self, bytes: u64) -> Result<()> {
        let mut state = self.state.lock();
        if let Some(rate) = self.bytes_per_second {
            let cost = Duration::from_secs_f64(bytes as f64 / rate.max(1) as f64);
            state.paid_until = state.paid_until.max(Instant::now()) + cost;
        }
        let paid = state.paid_until;
        loop {
            if state.stopped {
                bail!("stopped; give the same command again to go on");
            }
            if state.paused {
                self.changed.wait(&mut state);
            } else if self.bytes_per_second.is_none() || self.changed.wait_until(&mut state, paid).timed_out()
            {
                return Ok(());
            }
        }
    }
}

/// A stream that keeps to the pace.
pub(super) struct Paced<'c> {
    pub(super) input: Box<dyn Read + Send>,
    pub(super) control: &'c Control,
}

impl Read for Paced<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        self.control.pace(count as u64).map_err(io::Error::other)?;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_kept_and_a_stop_ends_the_wait() {
        let control = Control::new(Some(1_000_000));
        let begun = Instant::now();
        for _ in 0..10 {
            control.pace(10_000).unwrap();
        }
        assert!(begun.elapsed() >= Duration::from_millis(99));
        control.pause(true);
        control.stop();
        assert!(control.pace(u64::MAX).is_err());
    }
}
