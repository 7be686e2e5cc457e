//! Reading all that is stored, to find damage before somebody needs what is damaged.
//!
//! A [`Pass`] reads the tables of a store one after the other, in small steps, so that whoever drives it decides how fast.
//! What it finds is contained as if a read had met it: the store is noted as damaged and the graphs concerned are
//! quarantined. How far it is outlives a restart ([`ScrubLog`]). A store without files has no tables, and no passes.

#[cfg(feature = "rocksdb")]
mod log;
#[cfg(feature = "rocksdb")]
mod pass;

#[cfg(feature = "rocksdb")]
pub use log::{Finding, LastPass, Place, ScrubLog};
#[cfg(feature = "rocksdb")]
pub use pass::{Pass, Step};

use crate::{
    error::{Result, StoreError},
    space::Space,
    store::KeyRange,
};

/// A file of records that a backend keeps and never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its number; later ones have higher numbers.
    pub number: u64,
    /// Its name in the directory of the backend.
    pub name: String,
    /// Whose records it holds.
    pub space: Space,
    /// Its length.
    pub bytes: u64,
    /// Its first and last key lie in here.
    pub keys: KeyRange,
}

/// A part of a table that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DamagedPart {
    /// Name of the table.
    pub table: String,
    /// Whose records it holds.
    pub space: Space,
    /// Where the keys of its records lie.
    pub keys: KeyRange,
    /// What is wrong, with file and offset.
    pub error: StoreError,
}

/// What one step of a check came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checked {
    /// Bytes read from the disk.
    pub read: u64,
    /// What is damaged of them.
    pub damaged: Vec<DamagedPart>,
    /// Nothing of the table is left.
    pub is_last: bool,
}

/// A table that is being read from end to end.
pub trait TableCheck: Send {
    /// Reads on, some hundred KiB or one record's block, from the disk and past all caches. Blocks.
    ///
    /// # Errors
    /// The table cannot be read for another reason than damage; it says nothing of the table.
    fn step(&mut self) -> Result<Checked>;
}
