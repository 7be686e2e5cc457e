//! `egctl`: see `egctl --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    epistemic_tools::cli::main()
}
