//! The commands, one file or folder each, and the entry point of the program.

mod audit;
mod backup;
mod checkpoint;
mod diff;
mod digest;
mod graphs;
mod identities;
mod ledger;
mod moves;
mod owners;
mod quota;
mod reference;
mod reshard;
mod route;
mod salvage;
mod scrub;
mod snapshot;
mod status;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use rustix::fs::Mode;
use tokio::runtime::Runtime;

use self::audit::{RepairArgs, VerifyArgs};
use self::backup::BackupCommand;
use self::checkpoint::CheckpointCommand;
use self::diff::DiffArgs;
use self::digest::DigestArgs;
use self::graphs::GraphsArgs;
use self::identities::IdentitiesArgs;
use self::ledger::LedgerCommand;
use self::moves::{MoveArgs, MovesArgs};
use self::owners::OwnersCommand;
use self::quota::QuotaCommand;
use self::reference::{ImportReferenceArgs, PullArgs};
use self::reshard::ReshardCommand;
use self::route::RouteArgs;
use self::salvage::SalvageArgs;
use self::scrub::ScrubArgs;
use self::snapshot::SnapshotCommand;
use self::status::StatusArgs;
use crate::bench::{self, BenchArgs};
use crate::exit::EXIT_CODES;
use crate::program;
use crate::walkthrough::{self, WalkthroughArgs};

const ENVIRONMENT: &str = "\
Environment:
  GRAPH_SERVICE_ENDPOINTS    shards, as a comma-separated or JSON list of tcp://HOST:PORT and unix://PATH
  GRAPH_SERVICE_TCP_ADDR     a single shard on TCP, when there is no list
  GRAPH_SERVICE_SOCKET       a single shard on a unix socket, when there is neither; else unix:///tmp/epistemic-graph.sock
  GRAPH_SERVICE_AUTH_SECRET  the shared secret; or give --secret-file
  KG_DEFAULT_GRAPH           graph used when no graph and no tenant is named (__bus__)
  GRAPH_AFFINITY_GROUPS      graphs placed together, as in every client: anchor:member|member*,... (__ingest_* is built in)
  RUST_LOG                   log on stderr (errors that egctl does not report itself)

Results go to stdout, as text or with --json as one JSON document. Errors and progress go to stderr.";

/// Damage, failed commits and bad certificates come back as errors, so their log lines would say them a second time.
const LOGGED: &str =
    "error,epistemic_storage::graph=off,epistemic_storage::rocks::damage=off,rustls_platform_verifier=off";

/// Looks after shards of epistemic-graph-server: where a graph belongs, what a shard holds, snapshots, checkpoints.
///
/// Commands that take --dir work offline, on the persist directory of a stopped server or on a checkpoint.
/// All others ask running shards.
#[derive(Parser, Debug)]
#[command(name = "egctl", version, after_help = EXIT_CODES, after_long_help = format!("{ENVIRONMENT}\n\n{EXIT_CODES}"))]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Route(RouteArgs),
    Graphs(GraphsArgs),
    Identities(IdentitiesArgs),
    /// Save a graph to a file, load it elsewhere, check a file.
    #[command(subcommand)]
    Snapshot(SnapshotCommand),
    /// Whole-shard copies inside a persist directory: take, list, restore.
    #[command(subcommand)]
    Checkpoint(CheckpointCommand),
    /// Copies of graphs in a directory or an object store: make, list, try out, restore, thin out.
    #[command(subcommand)]
    Backup(BackupCommand),
    /// How much of its ledger a graph keeps.
    #[command(subcommand)]
    Ledger(LedgerCommand),
    /// What tenants may have and use at most: show it with what they do use, set it.
    #[command(subcommand)]
    Quota(QuotaCommand),
    ImportReference(ImportReferenceArgs),
    Pull(PullArgs),
    Status(StatusArgs),
    Scrub(ScrubArgs),
    Digest(DigestArgs),
    Diff(DiffArgs),
    Verify(VerifyArgs),
    Repair(RepairArgs),
    Salvage(SalvageArgs),
    Move(MoveArgs),
    Moves(MovesArgs),
    /// Graphs that two shards serve, or none, after one was set back to before a move: find them, end it.
    #[command(subcommand)]
    Owners(OwnersCommand),
    /// Move graphs to their new owners when the list of endpoints changes.
    #[command(subcommand)]
    Reshard(ReshardCommand),
    #[command(after_help = EXIT_CODES)]
    Bench(BenchArgs),
    Walkthrough(WalkthroughArgs),
}

impl Command {
    fn run(self, runtime: &Runtime) -> Result<()> {
        match self {
            Self::Route(args) => route::run(&args),
            Self::Graphs(args) => graphs::run(&args, runtime),
            Self::Identities(args) => identities::run(&args, runtime),
            Self::Snapshot(command) => snapshot::run(&command, runtime),
            Self::Checkpoint(command) => checkpoint::run(&command, runtime),
            Self::Backup(command) => backup::run(&command, runtime),
            Self::Ledger(command) => ledger::run(&command, runtime),
            Self::Quota(command) => quota::run(&command, runtime),
            Self::ImportReference(args) => reference::import(&args, runtime),
            Self::Pull(args) => reference::pull(&args, runtime),
            Self::Status(args) => status::run(&args, runtime),
            Self::Scrub(args) => scrub::run(&args, runtime),
            Self::Digest(args) => digest::run(&args, runtime),
            Self::Diff(args) => diff::run(&args, runtime),
            Self::Verify(args) => audit::verify(&args),
            Self::Repair(args) => audit::repair(&args),
            Self::Salvage(args) => salvage::run(&args),
            Self::Move(args) => moves::run_move(&args, runtime),
            Self::Moves(args) => moves::run_moves(&args, runtime),
            Self::Owners(command) => owners::run(&command, runtime),
            Self::Reshard(command) => reshard::run(&command, runtime),
            Self::Bench(args) => bench::run(args),
            Self::Walkthrough(args) => walkthrough::run(&args, runtime),
        }
    }
}

/// Runs the program with the arguments of the process and returns its exit code. Errors are on stderr then.
pub(crate) fn main() -> ExitCode {
    let cli = Cli::parse();
    // Snapshots, backups and directories hold what all tenants wrote: nobody else reads them, whatever the umask was.
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
    program::run("egctl", LOGGED, |runtime| cli.command.run(runtime))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_documents_its_exit_codes_and_prints_json() {
        fn visit(command: &mut clap::Command) {
            if !command.has_subcommands() || command.get_name() == "bench" {
                let help = command.render_long_help().to_string();
                assert!(help.contains("3  a shard cannot be reached"), "{help}");
                assert!(help.contains("--json"), "{help}");
                return;
            }
            for inner in command.get_subcommands_mut() {
                visit(inner);
            }
        }
        visit(&mut Cli::command());
    }
}
