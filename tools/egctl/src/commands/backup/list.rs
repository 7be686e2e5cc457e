//! `egctl backup list`.

use std::collections::BTreeSet;
use std::io::{self, Write};

use anyhow::Result;
use clap::Args;
use epistemic_operations::backup::{
    BackupError, Choice, GraphEntry, Listed, Manifest, PieceKind, Run, Tier, load_tiers, matching, shown_time,
};
use serde::Serialize;
use tokio::runtime::Runtime;

use super::{FromArgs, StoreArgs};
use crate::exit::EXIT_CODES;
use crate::output::{OutputArgs, Report};
use crate::table::{shortened, write_table};

/// List the runs of a backup, oldest first, or with --graph what each has of one graph.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(in crate::commands) struct ListArgs {
    #[command(flatten)]
    from: FromArgs,
    #[command(flatten)]
    stores: StoreArgs,
    /// Exact name of a graph.
    #[arg(long, value_name = "NAME")]
    graph: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &ListArgs, runtime: &Runtime) -> Result<()> {
    let objects = args.from.open(runtime)?;
    let listed = Listed::of(&objects)?;
    let wanted = args.stores.wanted();
    match &args.graph {
        None => {
            let mut runs = listed.load_all(&objects, None)?;
            if wanted.is_some() {
                let stores = matching(&objects, &listed, &wanted)?;
                runs.retain(|run| run.store.as_ref().is_some_and(|store| stores.contains_key(store)));
            }
            let tiers = load_tiers(&objects)?.iter().map(TierRow::new).collect();
            args.output.print(&Runs { runs: runs.iter().map(RunRow::new).collect(), tiers })
        }
        Some(name) => {
            let mut rows = Vec::new();
            for store in matching(&objects, &listed, &wanted)?.into_keys() {
                let choice = Choice::load(&objects, &listed, &store, None)?;
                for (manifest, entry) in choice.history(name)? {
                    rows.extend(GraphRow::all(manifest, &entry));
                }
            }
            args.output.print(&Graphs { graph: name.clone(), runs: rows })
        }
    }
}

#[derive(Serialize)]
struct Runs {
    runs: Vec<RunRow>,
    /// Backups of the whole tier.
    tiers: Vec<TierRow>,
}

#[derive(Serialize)]
struct TierRow {
    tier: String,
    /// Whether every shard was backed up.
    complete: bool,
    shards: usize,
}

impl TierRow {
    fn new(tier: &Tier) -> Self {
        Self { tier: tier.run.clone(), complete: tier.is_complete(), shards: tier.shards.len() }
    }
}

#[derive(Serialize)]
struct RunRow {
    run: String,
    /// Identity of the store.
    store: Option<String>,
    /// Unix milliseconds.
    started_ms: u64,
    source: String,
    /// Whether all graphs were meant.
    all_graphs: bool,
    graphs: u64,
    /// Objects written by this run, and their bytes.
    objects: u64,
    bytes: u64,
    /// For whom it is encrypted; empty when it is in the clear.
    recipients: Vec<String>,
    /// None of the identities given opens it, so that more is not known.
    locked: bool,
    /// Why it cannot be used.
    damage: Option<String>,
}

impl RunRow {
    fn new(run: &Run) -> Self {
        let mut row = Self {
            run: run.name.clone(),
            store: run.store.clone(),
            started_ms: 0,
            source: String::new(),
            all_graphs: false,
            graphs: 0,
            objects: 0,
            bytes: 0,
            recipients: Vec::new(),
            locked: false,
            damage: None,
        };
        match &run.manifest {
            Ok(manifest) => {
                row.started_ms = manifest.started_ms;
                row.source.clone_from(&manifest.source);
                row.all_graphs = manifest.is_of_all();
                row.graphs = manifest.graphs;
                (row.objects, row.bytes) = (manifest.objects, manifest.bytes);
                row.recipients.clone_from(&manifest.recipients);
            }
            Err(BackupError::Locked(locked)) => {
                row.recipients.clone_from(&locked.recipients);
                row.locked = true;
            }
            Err(error) => row.damage = Some(error.to_string()),
        }
        row
    }
}

impl Report for Runs {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let rows: Vec<_> = self.runs.iter().map(RunRow::cells).collect();
        let heading = ["run", "started", "graphs", "objects", "bytes", "encryption", "store", "source"];
        write_table(out, heading, &rows)?;
        self.write_encryption(out)?;
        if self.tiers.is_empty() {
            return Ok(());
        }
        let rows = self.tiers.iter().map(|tier| {
            let state = if tier.complete { "complete" } else { "INCOMPLETE" };
            [tier.tier.clone(), tier.shards.to_string(), state.to_owned()]
        });
        let rows: Vec<_> = rows.collect();
        writeln!(out)?;
        write_table(out, ["tier", "shards", "state"], &rows)
    }
}

