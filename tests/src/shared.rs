//! Where the contract recordings and their replayer are.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

/// The folder with `vectors` and `replay.py`: `EG_SHARED`, else `../shared` beside the repository.
pub fn folder() -> Result<PathBuf> {
    let folder = match std::env::var_os("EG_SHARED") {
        Some(folder) => folder.into(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"),
    };
    ensure!(
        folder.join("vectors").is_dir() && folder.join("replay.py").is_file(),
        "no contract recordings: {} has no vectors/ or no replay.py; set EG_SHARED to the folder that has them",
        folder.display()
    );
    Ok(folder)
}
