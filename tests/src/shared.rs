//! Where the contract recordings and their replayer are.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

/// The folder with `vectors` and `replay.py`: `EG_SHARED`, else `../shared` beside the repository.
pub fn folder() -> Result<PathBuf> {
    let folder = match std::env::var_os("EG_SHARED") {
        Some(folder) => folder.into(),
        None => package()?.join("../../shared"),
    };
    ensure!(
        folder.join("vectors").is_dir() && folder.join("replay.py").is_file(),
        "no contract recordings: {} has no vectors/ or no replay.py; set EG_SHARED to the folder that has them",
        folder.display()
    );
    Ok(folder)
}

/// The folder of this package. Cargo tells it when a test runs; what it told at build time may be another checkout,
/// whose build cargo takes for this one's when both share a target directory.
pub fn package() -> Result<PathBuf> {
    let folder =
        std::env::var_os("CARGO_MANIFEST_DIR").context("CARGO_MANIFEST_DIR is not set: run cargo test")?;
    Ok(folder.into())
}
