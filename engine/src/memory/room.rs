//! Room for an answer while it is made, and until its client has taken it.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use epistemic_protocol::ErrorCode;
use parking_lot::Mutex;

use super::{Accounts, Charge, NoRoom, Part};
use crate::spool::{NoSpool, Spool, Spooled};

/// Answers up to this size are not counted.
const FREE: usize = 64 << 10;
/// Room is taken for so many bytes more at least.
const STEP: usize = 256 << 10;
/// Times its size that an answer takes while it is made: its buffer is copied when it grows, and its rows are put in order.
const MAKING: usize = 2;
/// Rows go to disk when they take so much of the memory for answers.
const SPOOLED_FROM: usize = 16;
/// The largest answer whose rows are on disk.
const LARGEST_ON_DISK: usize = 512 << 20;

/// How much an answer may become, and the charge for it.
pub(crate) struct Room {
    /// Bytes that are paid for.
    granted: AtomicUsize,
    max: usize,
    paid: Option<Mutex<Paid>>,
    disk: Option<Disk>,
}

/// Where rows go that are too many for memory.
struct Disk {
    spool: Arc<Spool>,
    /// Bytes of rows that stay in memory.
    keeps: usize,
    /// Rows on disk, and where they stand in the answer.
    files: Mutex<Vec<(usize, Spooled)>>,
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
    /// Parts that are on disk, and where they stand in `bytes`.
    pub(crate) files: Vec<(usize, Spooled)>,
}

impl Room {
    /// Of `max` bytes, which are few, and on nobody's account.
    pub(crate) const fn small(max: usize) -> Self {
        Self { granted: AtomicUsize::new(max), max, paid: None, disk: None }
    }

    /// Of up to `max` bytes on the account of `owner`. What `must` be told is not refused for want of room.
    pub(crate) fn new(accounts: &Arc<Accounts>, owner: &Arc<str>, max: usize, must: bool) -> Self {
        let charge = accounts.open(Part::Answers, owner);
        let paid = Paid { charge, must, refused: None };
        Self { granted: AtomicUsize::new(FREE.min(max)), max, paid: Some(Mutex::new(paid)), disk: None }
    }

    /// The same; rows that are too many for memory go to disk.
    pub(crate) fn on(mut self, spool: &Arc<Spool>, accounts: &Accounts) -> Self {
        if !spool.is_there() {
            return self;
        }
        let keeps = (accounts.limit(Part::Answers) / SPOOLED_FROM).min(self.max / 2);
        self.disk = Some(Disk { spool: Arc::clone(spool), keeps, files: Mutex::default() });
        self
    }

    /// Where rows of so many bytes go now; none when they stay in memory.
    pub(crate) fn spool(&self, bytes: usize) -> Option<&Arc<Spool>> {
        self.disk.as_ref().filter(|disk| bytes > disk.keeps).map(|disk| &disk.spool)
    }

    /// The error of rows that are too many for memory and found no room on disk.
    pub(crate) fn no_disk(&self, error: &NoSpool) -> TooLarge {
        tracing::debug!(%error, "an answer found no room on disk");
        if let Some(paid) = &self.paid {
            paid.lock().refused = Some(NoRoom::Disk);
        }
        TooLarge
    }

    /// `file` stands at byte `at` of the answer.
    ///
    /// # Errors
    /// The answer is too large.
    pub(crate) fn attach(&self, at: usize, file: Spooled) -> Result<(), TooLarge> {
        let Some(disk) = &self.disk else { return Ok(()) };
        disk.files.lock().push((at, file));
        self.check_on_disk(0)
    }

    /// Whether there may be so many bytes more on disk.
    ///
    /// # Errors
    /// The answer is too large.
    pub(crate) fn check_on_disk(&self, more: u64) -> Result<(), TooLarge> {
        let most = LARGEST_ON_DISK.max(self.max);
        if self.attached() as u64 + more <= most as u64 {
            return Ok(());
        }
        Err(TooLarge)
    }

    /// Forgets what is on disk: the answer is an error.
    pub(crate) fn discard(&self) {
        if let Some(disk) = &self.disk {
            disk.files.lock().clear();
        }
    }

    /// Bytes of the answer that are on disk.
    pub(crate) fn attached(&self) -> usize {
        let files = self.disk.as_ref().map(|disk| disk.files.lock());
        files.map_or(0, |files| files.iter().map(|(_, file)| file.bytes() as usize).sum())
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
            Some(busy @ (NoRoom::Now { .. } | NoRoom::Disk)) => busy.to_string(),
            Some(NoRoom::Ever { .. }) | None => format!(
                "{}: the answer is over {} bytes; ask for less at a time, or export a snapshot",
                ErrorCode::ResultTooLarge,
                self.disk.as_ref().map_or(self.max, |_| LARGEST_ON_DISK.max(self.max))
            ),
        }
    }

    /// An answer that is complete.
    ///
    /// # Errors
    /// There is no room for it.
    pub(crate) fn finish(self, bytes: Vec<u8>) -> Result<Answer, NoRoom> {
        let takes = if bytes.len() > FREE { bytes.capacity() } else { 0 };
        let files = self.disk.map_or_else(Vec::new, |disk| disk.files.into_inner());
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
        Ok(Answer { bytes, charge: charge.filter(|charge| charge.bytes() > 0), files })
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
