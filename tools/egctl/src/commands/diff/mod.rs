//! `egctl diff`: two copies of a graph, record by record.
//!
//! * `source` is where a copy is and its stream of records; `report` is what is told.

mod report;
mod source;

use std::io::BufReader;

use anyhow::Result;
use clap::Args;
use epistemic_operations::streams::{Count, Counted};
use epistemic_storage::snapshot::{CompareError, Header, RecordKey, RecordKind, SnapshotReader, compare};
use tokio::runtime::Runtime;

use self::report::{Copy, Differences};
use self::source::{Source, Sources};
use crate::encryption::IdentityArgs;
use crate::exit::{EXIT_CODES, Exit, Failure};
use crate::output::OutputArgs;
use crate::progress::{Progress, Total};
use crate::shards::CredentialArgs;

/// Bytes read at once.
const BUFFER: usize = 1 << 20;

const SOURCES: &str = "\
A copy is one of
  FILE                     a snapshot file; file:FILE when its name has a '#'
  dir:PATH#GRAPH           a graph in the persist directory of a stopped server, or in a checkpoint
  store:URL#GRAPH          a graph of what lies on an object store, beside its server, as it is now or at a restore point:
                           store:s3://BUCKET/PREFIX#GRAPH, store:s3://BUCKET/PREFIX?point=NAME#GRAPH
  tcp://HOST:PORT#GRAPH    a graph of a running shard, as it is now
  unix://PATH#GRAPH        the same
Everything behind the first '#' is the exact name of the graph.";

/// Compare two copies of a graph: equal, or which nodes, edges and embeddings differ.
///
/// Both are read once, in the order of their keys, and checked on the way. Ends with 5 when they differ.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES, after_long_help = format!("{SOURCES}\n\n{EXIT_CODES}"))]
pub(super) struct DiffArgs {
    /// The first copy: FILE, dir:PATH#GRAPH, store:URL#GRAPH, tcp://HOST:PORT#GRAPH or unix://PATH#GRAPH.
    #[arg(value_name = "A")]
    first: Source,
    /// The second copy.
    #[arg(value_name = "B")]
    second: Source,
    /// Compare ledger records too.
    #[arg(long)]
    ledger: bool,
    /// Records that are shown; all are counted.
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,
    #[command(flatten)]
    identity: IdentityArgs,
    #[command(flatten)]
    credentials: CredentialArgs,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &DiffArgs, runtime: &Runtime) -> Result<()> {
    let keys = args.identity.keys()?;
    let sources = Sources::open([&args.first, &args.second], &args.credentials, &keys, runtime)?;
    let mut differences = Differences::new(args.limit, args.ledger);
    let [first, second] = sources.read(|[first, second]| {
        let count = Count::default();
        let open = |which: usize, stream| {
            let stream = Counted { stream, count: count.clone() };
            let reader = SnapshotReader::new(BufReader::with_capacity(BUFFER, stream));
            reader.map_err(|error| CompareError { which, error })
        };
        let (first, second) = (open(0, first)?, open(1, second)?);
        let records =
            |header: &Header| header.nodes.saturating_add(header.edges).saturating_add(header.sequence);
        let total = records(first.header()).saturating_add(records(second.header()));
        let mut progress = Progress::new("diff", Total::Records(total));
        let mut each = |key: RecordKey<'_>, how| {
            if args.ledger || key.kind != RecordKind::Ledger {
                differences.add(key, how);
            }
        };
        compare(first, second, &mut each, &mut |records| progress.update(count.bytes(), records))
    })?;
    let report = differences.report(Copy::new(&args.first, first), Copy::new(&args.second, second));
    args.output.print(&report)?;
    if report.equal {
        return Ok(());
    }
    Err(Failure::new(Exit::Different, format!("the copies differ in {} records", report.count())).into())
}
