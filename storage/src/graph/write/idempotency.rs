//! Idempotency keys: which writes were made, and what they came to.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::{
    error::{Result, StoreError},
    graph::write::outcome::Outcome,
    keys,
    space::Space,
    store::{ScanOptions, Store},
};

/// Names a write, whichever request brings it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Once {
    /// Hash of whatever is to be told apart: who asks, the graph, his key.
    pub key: [u8; 16],
    /// Hash of what is asked.
    pub request: [u8; 16],
}

/// What is kept of a write, a MessagePack map.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Made {
    pub(crate) request: [u8; 16],
    pub(crate) outcome: Outcome,
}

/// Where the writes that were made are kept: the span of each key.
#[derive(Debug, Default)]
pub(crate) struct MadeOnce(pub(crate) HashMap<[u8; 16], u64>);

impl MadeOnce {
    /// Those of earlier runs.
    pub(crate) fn load(store: &dyn Store) -> Result<Self> {
        let mut made = Self::default();
        let mut cursor = store.scan(Space::Catalog, keys::all_made_once(), ScanOptions::FORWARD)?;
        while let Some((key, _)) = cursor.next()? {
            let (span, key) = keys::made_once_parts(key)
                .ok_or_else(|| StoreError::corrupt(Space::Catalog, "key of a write that is made once"))?;
            made.0.insert(key, span);
        }
        Ok(made)
    }

    pub(crate) fn extend(&mut self, made: impl Iterator<Item = ([u8; 16], u64)>) {
        self.0.extend(made);
    }
}

pub(crate) fn decode(made: &[u8]) -> Result<Made> {
    rmp_serde::from_slice(made)
        .map_err(|error| StoreError::corrupt(Space::Catalog, format!("a write made once: {error}")))
}
