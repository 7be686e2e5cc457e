//! `egctl`: see `egctl --help`.
//!
//! * `commands` is the list of commands and the entry point; what they do with graphs is in `epistemic_operations`.
//! * `shards` (online) and `place` (online or offline) are where a command works.
//! * `output` and `table` print results, `progress` shows long work, `exit` turns errors into exit codes; `program` is the
//!   life of the process.
//! * `bench` is `egctl bench`, a load generator for any server of the protocol.
//! * `walkthrough` is `egctl walkthrough`, the worked example with three real shards.

mod bench;
mod commands;
mod exit;
mod output;
mod place;
mod program;
mod progress;
mod shards;
mod table;
mod walkthrough;

use std::process::ExitCode;

fn main() -> ExitCode {
    commands::main()
}
