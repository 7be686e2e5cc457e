//! `epistemic-graph-gateway`: see `epistemic-graph-gateway --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    epistemic_tools::gateway::main()
}
