//! The commands, one file or folder each, and the entry point of the program.

mod audit;
mod audit_log;
mod backup;
mod certs;
mod channel;
mod checkpoint;
mod compact;
mod data;
mod diff;
mod digest;
mod endpoints;
mod explain;
mod graph;
mod graphs;
mod identity;
mod irreversible;
mod keys;
mod ledger;
mod moves;
mod owners;
mod quota;
mod reference;
mod reshard;
mod route;
mod salvage;
mod scrub;
mod sessions;
mod shard;
mod shell;
mod signposts;
mod snapshot;
mod status;
mod support;
mod tunnel;

use std::process::ExitCode;

use anyhow::Result;
use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};
use rustix::fs::Mode;
use tokio::runtime::Runtime;

use self::audit::{RepairArgs, VerifyArgs};
use self::audit_log::AuditCommand;
use self::backup::BackupCommand;
use self::certs::CertsCommand;
use self::channel::ChannelCommand;
use self::checkpoint::CheckpointCommand;
use self::compact::CompactArgs;
use self::data::{
    EdgesArgs, ExportArgs, GetArgs, LabelsArgs, LoadArgs, NeighborsArgs, NodesArgs, SearchArgs,
};
use self::diff::DiffArgs;
use self::digest::DigestArgs;
use self::endpoints::EndpointsCommand;
use self::explain::ExplainArgs;
use self::graph::GraphCommand;
use self::graphs::GraphsArgs;
use self::identity::IdentityArgs;
use self::keys::KeysCommand;
use self::ledger::LedgerCommand;
use self::moves::{MoveArgs, MovesArgs};
use self::owners::OwnersCommand;
use self::quota::QuotaCommand;
use self::reference::{ImportReferenceArgs, PullArgs};
use self::reshard::ReshardCommand;
use self::route::RouteArgs;
use self::salvage::SalvageArgs;
use self::scrub::ScrubArgs;
use self::sessions::SessionsCommand;
use self::shard::ShardCommand;
use self::shell::{CompletionsArgs, ManArgs};
use self::snapshot::SnapshotCommand;
use self::status::StatusArgs;
use self::support::SupportArgs;
use self::tunnel::TunnelArgs;
use crate::bench::{self, BenchArgs};
use crate::config::{ConfigArgs, Defaults, with_defaults};
use crate::exit::{EXIT_CODES, Exit, Failure};
use crate::help::grouped;
use crate::program::{self, ErrorForm};
use crate::progress::{self, ProgressArgs};
use crate::version::version;
use crate::walkthrough::{self, WalkthroughArgs};

const ENVIRONMENT: &str = "\
Environment:
  GRAPH_SERVICE_ENDPOINTS    shards, as a comma-separated or JSON list of tcp://HOST:PORT and unix://PATH
  GRAPH_SERVICE_TCP_ADDR     a single shard on TCP, when there is no list
  GRAPH_SERVICE_SOCKET       a single shard on a unix socket, when there is neither; else epistemic-graph.sock in
                             $XDG_RUNTIME_DIR or /tmp
  GRAPH_SERVICE_AUTH_SECRET  the shared secret; or give --secret-file
  EPISTEMIC_GRAPH_MIN_AUTH   2: no token that a listener can use again is sent, whatever a server says; else 1
  EPISTEMIC_GRAPH_TLS        require: TLS for every tcp:// endpoint; else off
  EPISTEMIC_GRAPH_TLS_CA     PEM file of the CAs that shards are trusted for
  EPISTEMIC_GRAPH_TLS_CERT   PEM file of a certificate to show, and
  EPISTEMIC_GRAPH_TLS_KEY    of its private key, of mode 0600
  AWS_ENDPOINT, AWS_REGION, AWS_ACCESS_KEY_ID, ...  the object store of --store, backups and checkpoints there
  KG_DEFAULT_GRAPH           graph used when no graph and no tenant is named (__bus__)
  GRAPH_AFFINITY_GROUPS      graphs placed together, as in every client: anchor:member|member*,... (__ingest_* is built in)
  EGCTL_CONFIG, EGCTL_CONTEXT  the configuration file and the context of it, as --config and --context
  RUST_LOG                   log on stderr (errors that egctl does not report itself)

Results go to stdout, as text or with --json as one JSON document. Errors and progress go to stderr; with --json an error
is a line of JSON. Sizes have a unit: 50MB, 64MiB. Times are seconds, or have a unit: 500ms, 10s, 5m, 2h, 30d.";

/// Damage, failed commits and bad certificates come back as errors, so their log lines would say them a second time.
const LOGGED: &str =
    "error,epistemic_storage::graph=off,epistemic_storage::rocks::damage=off,rustls_platform_verifier=off";

