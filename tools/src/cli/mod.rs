//! The command line of `egctl`.
//!
//! * `command` is the list of commands and the entry point; one file or folder per command.
//! * `shards` (online) and `directory` (offline) are the two places a command can work on; `place` chooses.
//! * `output` and `table` print results, `progress` shows long work, `exit` turns errors into exit codes; `program` is the
//!   life of a process, the gateway's too.

mod backup;
mod checkpoint;
mod command;
mod directory;
mod exit;
mod graphs;
mod identities;
mod output;
mod place;
pub(crate) mod program;
mod progress;
mod route;
mod shards;
mod snapshot;
mod status;
mod table;

pub use command::main;
pub(crate) use directory::Directory;
pub(crate) use exit::{EXIT_CODES, Exit, Failure, exit_of, message_of};
pub(crate) use shards::ShardArgs;
pub(crate) use snapshot::counted::{Count, Counted, Tee};
