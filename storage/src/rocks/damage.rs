//! Keeps a database with a damaged block writable.
//!
//! A compaction that meets a damaged block makes RocksDB refuse every write of every graph, and would again after each
//! start. So the first damage that is found is written to `db/DAMAGED`, and from then on tables are not compacted any
//! more: the database grows, and all that is not damaged goes on until its graphs are moved to a new directory.

use std::path::{Path, PathBuf};

use fs_err as fs;
use rocksdb::DB;

use super::{map_error, read::handle};
use crate::{error::StoreError, sealed, space::Space};

const FILE: &str = "DAMAGED";

/// Whether damage was found in the database directory `db`, now or in an earlier run.
pub(crate) fn is_damaged(db: &Path) -> bool {
    db.join(FILE).exists()
}

/// Whether a database directory is known to be damaged.
pub(super) struct Damage {
    db: PathBuf,
    read_only: bool,
}

impl Damage {
    pub(super) fn new(db: &Path, read_only: bool) -> Self {
        Self { db: db.to_path_buf(), read_only }
    }

    /// Whether damage was found, now or in an earlier run.
    pub(super) fn is_known(&self) -> bool {
        is_damaged(&self.db)
    }

    /// Sorts an error that `db` gave. The first damage stops compactions, now and in later runs.
    pub(super) fn sort(&self, db: &DB, error: &rocksdb::Error) -> StoreError {
        let error = map_error(error, &self.db);
        if error.is_corruption() && !self.read_only && !self.is_known() {
            tracing::error!(%error, "the database has a damaged block: its tables are not compacted any more");
            for space in Space::ALL {
                if let Err(error) =
                    db.set_options_cf(handle(db, space), &[("disable_auto_compactions", "true")])
                {
                    tracing::error!(%error, "cannot stop compactions");
                }
            }
            let note = sealed::seal(&error.to_string().replace('\n', " "));
            if let Err(error) = fs::write(self.db.join(FILE), note) {
                tracing::error!(%error, "cannot write down that the database is damaged");
            }
        }
        error
    }
}