/// Looks after shards of epistemic-graph-server: what is in them, copies, moves, damage.
///
/// Commands ask running shards: all that GRAPH_SERVICE_ENDPOINTS, --endpoints or a context of egctl.toml lists, and for one
/// graph the shard that owns it. With --dir they work offline, on the persist directory of a stopped server or on a checkpoint;
/// with --store they read what lies on an object store, beside its server.
/// egctl COMMAND --help tells more.
#[derive(Parser, Debug)]
#[command(
    name = "egctl",
    version = version(),
    after_help = EXIT_CODES,
    after_long_help = format!("{ENVIRONMENT}\n\n{EXIT_CODES}")
)]
struct Cli {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    progress: ProgressArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Route(RouteArgs),
    Graphs(GraphsArgs),
    Get(GetArgs),
    Nodes(NodesArgs),
    Edges(EdgesArgs),
    Labels(LabelsArgs),
    Neighbors(NeighborsArgs),
    Search(SearchArgs),
    Export(ExportArgs),
    Load(LoadArgs),
    /// Create, rename, empty and delete graphs, and show whose they are.
    #[command(subcommand)]
    Graph(GraphCommand),
    #[command(visible_alias = "identities")]
    Identity(IdentityArgs),
    /// The keys file of shards: who may do what with which graphs.
    #[command(subcommand)]
    Keys(KeysCommand),
    /// The connections of shards: who is there, and ending them.
    #[command(subcommand)]
    Sessions(SessionsCommand),
    /// Who serves a shard on an object store: hand it over to a stand-by.
    #[command(subcommand)]
    Shard(ShardCommand),
    /// The audit log of a server: whether it is what was written, and its newest lines.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// The channels that agents talk in: list, show, history, close.
    #[command(subcommand)]
    Channel(ChannelCommand),
    /// Whether all shards have the same list of endpoints.
    #[command(subcommand)]
    Endpoints(EndpointsCommand),
    SupportBundle(SupportArgs),
    Explain(ExplainArgs),
    /// Save a graph to a file, load it elsewhere, check a file.
    #[command(subcommand)]
    Snapshot(SnapshotCommand),
    /// Whole-shard copies inside a persist directory, or on an object store: take, list, restore.
    #[command(subcommand)]
    Checkpoint(CheckpointCommand),
    /// Copies of graphs in a directory or an object store: make, list, try out, restore, thin out.
    #[command(subcommand)]
    Backup(BackupCommand),
    /// The changes of a graph: show them, how many are kept, trim, clear.
    #[command(subcommand)]
    Ledger(LedgerCommand),
    /// What tenants may have and use at most: show it with what they do use, set it.
    #[command(subcommand)]
    Quota(QuotaCommand),
    ImportReference(ImportReferenceArgs),
    Pull(PullArgs),
    Status(StatusArgs),
    Scrub(ScrubArgs),
    Compact(CompactArgs),
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
    /// Certificates for a trial of TLS.
    #[command(subcommand)]
    Certs(CertsCommand),
    Tunnel(TunnelArgs),
    #[command(after_help = EXIT_CODES)]
    Bench(BenchArgs),
    Walkthrough(WalkthroughArgs),
    Completions(CompletionsArgs),
    Man(ManArgs),
}

