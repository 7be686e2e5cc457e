//! Libraries for `LD_PRELOAD`, compiled when a test needs them.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// Compiles the C source `source` with `cc` into `folder`; returns the library.
pub fn compile(source: &str, folder: &Path) -> Result<PathBuf> {
    let (input, library) = (folder.join("preload.c"), folder.join("preload.so"));
    fs_err::write(&input, source)?;
    let output = Command::new("cc")
        .args(["-shared", "-fPIC", "-O2", "-pthread", "-o"])
        .arg(&library)
        .arg(&input)
        .arg("-ldl")
        .output()
        .context("start the C compiler `cc`")?;
    ensure!(output.status.success(), "cc: {}", String::from_utf8_lossy(&output.stderr));
    Ok(library)
}
