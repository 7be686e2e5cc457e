//! Lists the files of the dashboard, so that each one is built into the program and a new one needs no line anywhere.

use std::env;
use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use fs_err as fs;

fn main() -> Result<(), Box<dyn Error>> {
    let page = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("src/page");
    println!("cargo:rerun-if-changed={}", page.display());
    let mut files = Vec::new();
    list(&page, &mut files)?;
    files.sort();
    let mut text = String::from("&[\n");
    for file in &files {
        let name = file.strip_prefix(&page)?.to_str().ok_or("a name that is not UTF-8")?;
        writeln!(
            text,
            "    ({name:?}, include_bytes!({:?})),",
            file.to_str().ok_or("a path that is not UTF-8")?
        )?;
    }
    text.push(']');
    fs::write(PathBuf::from(env::var("OUT_DIR")?).join("page_files.rs"), text)?;
    Ok(())
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    // A folder is watched with all that is in it, but older Cargos look at its own time only.
    println!("cargo:rerun-if-changed={}", folder.display());
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            list(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}