impl Runs {
    /// Who can read what, and whether something is in the clear beside what is not.
    fn write_encryption(&self, out: &mut dyn Write) -> io::Result<()> {
        let recipients: BTreeSet<_> = self.runs.iter().flat_map(|run| &run.recipients).collect();
        for recipient in recipients {
            writeln!(out, "{}  is  {recipient}", short(recipient))?;
        }
        let is_clear = |run: &&RunRow| run.recipients.is_empty() && run.damage.is_none();
        let clear = self.runs.iter().filter(is_clear).count();
        let encrypted = self.runs.iter().filter(|run| !run.recipients.is_empty()).count();
        if clear == 0 || encrypted == 0 {
            return Ok(());
        }
        writeln!(
            out,
            "WARNING: {clear} of these runs are in the clear, beside {encrypted} that are encrypted"
        )
    }
}

/// A recipient in a table.
fn short(recipient: &str) -> &str {
    recipient.get(..12).unwrap_or(recipient)
}

impl RunRow {
    fn cells(&self) -> [String; 8] {
        let short: Vec<&str> = self.recipients.iter().map(|recipient| short(recipient)).collect();
        let encryption = if short.is_empty() { "none".to_owned() } else { short.join(", ") };
        let store = self.store.clone().unwrap_or_default();
        if let Some(damage) = &self.damage {
            let blank = String::new;
            return [
                self.run.clone(),
                blank(),
                blank(),
                blank(),
                blank(),
                blank(),
                store,
                format!("DAMAGED: {damage}"),
            ];
        }
        if self.locked {
            let blank = String::new;
            let more = "give --identity to see more".to_owned();
            return [self.run.clone(), blank(), blank(), blank(), blank(), encryption, store, more];
        }
        let graphs = if self.all_graphs { "all, " } else { "" };
        [
            self.run.clone(),
            shown_time(self.started_ms),
            format!("{graphs}{}", self.graphs),
            self.objects.to_string(),
            self.bytes.to_string(),
            encryption,
            store,
            self.source.clone(),
        ]
    }
}

#[derive(Serialize)]
struct Graphs {
    graph: String,
    runs: Vec<GraphRow>,
}

/// One chain of a run.
#[derive(Serialize)]
struct GraphRow {
    run: String,
    /// Identity of the store.
    store: String,
    /// Links of the chain.
    objects: usize,
    increments: usize,
    /// Before compression.
    bytes: u64,
    /// Sequence numbers that can be restored.
    first_sequence: u64,
    last_sequence: u64,
    /// Times that can be restored, Unix milliseconds.
    first_ms: u64,
    last_ms: u64,
    /// At the last sequence number.
    nodes: u64,
    edges: u64,
    digest: String,
}

impl GraphRow {
    fn all(manifest: &Manifest, entry: &GraphEntry) -> Vec<Self> {
        let chains = [&entry.ended, &entry.chain].into_iter().filter_map(|chain| {
            let (first, last) = (chain.first()?, chain.last()?);
            Some(Self {
                run: manifest.run.clone(),
                store: manifest.store.clone(),
                objects: chain.len(),
                increments: chain.iter().filter(|piece| piece.kind == PieceKind::Increment).count(),
                bytes: chain.iter().map(|piece| piece.stored.bytes).sum(),
                first_sequence: first.sequence,
                last_sequence: last.sequence,
                first_ms: first.changed_ms,
                last_ms: entry.covered_ms,
                nodes: last.content.nodes,
                edges: last.content.edges,
                digest: last.content.digest.clone(),
            })
        });
        chains.collect()
    }
}

impl Report for Graphs {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "graph {}", shortened(&self.graph))?;
        let rows = self.runs.iter().map(|row| {
            [
                row.run.clone(),
                row.objects.to_string(),
                format!("{} to {}", row.first_sequence, row.last_sequence),
                format!("{} to {}", shown_time(row.first_ms), shown_time(row.last_ms)),
                row.nodes.to_string(),
                row.edges.to_string(),
                row.store.clone(),
            ]
        });
        let rows: Vec<_> = rows.collect();
        write_table(out, ["run", "links", "sequences", "times", "nodes", "edges", "store"], &rows)
    }
}
