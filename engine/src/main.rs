//! The server program.

use std::process::ExitCode;

fn main() -> ExitCode {
    epistemic_engine::server::main()
}
