//! Wrong tokens: whoever sends many has to wait for each further answer, and the log names him.
//!
//! The right secret is not told from a wrong one before the token is looked at, so nobody is kept out: a client behind the
//! same address as a guesser is served as ever. What a guesser gets is [`FREE`] answers at once and then one each [`EACH`],
//! over all his connections.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use epistemic_listen::Origin;
use epistemic_logging::Limit;
use parking_lot::Mutex;

/// Wrong tokens that a connection may send before a right one.
pub(crate) const ON_ONE_CONNECTION: u32 = 3;
/// Wrong tokens of one origin that are answered at once.
const FREE: u32 = 100;
/// After this time one more of them is.
const EACH: Duration = Duration::from_millis(100);
/// Nobody waits longer for an answer.
const LONGEST: Duration = Duration::from_secs(5);
/// Origins that are remembered.
const ORIGINS: usize = 4096;
/// Time between two lines of the log about one origin.
const LINES: Duration = Duration::from_secs(60);

/// Who has guessed.
#[derive(Default)]
pub(crate) struct Guesses(Mutex<HashMap<Origin, Guesser>>);

struct Guesser {
    /// When all he has guessed will have been paid for.
    paid: Instant,
    /// When the log named him, and how often he has guessed since.
    told: Instant,
    untold: u64,
}

impl Guesses {
    /// Counts a wrong token of `peer`, and tells for how long its answer has to wait.
    pub(crate) fn count(&self, origin: Origin, peer: &str) -> Duration {
        self.count_at(origin, peer, Instant::now())
    }

    fn count_at(&self, origin: Origin, peer: &str, now: Instant) -> Duration {
        let mut guessers = self.0.lock();
        if guessers.len() >= ORIGINS && !guessers.contains_key(&origin) {
            forget_one(&mut guessers, now);
        }
        let first = !guessers.contains_key(&origin);
        let guesser = guessers.entry(origin).or_insert(Guesser { paid: now, told: now, untold: 0 });
        guesser.paid = guesser.paid.max(now) + EACH;
        guesser.untold += 1;
        let wait = (guesser.paid - now).saturating_sub(EACH * FREE);
        // Who does not wait for his answers pays no more than those who do.
        guesser.paid = guesser.paid.min(now + EACH * FREE + LONGEST);
        if first || now.duration_since(guesser.told) >= LINES {
            tell(peer, guesser.untold);
            guesser.told = now;
            guesser.untold = 0;
        }
        wait.min(LONGEST)
    }
}

/// Forgets those who have paid, else the one who soonest will have.
fn forget_one(guessers: &mut HashMap<Origin, Guesser>, now: Instant) {
    guessers.retain(|_, guesser| guesser.paid > now);
    if guessers.len() >= ORIGINS
        && let Some(origin) =
            guessers.iter().min_by_key(|(_, guesser)| guesser.paid).map(|(origin, _)| *origin)
    {
        guessers.remove(&origin);
    }
}

/// Anybody who can connect can cause this line, from as many addresses as he has.
fn tell(peer: &str, count: u64) {
    static ALL: Limit = Limit::new(20, Duration::from_secs(60));
    if let Some(left_out) = ALL.admit() {
        tracing::warn!(peer, count, left_out, "wrong token: does the peer have another secret?");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_guesses_wait_and_others_do_not() {
        let (guesses, now) = (Guesses::default(), Instant::now());
        let [guesser, other] = [Origin::User(1), Origin::User(2)];
        for _ in 0..FREE {
            assert_eq!(guesses.count_at(guesser, "g", now), Duration::ZERO);
        }
        assert_eq!(guesses.count_at(guesser, "g", now), EACH);
        assert_eq!(guesses.count_at(guesser, "g", now), 2 * EACH);
        assert_eq!(guesses.count_at(other, "o", now), Duration::ZERO);
        for _ in 0..1000 {
            guesses.count_at(guesser, "g", now);
        }
        assert_eq!(guesses.count_at(guesser, "g", now), LONGEST);
        let later = now + LONGEST + EACH * (FREE + 1);
        assert_eq!(guesses.count_at(guesser, "g", later), Duration::ZERO, "it is forgiven");
    }

    #[test]
    fn no_more_origins_are_remembered_than_there_is_room_for() {
        let (guesses, now) = (Guesses::default(), Instant::now());
        for number in 0..2 * ORIGINS as u32 {
            guesses.count_at(Origin::User(number), "g", now);
        }
        assert_eq!(guesses.0.lock().len(), ORIGINS);
        guesses.count_at(Origin::User(u32::MAX), "g", now + EACH * 2);
        assert_eq!(guesses.0.lock().len(), 1, "the others have paid");
    }
}
