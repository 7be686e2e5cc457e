//! Memory of large answers, from the time that they are complete until they are sent: clients that take theirs slowly, or not
//! at all, must not fill the memory of all.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;

/// Answers up to this size are not counted.
const SMALL: usize = 1 << 20;

/// Bytes of answers that wait for their clients.
pub(crate) struct AnswerMemory {
    limit: usize,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    total: usize,
    tenants: HashMap<Arc<str>, usize>,
}

/// The part of one answer; given back when dropped.
pub(crate) struct AnswerPlace {
    memory: Arc<AnswerMemory>,
    tenant: Arc<str>,
    bytes: usize,
}

/// There is no room for an answer.
#[derive(Debug, thiserror::Error)]
#[error(
    "BUSY: answers that their clients have not taken yet fill --answer-memory, {limit} bytes; nothing was changed, retry with \
     backoff"
)]
pub(crate) struct NoRoom {
    limit: usize,
}

impl AnswerMemory {
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, held: Mutex::default() })
    }

    /// Takes room for an answer; none is needed for a small one. One tenant has half of it at most, but for a single answer.
    /// One that `must` be told is counted and not refused: it says what was done.
    pub(crate) fn take(
        self: &Arc<Self>,
        tenant: &Arc<str>,
        bytes: usize,
        must: bool,
    ) -> Result<Option<AnswerPlace>, NoRoom> {
        if bytes <= SMALL {
            return Ok(None);
        }
        let mut held = self.held.lock();
        let own = held.tenants.get(tenant).copied().unwrap_or(0);
        let fits = held.total + bytes <= self.limit && (own == 0 || own + bytes <= self.limit / 2);
        if !fits && !must && held.total > 0 {
            return Err(NoRoom { limit: self.limit });
        }
        held.total += bytes;
        *held.tenants.entry(Arc::clone(tenant)).or_default() += bytes;
        Ok(Some(AnswerPlace { memory: Arc::clone(self), tenant: Arc::clone(tenant), bytes }))
    }

    /// Bytes that wait.
    #[cfg(test)]
    fn bytes(&self) -> usize {
        self.held.lock().total
    }
}

impl Drop for AnswerPlace {
    fn drop(&mut self) {
        let mut held = self.memory.held.lock();
        held.total -= self.bytes;
        if let Some(own) = held.tenants.get_mut(&self.tenant) {
            *own -= self.bytes;
            if *own == 0 {
                held.tenants.remove(&self.tenant);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    #[test]
    fn answers_that_are_not_taken_leave_room_to_other_tenants() {
        let memory = AnswerMemory::new(100 * MIB);
        let [greedy, other] = ["greedy", "other"].map(Arc::<str>::from);
        let held: Vec<_> = (0..20).map_while(|_| memory.take(&greedy, 10 * MIB, false).ok()).collect();
        assert_eq!(held.len(), 5);
        assert!(memory.take(&greedy, MIB, false).unwrap().is_none(), "small ones are not counted");
        let _others: Vec<_> = (0..5).map(|_| memory.take(&other, 10 * MIB, false).unwrap()).collect();
        assert!(memory.take(&other, 10 * MIB, false).is_err());
        let told = memory.take(&other, 10 * MIB, true).unwrap();
        assert_eq!(memory.bytes(), 110 * MIB);
        drop((held, told));
        assert_eq!(memory.bytes(), 50 * MIB);
    }

    #[test]
    fn a_single_answer_always_fits() {
        let memory = AnswerMemory::new(10 * MIB);
        let own = "t".into();
        let place = memory.take(&own, 50 * MIB, false).unwrap();
        assert!(memory.take(&own, 2 * MIB, false).is_err());
        drop(place);
        assert_eq!(memory.bytes(), 0);
    }
}
