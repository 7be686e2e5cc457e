//! `egctl`: see `egctl --help`.
//!
//! * `commands` is the list of commands and the entry point; what they do with graphs is in `epistemic_operations`.
//! * `config` is the configuration file, `help` the list of commands, `version` what this program is.
//! * `encryption` is the keys of backups and snapshot files.
//! * `shards` (online) and `place` (online or offline) are where a command works, `graph` is which graph it is about.
//! * `output`, `rows` and `table` print results, `confirm` asks before something is gone, `progress` shows long work, `exit`
//!   turns errors into exit codes; `program` is the life of the process.
//! * `bench` is `egctl bench`, a load generator for any server of the protocol.
//! * `walkthrough` is `egctl walkthrough`, the worked example with three real shards.

mod bench;
mod commands;
mod config;
mod confirm;
mod encryption;
mod exit;
mod graph;
mod help;
mod output;
mod place;
mod program;
mod progress;
mod rows;
mod shards;
mod table;
mod version;
mod walkthrough;

use std::process::ExitCode;

fn main() -> ExitCode {
    commands::main()
}
