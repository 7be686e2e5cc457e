//! Applies a write once per idempotency key, and forgets old keys. The key is kept with the outcome, in the same
//! commit: a server that was killed, or lost its power, knows them all.

use crate::{
    error::Result,
    graph::{
        error::GraphError,
        store::GraphStore,
        write::{
            beside::Room,
            idempotency::{Made, Once, decode},
            op::Op,
            outcome::Outcome,
            part::Progress,
            transaction::Transaction,
        },
    },
    keys,
    space::Space,
    store::Durability,
};

/// Keys that are kept at most.
const MOST: usize = 1 << 20;
/// Keys of this many milliseconds are forgotten together.
const SPAN_MS: u64 = 60_000;
/// Keys that are removed in one commit.
const PART: usize = 10_000;

impl Transaction<'_> {
    /// Applies the mutation unless it was made: then its first outcome is returned. One that is refused may be tried again.
    pub(crate) fn apply_once(
        &mut self,
        name: &std::sync::Arc<str>,
        once: Once,
        op: &Op,
        reached: &Progress,
    ) -> std::result::Result<Outcome, GraphError> {
        if let Some(made) = self.made(once.key)? {
            return match made.request == once.request {
                true => Ok(made.outcome.again()),
                false => Err(GraphError::KeyReused(name.to_string())),
            };
        }
        let begins = *reached == Progress::default();
        if begins && self.stored_made().0.len() + self.made_now.len() >= MOST {
            return Err(GraphError::TooManyKeys(MOST));
        }
        let outcome = self.apply_op(name, op, reached)?;
        if !outcome.is_kept() {
            return Ok(outcome);
        }
        let made = Made { request: once.request, outcome: outcome.clone() };
        let span = self.now_ms() / SPAN_MS;
        let value = rmp_serde::to_vec_named(&made).expect("plain fields always encode");
        self.overlay.put(Space::Catalog, &keys::made_once(span, &once.key), &value);
        self.made_now.insert(once.key, (span, made));
        Ok(outcome)
    }

    fn made(&self, key: [u8; 16]) -> Result<Option<Made>> {
        if let Some((_, made)) = self.made_now.get(&key) {
            return Ok(Some(made.clone()));
        }
        let Some(span) = self.stored_made().0.get(&key).copied() else { return Ok(None) };
        self.overlay.stored_in_catalog(&keys::made_once(span, &key))?.map(|made| decode(&made)).transpose()
    }
}

impl GraphStore {
    /// What is answered to whoever asks again for what was made under this key, if anything was, and the hash of what was
    /// asked.
    pub fn made_once_before(&self, key: [u8; 16]) -> Result<Option<(Outcome, [u8; 16])>> {
        let Some(span) = self.made_once().lock().0.get(&key).copied() else { return Ok(None) };
        let made = self.store().get(Space::Catalog, &keys::made_once(span, &key))?;
        let made = made.map(|made| decode(&made)).transpose()?;
        Ok(made.map(|made| (made.outcome.again(), made.request)))
    }

    /// Forgets the keys of writes that were made before this time, Unix milliseconds, to the minute. Call it now and then;
    /// an error leaves the rest for the next call.
    pub fn forget_made_once(&self, before_ms: u64) -> Result<()> {
        let before = before_ms / SPAN_MS;
        loop {
            let expired: Vec<_> = {
                let made = self.made_once().lock();
                let old = made.0.iter().filter(|(_, span)| **span < before);
                old.map(|(key, span)| (*key, *span)).take(PART).collect()
            };
            if expired.is_empty() {
                return Ok(());
            }
            let forgotten = expired.clone();
            self.commit_records(Durability::Buffered, Room::Takes, move |_, batch| {
                for (key, span) in &forgotten {
                    batch.delete(Space::Catalog, keys::made_once(*span, key));
                }
            })?;
            let mut made = self.made_once().lock();
            for (key, span) in &expired {
                // It may have been made again since.
                if made.0.get(key) == Some(span) {
                    made.0.remove(key);
                }
            }
        }
    }
}
