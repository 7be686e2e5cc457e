//! Room for an answer while it is made, and until its client has taken it.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use epistemic_protocol::ErrorCode;
use parking_lot::Mutex;

use super::{Accounts, Charge, NoRoom, Part};

/// Answers up to this size are not counted.
const FREE: usize = 64 << 10;
/// Room is taken for so many bytes more at least.
const STEP: usize = 256 << 10;
/// Times its size that an answer takes while it is made: its buffer is copied when it grows, and its rows are put in order.
const MAKING: usize = 2;

/// How much an answer may become, and the charge for it.
pub(crate) struct Room {
    /// Bytes that are paid for.
    granted: AtomicUsize,
    max: usize,
    paid: Option<Mutex<Paid>>,
}

/// The answer does not get the room that it needs.
#[derive(Debug)]
pub(crate) struct TooLarge;

struct Paid {
    charge: Charge,
    /// It tells what was done, so it is counted and not refused.
    must: bool,
    refused: Option<NoRoom>,
}

/// An answer, and its charge if it is large.
pub(crate) struct Answer {
    pub(crate) bytes: Vec<u8>,
    pub(crate) charge: Option<Charge>,
}

impl Room {
    /// Of `max` bytes, which are few, and on nobody's account.
    pub(crate) const fn small(max: usize) -> Self {
        Self { granted: AtomicUsize::new(max), max, paid: None }
    }

    /// Of up to `max` bytes on the account of `owner`. What `must` be told is not refused for want of room.
    pub(crate) fn new(accounts: &Arc<Accounts>, owner: &Arc<str>, max: usize, must: bool) -> Self {
        let charge = accounts.open(Part::Answers, owner);
        let paid = Paid { charge, must, refused: None };
        Self { granted: AtomicUsize::new(FREE.min(max)), max, paid: Some(Mutex::new(paid)) }
    }

    /// The most bytes of an answer.
    pub(crate) fn max(&self) -> usize {
        self.max
    }

    /// Takes room for an answer that has grown to `bytes`.
    ///
    /// # Errors
    /// It is too large, or there is no room: [`Room::refusal`] tells.
    pub(crate) fn check(&self, bytes: usize) -> Result<(), TooLarge> {
        if bytes <= self.granted.load(Ordering::Relaxed) { Ok(()) } else { self.grow(bytes) }
    }

    #[cold]
    fn grow(&self, bytes: usize) -> Result<(), TooLarge> {
        let Some(paid) = &self.paid else { return Err(TooLarge) };
        if bytes > self.max {
            return Err(TooLarge);
        }
        let mut paid = paid.lock();
        let granted = (bytes + bytes / 2).max(bytes + STEP).min(self.max);
        if paid.must {
            paid.charge.note(MAKING * granted);
        } else if let Err(refused) = paid.charge.set(MAKING * granted) {
            paid.refused = Some(refused);
            return Err(TooLarge);
        }
        self.granted.store(granted, Ordering::Relaxed);
        Ok(())
    }

    /// Why an answer did not get the room that it needs.
    pub(crate) fn refusal(&self) -> String {
        match self.paid.as_ref().and_then(|paid| paid.lock().refused) {
            Some(busy @ NoRoom::Now { .. }) => busy.to_string(),
            Some(NoRoom::Ever { .. }) | None => format!(
                "{}: the answer is over {} bytes; ask for less at a time, or export a snapshot",
                ErrorCode::ResultTooLarge,
                self.max
            ),
        }
    }

    /// An answer that is complete.
    ///
    /// # Errors
    /// There is no room for it.
    pub(crate) fn finish(self, bytes: Vec<u8>) -> Result<Answer, NoRoom> {
        let takes = if bytes.len() > FREE { bytes.capacity() } else { 0 };
        let charge = match self.paid.map(Mutex::into_inner) {
            None => None,
            Some(Paid { mut charge, must: true, .. }) => {
                charge.note(takes);
                Some(charge)
            }
            Some(Paid { mut charge, must: false, .. }) => {
                charge.set(takes)?;
                Some(charge)
            }
        };
        Ok(Answer { bytes, charge: charge.filter(|charge| charge.bytes() > 0) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{Budget, Given, MemoryBudget};

    const MIB: usize = 1 << 20;

    fn accounts() -> Arc<Accounts> {
        let given = Given { part: Part::Answers, bytes: 40 << 20, flag: "--answer-memory" };
        Accounts::new(&Budget::of(MemoryBudget::Bytes(1 << 30), &[given]).unwrap())
    }

    #[test]
    fn an_answer_is_paid_for_as_it_grows() {
        let accounts = accounts();
        let room = Room::new(&accounts, &"t".into(), 10 * MIB, false);
        room.check(FREE).unwrap();
        assert_eq!(accounts.held(Part::Answers), 0);
        room.check(MIB).unwrap();
        let held = accounts.held(Part::Answers);
        assert!((2 * MIB..=4 * MIB).contains(&held), "{held}");
        let answer = room.finish(vec![0; MIB]).unwrap_or_else(|refused| panic!("{refused}"));
        assert_eq!(accounts.held(Part::Answers), answer.bytes.capacity());
        drop(answer);
        assert_eq!(accounts.held(Part::Answers), 0);
    }

    #[test]
    fn who_is_refused_is_told_whether_to_ask_again() {
        let accounts = accounts();
        let other = accounts.take(Part::Answers, &"u".into(), 30 * MIB).unwrap();
        let room = Room::new(&accounts, &"t".into(), 20 * MIB, false);
        assert!(room.check(21 * MIB).is_err());
        assert!(room.refusal().starts_with("RESULT_TOO_LARGE: the answer is over 20971520 bytes"));
        assert!(room.check(19 * MIB).is_err());
        assert!(room.refusal().starts_with("BUSY: "), "{}", room.refusal());
        drop(other);
        room.check(19 * MIB).unwrap();
        let told = Room::new(&accounts, &"v".into(), 20 * MIB, true);
        told.check(19 * MIB).unwrap();
        assert!(told.check(21 * MIB).is_err());
    }

    #[test]
    fn a_small_room_is_on_nobodys_account() {
        let room = Room::small(100);
        room.check(100).unwrap();
        assert!(room.check(101).is_err());
        assert!(room.finish(vec![0; MIB]).is_ok_and(|answer| answer.charge.is_none()));
    }
}