impl Command {
    fn run(self, runtime: &Runtime) -> Result<()> {
        match self {
            Self::Route(args) => route::run(&args),
            Self::Graphs(args) => graphs::run(&args, runtime),
            Self::Get(args) => data::get(&args, runtime),
            Self::Nodes(args) => data::nodes(&args, runtime),
            Self::Edges(args) => data::edges(&args, runtime),
            Self::Labels(args) => data::labels(&args, runtime),
            Self::Neighbors(args) => data::neighbors(&args, runtime),
            Self::Search(args) => data::search(&args, runtime),
            Self::Export(args) => data::export(&args, runtime),
            Self::Load(args) => data::load(&args, runtime),
            Self::Graph(command) => graph::run(&command, runtime),
            Self::Identity(args) => identity::run(&args, runtime),
            Self::Keys(command) => keys::run(&command, runtime),
            Self::Sessions(command) => sessions::run(&command, runtime),
            Self::Shard(command) => shard::run(&command, runtime),
            Self::Audit(command) => audit_log::run(&command),
            Self::Channel(command) => channel::run(&command, runtime),
            Self::Endpoints(command) => endpoints::run(&command, runtime),
            Self::SupportBundle(args) => support::run(&args, runtime),
            Self::Explain(args) => explain::run(&args),
            Self::Snapshot(command) => snapshot::run(&command, runtime),
            Self::Checkpoint(command) => checkpoint::run(&command, runtime),
            Self::Backup(command) => backup::run(&command, runtime),
            Self::Ledger(command) => ledger::run(&command, runtime),
            Self::Quota(command) => quota::run(&command, runtime),
            Self::ImportReference(args) => reference::import(&args, runtime),
            Self::Pull(args) => reference::pull(&args, runtime),
            Self::Status(args) => status::run(&args, runtime),
            Self::Scrub(args) => scrub::run(&args, runtime),
            Self::Compact(args) => compact::run(&args, runtime),
            Self::Digest(args) => digest::run(&args, runtime),
            Self::Diff(args) => diff::run(&args, runtime),
            Self::Verify(args) => audit::verify(&args),
            Self::Repair(args) => audit::repair(&args),
            Self::Salvage(args) => salvage::run(&args),
            Self::Move(args) => moves::run_move(&args, runtime),
            Self::Moves(args) => moves::run_moves(&args, runtime),
            Self::Owners(command) => owners::run(&command, runtime),
            Self::Reshard(command) => reshard::run(&command, runtime),
            Self::Certs(command) => certs::run(&command),
            Self::Tunnel(args) => tunnel::run(&args, runtime),
            Self::Bench(args) => bench::run(args),
            Self::Walkthrough(args) => walkthrough::run(&args, runtime),
            Self::Completions(args) => shell::completions(&args, command_line()),
            Self::Man(args) => shell::man(&args, command_line()),
        }
    }
}

/// The whole command line.
pub(crate) fn command_line() -> clap::Command {
    grouped(Cli::command())
}

/// Runs the program with the arguments of the process and returns its exit code. Errors are on stderr then.
pub(crate) fn main() -> ExitCode {
    let first = match command_line().try_get_matches() {
        Ok(first) => first,
        Err(error) => return misused(&error),
    };
    let form = if wants_json(&first) { ErrorForm::Json } else { ErrorForm::Text };
    let defaults = match defaults(&first) {
        Ok(defaults) => defaults,
        Err(error) => return program::failed("egctl", form, &error),
    };
    // What a context gives is checked like what was typed.
    let configured = with_defaults(command_line(), &defaults).try_get_matches();
    let cli = match configured.and_then(|configured| Cli::from_arg_matches(&configured)) {
        Ok(cli) => cli,
        Err(error) => return misused(&error),
    };
    progress::show(cli.progress);
    // Snapshots, backups and directories hold what all tenants wrote: nobody else reads them, whatever the umask was.
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
    program::run("egctl", LOGGED, form, |runtime| cli.command.run(runtime))
}

/// The values of the context.
fn defaults(first: &ArgMatches) -> Result<Defaults> {
    ConfigArgs::from_arg_matches(first)?.defaults(|name| std::env::var(name).ok())
}

/// Tells what is wrong with a command line, or the help that it asks for, and returns the exit code. Nothing but the text of the flag
/// tells that JSON is wanted: the line could not be read.
fn misused(error: &clap::Error) -> ExitCode {
    let is_json = std::env::args_os().any(|arg| arg == "--json" || arg == "--jsonl");
    if error.use_stderr() && is_json {
        let text = error.to_string();
        let text = text.strip_prefix("error: ").unwrap_or(&text).trim_end();
        return program::failed("egctl", ErrorForm::Json, &Failure::new(Exit::Usage, text).into());
    }
    // Nobody is left to tell when the stream is closed.
    let _ = error.print();
    if error.use_stderr() { Exit::Usage.into() } else { ExitCode::SUCCESS }
}

/// Whether the command that runs was given --json or --jsonl.
fn wants_json(matches: &ArgMatches) -> bool {
    match matches.subcommand() {
        Some((_, inner)) => wants_json(inner),
        None => {
            ["json", "jsonl"].iter().any(|flag| matches!(matches.try_get_one::<bool>(flag), Ok(Some(true))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        command_line().debug_assert();
    }

    #[test]
    fn every_command_documents_its_exit_codes_and_prints_json() {
        fn visit(command: &mut clap::Command) {
            if !command.has_subcommands() || command.get_name() == "bench" {
                let help = command.render_long_help().to_string();
                assert!(help.contains("3  a shard cannot be reached"), "{help}");
                // These write what others read.
                let is_for_others = ["completions", "man"].contains(&command.get_name());
                assert!(is_for_others || help.contains("--json"), "{help}");
                return;
            }
            for inner in command.get_subcommands_mut() {
                visit(inner);
            }
        }
        visit(&mut command_line());
    }
}
