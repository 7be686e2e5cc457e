//! The arguments of `egctl reshard apply`, `resume`, `pause`, `abort` and `status`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use epistemic_operations::hosts::must_exist;
use epistemic_operations::moves::{Timing, parse_pause};
use epistemic_operations::quantity::parse_rate;
use epistemic_operations::reshard::{Change, directories};
use epistemic_router::{AFFINITY_VAR, Endpoint, EndpointList};

use crate::exit::{EXIT_CODES, Exit, Failure};
use crate::output::OutputArgs;
use crate::shards::CredentialArgs;

/// Carry a plan out: move every graph to its new owner, while clients use it or between stopped directories.
///
/// First all names are reserved at their destinations, so that clients which have the new list already create no empty
/// graphs. Then graphs move as with egctl move, the biggest first: copied, compared, handed over, with a receipt on disk
/// before the source drops anything. Graphs that appear meanwhile are moved as well. Whatever dies, egctl reshard resume
/// goes on. At the end all shards and clients have to be restarted with the new list, which is printed.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(in crate::commands) struct ApplyArgs {
    /// A plan saved by egctl reshard plan --out; or give --from and --to.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["from", "to"], required_unless_present = "from")]
    pub(super) plan: Option<PathBuf>,
    /// The list so far, as clients have it.
    #[arg(long, value_name = "LIST", value_parser = EndpointList::parse, requires = "to")]
    pub(super) from: Option<EndpointList>,
    /// The list from now on.
    #[arg(long, value_name = "LIST", value_parser = EndpointList::parse, requires = "from")]
    pub(super) to: Option<EndpointList>,
    /// Further groups of graphs that are placed together, as in every client. A saved plan has its own.
    #[arg(long, value_name = "GROUPS", env = AFFINITY_VAR)]
    pub(super) affinity_groups: Option<String>,
    #[command(flatten)]
    pub(super) run: RunArgs,
}

/// Go on with a reshard that was paused, stopped, or died.
///
/// Graphs that have moved are left alone. The shards are compared with the plan again first.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(in crate::commands) struct ResumeArgs {
    #[command(flatten)]
    pub(super) run: RunArgs,
}

#[derive(Args, Debug)]
pub(super) struct RunArgs {
    /// Directory that keeps the plan, the journal, the receipts and the summary; one for each reshard.
    #[arg(long, value_name = "DIR")]
    pub(super) state: PathBuf,
    /// Graphs that move at the same time.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(super) parallel: u16,
    /// Copy at most so many bytes per second, all moves together, such as 50MB.
    #[arg(long, value_name = "RATE", value_parser = parse_rate)]
    pub(super) rate_limit: Option<u64>,
    /// Refuse writes of a graph for so long at most while its last changes are made; if that is not enough, they
    /// are taken for a while before the next attempt.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_pause)]
    pub(super) max_pause: Duration,
    /// Take no checkpoints of destinations before sources drop what left. Until a destination's next one, its checkpoints do
    /// not have what came to it.
    #[arg(long)]
    pub(super) no_checkpoint: bool,
    /// This shard is stopped: its persist directory, an empty one for a new shard. May be repeated; resume remembers them.
    #[arg(long = "dir", value_name = "ENDPOINT=PATH")]
    pub(super) directories: Vec<String>,
    /// Connect to no shard: each has to have a --dir.
    #[arg(long)]
    pub(super) offline: bool,
    #[command(flatten)]
    pub(super) credentials: CredentialArgs,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

/// Have a running reshard hold before its next step or piece, until egctl reshard resume.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(in crate::commands) struct PauseArgs {
    #[command(flatten)]
    pub(super) look: LookArgs,
}

/// Show how far a reshard is.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(in crate::commands) struct StatusArgs {
    #[command(flatten)]
    pub(super) look: LookArgs,
}

#[derive(Args, Debug)]
pub(super) struct LookArgs {
    /// Its state directory.
    #[arg(long, value_name = "DIR")]
    pub(super) state: PathBuf,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

/// Give up the moves that are not finished: their graphs stay where they were, and copies and reservations are dropped.
///
/// Graphs that have moved stay at their new owners; a reshard from the new list to the old one brings them back.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(in crate::commands) struct AbortArgs {
    /// Its state directory.
    #[arg(long, value_name = "DIR")]
    pub(super) state: PathBuf,
    /// Give up the move of this graph alone.
    #[arg(long, value_name = "GRAPH")]
    pub(super) graph: Option<String>,
    /// This shard is gone for good and is not asked. Graphs that were to go there stay, or are served again, where they
    /// were; of graphs that were to leave it, what has arrived is dropped. May be repeated.
    #[arg(long, value_name = "E")]
    pub(super) gone: Vec<Endpoint>,
    #[command(flatten)]
    pub(super) credentials: CredentialArgs,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

impl RunArgs {
    /// Limits of each move.
    pub(super) fn timing(&self) -> Timing {
        Timing { max_pause: self.max_pause, ..Timing::default() }
    }

    /// The directories given, by endpoint.
    pub(super) fn directories(&self, change: &Change) -> Result<Vec<(String, PathBuf)>> {
        let given = directories(change, &self.directories)?;
        if self.offline
            && let Some(running) = change
                .endpoints()
                .into_iter()
                .find(|endpoint| !given.iter().any(|(named, _)| named == *endpoint))
        {
            let message = format!("--offline: '{running}' has no --dir");
            return Err(Failure::new(Exit::Usage, message).into());
        }
        let absolute = |(endpoint, path): (_, PathBuf)| {
            must_exist(&path)?;
            Ok((format!("{endpoint}"), fs_err::canonicalize(path)?))
        };
        given.into_iter().map(absolute).collect()
    }
}
