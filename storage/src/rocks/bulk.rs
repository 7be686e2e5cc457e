//! Bulk loads as ingested table files: records bypass log and memtable.

use std::path::{Path, PathBuf};

use fs_err as fs;
use rocksdb::{Cache, IngestExternalFileOptions, SstFileWriter};

use super::{
    database::Database,
    free_space::{FreeSpace, Reserve},
    map_error, options,
    read::handle,
};
use crate::{error::Result, space::Space, store::BulkLoad};

/// Folder inside the database directory for files not yet ingested; emptied at open.
pub(super) const DIRECTORY: &str = "bulk";

/// Records of one space are sorted and written out when they reach this many bytes.
const RUN_BYTES: usize = 6 << 20;
/// The largest one is, too, when those of all spaces reach this many.
const ALL_RUNS_BYTES: usize = 8 << 20;

#[derive(Default)]
struct Run {
    records: Vec<(Vec<u8>, Vec<u8>)>,
    bytes: usize,
}

pub(super) struct RocksBulk<'s> {
    database: &'s Database,
    path: &'s Path,
    cache: &'s Cache,
    free_space: &'s FreeSpace,
    directory: PathBuf,
    runs: [Run; Space::ALL.len()],
    files: Vec<(Space, PathBuf)>,
}

impl<'s> RocksBulk<'s> {
    pub(super) fn new(
        database: &'s Database,
        path: &'s Path,
        cache: &'s Cache,
        free_space: &'s FreeSpace,
    ) -> Result<Self> {
        let directory = path.join(DIRECTORY).join(uuid::Uuid::new_v4().to_string());
        fs::create_dir_all(&directory)?;
        Ok(Self { database, path, cache, free_space, directory, runs: Default::default(), files: Vec::new() })
    }

    fn write_run(&mut self, space: Space) -> Result<()> {
        let run = std::mem::take(&mut self.runs[space.index()]);
        if run.records.is_empty() {
            return Ok(());
        }
        self.free_space.check(run.bytes as u64, Reserve::Kept)?;
        let file = self.directory.join(format!("{:06}.sst", self.files.len()));
        write_table(&file, space, self.cache, run.records).map_err(|error| map_error(&error, self.path))?;
        self.files.push((space, file));
        Ok(())
    }
}

/// Writes one sorted table; of records with one key the last wins.
fn write_table(
    file: &Path,
    space: Space,
    cache: &Cache,
    mut records: Vec<(Vec<u8>, Vec<u8>)>,
) -> Result<(), rocksdb::Error> {
    records.sort_by(|a, b| a.0.cmp(&b.0));
    let options = options::family(space, cache);
    let mut writer = SstFileWriter::create(&options);
    writer.open(file)?;
    for (index, (key, value)) in records.iter().enumerate() {
        if records.get(index + 1).is_none_or(|next| next.0 != *key) {
            writer.put(key, value)?;
        }
    }
    writer.finish()
}

impl BulkLoad for RocksBulk<'_> {
    fn put(&mut self, space: Space, key: Vec<u8>, value: Vec<u8>) -> Result<()> {
        let run = &mut self.runs[space.index()];
        run.bytes += key.len() + value.len() + 64;
        run.records.push((key, value));
        if run.bytes >= RUN_BYTES {
            return self.write_run(space);
        }
        if self.runs.iter().map(|run| run.bytes).sum::<usize>() >= ALL_RUNS_BYTES {
            let largest = Space::ALL.into_iter().max_by_key(|space| self.runs[space.index()].bytes);
            return largest.map_or(Ok(()), |space| self.write_run(space));
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        for space in Space::ALL {
            self.write_run(space)?;
        }
        let mut options = IngestExternalFileOptions::default();
        options.set_move_files(true);
        // Not held while records come in: the database may have to be opened again meanwhile.
        let db = self.database.get()?;
        for (space, file) in std::mem::take(&mut self.files) {
            db.ingest_external_file_cf_opts(handle(&db, space), &options, vec![file])
                .map_err(|error| map_error(&error, self.path))?;
        }
        Ok(())
    }
}

impl Drop for RocksBulk<'_> {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.directory) {
            tracing::warn!(%error, "cannot remove the files of a bulk load; the next start will");
        }
    }
}
