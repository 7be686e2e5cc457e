//! `egctl snapshot export`.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use epistemic_operations::encryption::{Keys, NewSnapshot};
use epistemic_operations::hosts::{Directory, StorePlace};
use epistemic_operations::remote::Download;
use epistemic_operations::streams::{Count, Counted, Tee};
use epistemic_storage::snapshot::{self, Ledger};
use tokio::runtime::Runtime;

use super::summary::Summary;
use crate::encryption::RecipientArgs;
use crate::exit::EXIT_CODES;
use crate::output::OutputArgs;
use crate::place::ReadPlaceArgs;
use crate::progress::{Progress, Total};

/// Save a graph to a file: one consistent state, checked on the way.
///
/// Asks the shard that owns the graph, or the one given with --endpoint, or reads what --dir or --store names.
/// Writes FILE.tmp, syncs it and renames it, so FILE is complete or what it was before. With --recipient the file is compressed
/// and encrypted; egctl reads it with --identity wherever it reads snapshots, and so does age -d -i KEY FILE | zstd -d.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(in crate::commands) struct ExportArgs {
    /// Exact name of the graph.
    graph: String,
    /// File to write.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Leave the ledger out and do not read it: the way to the nodes, edges and embeddings of a graph whose ledger is
    /// damaged. The ledger of an imported copy begins with its next change.
    #[arg(long)]
    without_ledger: bool,
    #[command(flatten)]
    recipients: RecipientArgs,
    #[command(flatten)]
    place: ReadPlaceArgs,
    #[command(flatten)]
    form: OutputArgs,
}

pub(super) fn run(args: &ExportArgs, runtime: &Runtime) -> Result<()> {
    let keys = args.recipients.keys()?;
    let summary = match args.place.store() {
        Some(store) => offline(args, &keys, &store)?,
        None => online(args, &keys, runtime)?,
    };
    args.form.print(&summary.for_recipients(keys.recipients()))
}

fn online(args: &ExportArgs, keys: &Keys, runtime: &Runtime) -> Result<Summary> {
    let (place, download) = runtime.block_on(async {
        let client = args.place.shards().owner_of(&args.graph).await?;
        let place = client.endpoint().clone();
        let download = match args.without_ledger {
            true => Download::open_without_ledger(client, &args.graph).await?,
            false => Download::open(client, &args.graph).await?,
        };
        anyhow::Ok((place, download))
    })?;
    let mut progress = Progress::new("export", Total::Records(download.records()));
    let count = Count::default();
    let mut file = NewSnapshot::create(&args.output, keys)?;
    let stream = Tee { from: Counted { stream: download, count: count.clone() }, to: &mut file };
    let (header, totals) = snapshot::verify(stream, &mut |records| progress.update(count.bytes(), records))?;
    let bytes = file.finish()?;
    Ok(Summary::new("exported", args.output.clone(), bytes, header, totals).at(place))
}

fn offline(args: &ExportArgs, keys: &Keys, store: &StorePlace) -> Result<Summary> {
    let directory = Directory::open_place(store)?;
    let graphs = &directory.graphs;
    let graph = graphs.graph(&args.graph)?;
    let state = graph.counters();
    let mut progress = Progress::new("export", Total::Records(state.nodes + state.edges + state.sequence));
    let count = Count::default();
    let mut file = NewSnapshot::create(&args.output, keys)?;
    let stream = Counted { stream: &mut file, count: count.clone() };
    let ledger = if args.without_ledger { Ledger::LeftOut } else { Ledger::Whole };
    let exported = snapshot::export_parts(graphs, &graph, ledger, stream, &mut |records| {
        progress.update(count.bytes(), records);
    });
    let (header, totals) = exported?;
    let bytes = file.finish()?;
    Ok(Summary::new("exported", args.output.clone(), bytes, header, totals).at(store))
}
