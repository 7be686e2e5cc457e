//! Our server's program.

use std::path::PathBuf;

/// The program: in `EG_BIN_DIR`, else in the parent of the folder of this test.
pub(crate) fn server() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let folder = std::env::var_os("EG_BIN_DIR")
        .map_or_else(|| test.ancestors().nth(2).unwrap().to_owned(), PathBuf::from);
    let program = folder.join("epistemic-graph-server");
    assert!(program.is_file(), "{} is missing: cargo build --release -p epistemic-engine", program.display());
    program
}
