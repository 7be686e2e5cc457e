//! The nonces of signed requests, each taken once.
//!
//! A nonce is kept until its token has expired, so that a frame that was listened to cannot be sent again. Kept are 8
//! bytes of its hash: two of millions are alike less often than hardware fails.

use std::{collections::BTreeMap, io, path::Path, time::Duration};

use epistemic_logging::Limit;
use hashbrown::HashSet;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use super::{Refusal, nonce_files::NonceFiles};

/// Nonces at most, some 150 MB: 22,000 requests per second while clocks agree.
const MOST: usize = 8 << 20;
/// Clocks that are further ahead than this get their nonces synced at once, see [`NonceFiles`].
pub(super) const AHEAD: u64 = 5;

/// Without files a token may be so many seconds ahead: an owner that dies serves no more when its successor, which knows of none of
/// its nonces, begins after this time.
const AHEAD_WITHOUT_FILES: u64 = 3;

/// What outlives a process.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Outlives<'d> {
    /// Nothing: who sends a frame again after a restart finds none of what it asked for.
    Nothing,
    /// Nonces, in this directory, beside the records.
    Nonces(&'d Path),
    /// The records alone.
    Records,
}

/// The nonces of the tokens that have not expired.
pub(crate) struct Nonces {
    window: u64,
    /// Seconds that a token may be ahead.
    most_ahead: u64,
    state: Mutex<State>,
}

struct State {
    /// By the time of their tokens, in units of [`Nonces::span`].
    seen: BTreeMap<u64, HashSet<u64>>,
    count: usize,
    /// Tokens up to this second are refused: their nonces may be forgotten.
    floor: u64,
    files: Option<NonceFiles>,
}

impl Nonces {
    /// Reads the nonces that were remembered. Where that cannot be done, on a full disk for instance, tokens of before
    /// this start are refused, and those of now remembered in memory alone.
    pub(super) fn open(outlives: Outlives<'_>, window: u64, now: u64) -> Self {
        let mut state = State { seen: BTreeMap::new(), count: 0, floor: 0, files: None };
        let since_now = now.saturating_add(AHEAD);
        let (dir, most_ahead) = match outlives {
            Outlives::Nothing => (None, window),
            Outlives::Nonces(dir) => (Some(dir), window),
            Outlives::Records => {
                state.floor = now;
                (None, AHEAD_WITHOUT_FILES)
            }
        };
        match dir.map(NonceFiles::open).transpose() {
            Ok(None) => {}
            Ok(Some((files, seen, complete))) => {
                state.count = seen.values().map(HashSet::len).sum();
                state.seen = seen;
                state.floor = if complete { 0 } else { since_now };
                state.files = Some(files);
            }
            Err(error) => {
                state.floor = since_now;
                tell_of_failure(&error);
            }
        }
        let nonces = Self { window, most_ahead, state: Mutex::new(state) };
        nonces.forget_expired(&mut nonces.state.lock(), now);
        nonces
    }

    /// Takes a nonce, which is remembered across restarts when this returns.
    ///
    /// # Errors
    /// It was taken before, its token is too old to know, or there are too many.
    pub(super) fn remember(&self, nonce: &str, timestamp: u64, now: u64) -> Result<(), Refusal> {
        let hash = fingerprint(nonce);
        let mut state = self.state.lock();
        if timestamp <= state.floor || timestamp.saturating_sub(now) > self.most_ahead {
            return Err(Refusal::Expired);
        }
        if state.seen.values().any(|seen| seen.contains(&hash)) {
            return Err(Refusal::Token);
        }
        if state.count >= MOST {
            self.forget_expired(&mut state, now);
            if state.count >= MOST {
                return Err(Refusal::TooMany);
            }
        }
        let place = timestamp / self.span();
        if !state.seen.contains_key(&place) {
            self.forget_expired(&mut state, now);
        }
        if let Some(files) = &mut state.files
            && let Err(error) = files.append(place, hash, timestamp > now.saturating_add(AHEAD))
        {
            files.give_up();
            tell_of_failure(&error);
        }
        state.seen.entry(place).or_default().insert(hash);
        state.count += 1;
        Ok(())
    }

    /// Says that all nonces are on disk. Blocks.
    pub(super) fn close(&self) {
        if let Some(files) = &mut self.state.lock().files
            && let Err(error) = files.close()
        {
            tell_of_failure(&error);
        }
    }

    /// Seconds whose nonces are kept and forgotten together.
    fn span(&self) -> u64 {
        (self.window / 5).max(60)
    }

    fn forget_expired(&self, state: &mut State, now: u64) {
        let oldest = now.saturating_sub(self.window) / self.span();
        let kept = state.seen.split_off(&oldest);
        let expired = std::mem::replace(&mut state.seen, kept);
        state.count = state.seen.values().map(HashSet::len).sum();
        if let Some(files) = &mut state.files {
            files.remove(expired.keys());
        }
    }
}

fn fingerprint(nonce: &str) -> u64 {
    let hash = Sha256::digest(nonce);
    u64::from_le_bytes(*hash.first_chunk().expect("a hash has 32 bytes"))
}

