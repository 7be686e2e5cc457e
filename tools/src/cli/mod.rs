//! The command line of `egctl`.
//!
//! * `command` is the list of commands and the entry point; one file or folder per command.
//! * `shards` (online) and `directory` (offline) are the two places a command can work on; `place` chooses.
//! * `output` and `table` print results, `progress` shows long work, `exit` turns errors into exit codes; `program` is the
//!   life of a process, the gateway's too.

mod audit;
mod backup;
mod checkpoint;
mod command;
mod diff;
mod digest;
mod directory;
mod exit;
mod graphs;
mod identities;
mod ledger;
mod moves;
mod output;
mod owners;
mod place;
pub(crate) mod program;
mod progress;
mod quota;
mod reference;
mod route;
mod salvage;
mod scrub;
mod shards;
mod snapshot;
mod status;
mod table;

pub use command::main;
pub(crate) use directory::{Directory, must_exist};
pub(crate) use exit::{EXIT_CODES, Exit, Failure, exit_of, message_of};
pub(crate) use output::{OutputArgs, Report};
pub(crate) use shards::{CredentialArgs, ShardArgs, must_have_schemes};
pub(crate) use snapshot::counted::{Count, Counted, Tee};
pub(crate) use snapshot::{NewFile, sync_parent};
pub(crate) use table::{shortened, shown, write_table};
