//! `egctl verify`.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use epistemic_storage::Store;
use epistemic_storage::audit::{Audit, DataLimits, GraphAudit, audit_with_limits};
use epistemic_storage::limits::{
    MAX_NAME_BYTES, MAX_NODE_ID_BYTES, MAX_NODE_LABELS, MAX_PROPERTY_BYTES, NameLimits, RequestLimits,
};
use indicatif::{HumanBytes, HumanCount};
use serde::Serialize;

use super::report::{write_findings, write_graphs};
use super::shown;
use crate::exit::{EXIT_CODES, Exit, Failure};
use crate::output::{OutputArgs, Report};
use crate::place::store_place;
use crate::progress::while_running;

/// Check all data of a stopped server, of a checkpoint, or of what lies on an object store.
///
/// Checksums of all blocks, and all records against each other: counters against records, edges against their ends, both directions of edges, the label index, embeddings, the ledger,
/// and that every record belongs to a graph. Changes nothing. Ends with 4 when anything is wrong.
///
/// Lists what is over the limits that a server has for what is written; it stays in use, and is no error. Give the limits that
/// the server was given.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(in crate::commands) struct VerifyArgs {
    /// Persist directory of a stopped server, or a checkpoint.
    #[arg(long, value_name = "PATH", required_unless_present = "store", conflicts_with = "store")]
    dir: Option<PathBuf>,
    /// What lies on an object store, beside its server, which goes on: the URL that the server has in --store, with ?point=NAME
    /// for a restore point.
    #[arg(long, value_name = "URL")]
    store: Option<String>,
    /// Check the records of these graphs alone, and no block that holds none of them.
    #[arg(value_name = "GRAPH")]
    graphs: Vec<String>,
    /// Longest name of a graph.
    #[arg(long, default_value_t = MAX_NAME_BYTES, value_name = "BYTES")]
    max_graph_name_bytes: usize,
    /// Longest id of a node.
    #[arg(long, default_value_t = MAX_NODE_ID_BYTES, value_name = "BYTES")]
    max_node_id_bytes: usize,
    /// Largest properties of a node or an edge, and largest embedding.
    #[arg(long, default_value_t = MAX_PROPERTY_BYTES, value_name = "BYTES")]
    max_property_bytes: usize,
    /// Labels of a node at most.
    #[arg(long, default_value_t = MAX_NODE_LABELS, value_name = "COUNT")]
    max_node_labels: usize,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Serialize)]
struct Verified {
    /// Directory or URL.
    dir: String,
    /// What the first damaged block is, if any; not looked at when graphs were named.
    checksums: Checksums,
    #[serde(flatten)]
    audit: Audit,
    /// The graphs were named: each has its line, whether it is sound or not.
    #[serde(skip)]
    named: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Checksums {
    Intact,
    Damaged(String),
    NotRead,
}

impl VerifyArgs {
    fn limits(&self) -> DataLimits {
        DataLimits {
            names: NameLimits { graph: self.max_graph_name_bytes, node: self.max_node_id_bytes },
            requests: RequestLimits {
                value_bytes: self.max_property_bytes,
                labels: self.max_node_labels,
                ..RequestLimits::default()
            },
        }
    }
}

pub(in crate::commands) fn run(args: &VerifyArgs) -> Result<()> {
    let place = store_place(args.dir.as_ref(), args.store.as_deref()).context("neither --dir nor --store")?;
    let (_owner, store) = place.open_store()?;
    let checksums = if args.graphs.is_empty() { checksums(&*store)? } else { Checksums::NotRead };
    let audit = audit_with_limits(&*store, &args.graphs, args.limits(), &mut shown("verify"))?;
    let verified = Verified { dir: place.to_string(), checksums, audit, named: !args.graphs.is_empty() };
    args.output.print(&verified)?;
    verified.failure(args.dir.is_some()).map_or(Ok(()), |failure| Err(failure.into()))
}

fn checksums(store: &dyn Store) -> Result<Checksums> {
    let size = HumanBytes(store.stats()?.bytes);
    match while_running("checksums", size, || store.verify())? {
        Ok(()) => Ok(Checksums::Intact),
        Err(error) if error.is_corruption() => Ok(Checksums::Damaged(error.to_string())),
        Err(error) => Err(error.into()),
    }
}

impl Verified {
    /// What to do next, unless all is well. Only a directory can be repaired.
    fn failure(&self, in_directory: bool) -> Option<Failure> {
        let (dir, found) = (&self.dir, self.audit.found.count());
        let repairable = if in_directory { self.audit.found.repairable } else { 0 };
        let damaged = matches!(self.checksums, Checksums::Damaged(_));
        if found == 0 && !damaged {
            return None;
        }
        let blocks = if damaged { "damaged blocks, " } else { "" };
        let mut message = format!("'{dir}': {blocks}{found} findings.");
        if repairable > 0 {
            let whose = if repairable == found && !damaged { "all".into() } else { format!("{repairable}") };
            message.push_str(&format!(" 'egctl repair --dir {dir}' makes {whose} of them right."));
        }
        if damaged || repairable < found {
            message.push_str(if repairable > 0 { " For the rest restore" } else { " Restore" });
            message
                .push_str(" the graphs concerned from a snapshot or checkpoint, see docs/errors/corrupt.md.");
        }
        Some(Failure::new(Exit::Refused, message))
    }
}

impl Report for Verified {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let Audit { graphs, unread, found, over_limits, records, .. } = &self.audit;
        let faulty = graphs.iter().filter(|graph| graph.findings > 0).count() + unread.len();
        let (dir, all, records) = (&self.dir, graphs.len() + unread.len(), HumanCount(*records));
        writeln!(out, "{dir}: {all} graphs, {faulty} of them with findings; {records} records read")?;
        match &self.checksums {
            Checksums::Intact => writeln!(out, "checksums: intact")?,
            Checksums::Damaged(reason) => writeln!(out, "checksums: DAMAGED: {reason}")?,
            Checksums::NotRead => writeln!(out, "checksums: only of the blocks of these graphs")?,
        }
        if found.is_empty() {
            writeln!(out, "findings: none")?;
        } else {
            writeln!(out, "findings:")?;
            write_findings(out, found)?;
        }
        if !over_limits.is_empty() {
            writeln!(out, "over the limits for what is written, and in use:")?;
            write_findings(out, over_limits)?;
        }
        let shown = |graph: &&GraphAudit| self.named || graph.findings > 0;
        let graphs: Vec<_> = graphs.iter().filter(shown).collect();
        if graphs.is_empty() { Ok(()) } else { write_graphs(out, &graphs) }
    }
}