fn tell_of_failure(error: &io::Error) {
    static LINES: Limit = Limit::new(1, Duration::from_secs(60));
    if let Some(left_out) = LINES.admit() {
        tracing::warn!(
            %error,
            left_out,
            "nonces of signed requests cannot be written: after a restart tokens of before it are refused"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000;

    fn take(nonces: &Nonces, nonce: &str, timestamp: u64, now: u64) -> Result<(), Refusal> {
        nonces.remember(nonce, timestamp, now)
    }

    #[test]
    fn a_nonce_is_taken_once_until_its_token_expires() {
        let nonces = Nonces::open(Outlives::Nothing, 300, NOW);
        for (nonce, timestamp) in [("a", NOW), ("b", NOW - 300), ("c", NOW + 300)] {
            assert_eq!(take(&nonces, nonce, timestamp, NOW), Ok(()));
            for other in [timestamp, NOW, NOW + 299] {
                assert_eq!(take(&nonces, nonce, other, NOW), Err(Refusal::Token), "{nonce}");
            }
        }
        assert_eq!(take(&nonces, "a", NOW + 301, NOW + 300), Err(Refusal::Token), "it may still be sent");
        assert_eq!(take(&nonces, "later", NOW + 700, NOW + 700), Ok(()));
        assert_eq!(nonces.state.lock().count, 1, "those that have expired are forgotten");
        assert_eq!(take(&nonces, "a", NOW + 700, NOW + 700), Ok(()));
    }

    #[test]
    fn a_window_without_bounds_is_none() {
        let nonces = Nonces::open(Outlives::Nothing, u64::MAX, NOW);
        for timestamp in [1, NOW, u64::MAX] {
            let nonce = timestamp.to_string();
            assert_eq!(take(&nonces, &nonce, timestamp, NOW), Ok(()));
            assert_eq!(take(&nonces, &nonce, timestamp, NOW), Err(Refusal::Token));
        }
    }

    #[test]
    fn restarts_forget_nothing() {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("nonces");
        let open = |now| Nonces::open(Outlives::Nonces(&dir), 300, now);
        let first = open(NOW);
        for (nonce, timestamp) in [("a", NOW), ("b", NOW + 200), ("c", NOW - 100)] {
            assert_eq!(take(&first, nonce, timestamp, NOW), Ok(()));
        }
        // Killed, then stopped in order.
        drop(first);
        for _ in 0..2 {
            let again = open(NOW + 1);
            for nonce in ["a", "b", "c"] {
                assert_eq!(take(&again, nonce, NOW, NOW + 1), Err(Refusal::Token), "{nonce}");
            }
            again.close();
        }
        assert_eq!(take(&open(NOW + 2), "new", NOW - 300, NOW + 2), Ok(()), "nothing was lost");
        assert_eq!(open(NOW + 2000).state.lock().count, 0);
        assert_eq!(fs_err::read_dir(&dir).unwrap().count(), 1, "files of expired nonces are gone");
    }

    /// A stand-by that took over answered a frame again that the owner before it had answered.
    #[test]
    fn who_takes_records_over_refuses_what_may_have_been_answered() {
        let owner = Nonces::open(Outlives::Records, 300, NOW - 100);
        let last = NOW + AHEAD_WITHOUT_FILES;
        assert_eq!(take(&owner, "a", last, NOW), Ok(()));
        assert_eq!(take(&owner, "b", last + 1, NOW), Err(Refusal::Expired), "it could be sent again later");
        // The lease has run out.
        let next = Nonces::open(Outlives::Records, 300, last);
        assert_eq!(take(&next, "a", last, last), Err(Refusal::Expired));
        assert_eq!(take(&next, "c", last + 1, last), Ok(()));
    }

    #[test]
    fn a_folder_that_cannot_be_used_stops_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("nonces");
        fs_err::write(&file, "in the way").unwrap();
        let nonces = Nonces::open(Outlives::Nonces(&file), 300, NOW);
        assert_eq!(take(&nonces, "a", NOW + AHEAD, NOW), Err(Refusal::Expired));
        assert_eq!(take(&nonces, "a", NOW + AHEAD + 1, NOW + 6), Ok(()));
        assert_eq!(take(&nonces, "a", NOW + AHEAD + 1, NOW + 6), Err(Refusal::Token));
        nonces.close();
    }

    /// After a power cut the newest nonces may be missing: older tokens are refused then.
    #[test]
    fn after_a_power_cut_tokens_of_before_it_are_refused() {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("nonces");
        let first = Nonces::open(Outlives::Nonces(&dir), 300, NOW);
        assert_eq!(take(&first, "a", NOW, NOW), Ok(()));
        drop(first);
        let state = dir.join("state");
        let text = fs_err::read_to_string(&state).unwrap();
        for damaged in [text.replace("open ", "open x"), text.replace("open", "lost"), String::new()] {
            fs_err::write(&state, damaged).unwrap();
            let restarted = Nonces::open(Outlives::Nonces(&dir), 300, NOW + 30);
            assert_eq!(take(&restarted, "lost", NOW, NOW + 30), Err(Refusal::Expired));
            assert_eq!(take(&restarted, "lost", NOW + 30 + AHEAD, NOW + 30), Err(Refusal::Expired));
            assert_eq!(take(&restarted, "later", NOW + 31 + AHEAD, NOW + 36), Ok(()));
            fs_err::remove_file(dir.join((NOW / 60).to_string())).ok();
        }
    }
}
