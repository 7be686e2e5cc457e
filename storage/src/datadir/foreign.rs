//! Files in a directory that are not ours.

use std::path::Path;

use fs_err as fs;

use super::{CREATING_FILE, DB_DIR, MANIFEST_FILE, bad, lock};
use crate::error::Result;

/// Name of a folder that new file systems hold.
pub(super) const LOST_AND_FOUND: &str = "lost+found";

/// Fails when a directory without an identity holds files.
pub(super) fn refuse_any(path: &Path) -> Result<()> {
    let mut names: Vec<String> = fs::read_dir(path)?
        .map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()))
        .collect::<std::io::Result<_>>()?;
    let creating = names.iter().any(|name| name == CREATING_FILE);
    names.retain(|name| {
        let ours = name == lock::FILE || name == CREATING_FILE || (creating && name == DB_DIR);
        !ours && name != LOST_AND_FOUND && !name.ends_with(".tmp")
    });
    names.sort();
    if names.iter().any(|name| name == "engine.lock" || name == MANIFEST_FILE || is_graph(name)) {
        return Err(bad(
            path,
            "it looks like the persist dir of another epistemic-graph version; import its graphs into a new directory \
             with 'egctl import-reference DIR --to-dir NEW_DIR' and start on that one",
        ));
    }
    if let Some(first) = names.first() {
        return Err(bad(
            path,
            format!(
                "it has no identity.json but is not empty (it holds '{first}'); \
                 give an empty directory. After an interrupted restore, delete the directory and \
                 restore again; if only identity.json is lost, copy it from the newest checkpoint"
            ),
        ));
    }
    Ok(())
}

/// Fails when the reference server has written graphs into a directory of ours: it passes over what is ours, so that what
/// it acknowledged is in its files alone.
pub(super) fn refuse_reference(path: &Path) -> Result<()> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if is_graph(&name) && entry.metadata()?.len() > 0 {
            return Err(bad(
                path,
                format!(
                    "the reference server has written graphs into it ('{name}'), which this server would not show. \
                     Move its files (*.mp, *.wal, engine.lock, manifest.json) into a directory of their own, start \
                     again, and take their graphs over with 'egctl import-reference THAT_DIR --endpoint ENDPOINT'"
                ),
            ));
        }
    }
    Ok(())
}

/// Whether a file of this name is a graph of the reference server: its snapshot or its log.
fn is_graph(name: &str) -> bool {
    name.ends_with(".mp") || name.ends_with(".wal")
}
