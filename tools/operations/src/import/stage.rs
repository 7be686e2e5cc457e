//! A graph of our own, made of a document and the log behind it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use epistemic_storage::properties::batch::{BatchOps, NoBatch};
use epistemic_storage::{Durability, GraphStore, StoreError, clock};
use epistemic_storage::{
    Mutation,
    graph::{COMMONS, GraphError, GraphLoader, GraphType, LedgerRecord, LoadedGraph, Op, Outcome, Write},
};

use super::document::{Counts, Document};
use super::log::{Change, Log};
use super::order::order;
use super::overlap::overlap;

/// Changes of a log that are committed at once.
const GROUP: usize = 1000;

/// What became of a graph on its way.
#[derive(Debug, Default)]
pub struct Findings {
    /// What is stored.
    pub counts: Counts,
    /// Changes of the log that were made.
    pub applied: u64,
    /// What is missing or doubtful: without it the graph is complete.
    pub problems: Vec<String>,
    /// What is worth knowing and costs nothing.
    pub notes: Vec<String>,
}

/// Makes the graph `name` in `graphs`, a store for nothing else. Blocks; not durable on return. `progress` is told the
/// records and changes of the input that are in it.
///
/// # Errors
/// Those of the store. Whatever is wrong with the input is in the findings.
pub fn stage(
    graphs: &GraphStore,
    name: &str,
    kind: GraphType,
    owner: Option<String>,
    document: Option<&Document<'_>>,
    log: Option<&Log<'_>>,
    progress: &mut dyn FnMut(u64),
) -> Result<Findings, GraphError> {
    let mut findings = Findings::default();
    match document {
        Some(document) => {
            let loaded = load(graphs, document, &mut findings, progress)?;
            graphs.install(name, loaded, kind, owner, name == COMMONS)?;
        }
        None if name == COMMONS => {}
        None => {
            graphs.write(name, Op::Create { kind, owner, tenant: None })?;
        }
    }
    if let Some(log) = log {
        findings.problems.extend(log.gaps.iter().map(|gap| format!("the log is damaged: {gap}")));
        let repeated = document.map_or(0, |document| overlap(document, log));
        if repeated > 0 {
            let all = log.changes.len();
            findings.problems.push(format!(
                "the first {repeated} of {all} changes in the log are also the last in the snapshot: left out, because they are there twice if the server died during a checkpoint (if not, as many equal edges are missing now)"
            ));
        }
        let before = document.map_or(0, |document| document.counts().sum());
        let mut progress = |changes: u64| progress(before + changes);
        replay(graphs, name, &log.changes[repeated..], &mut findings, &mut progress)?;
    }
    let graph = graphs.graph(name)?;
    let state = graph.counters();
    findings.counts = Counts {
        nodes: state.nodes,
        edges: state.edges,
        ledger: state.ledger_lines,
        embeddings: state.vectors,
    };
    check(document, log, &mut findings);
    Ok(findings)
}

/// Whether a snapshot that is all there is was taken as it says.
fn check(document: Option<&Document<'_>>, log: Option<&Log<'_>>, findings: &mut Findings) {
    let Some(stated) = document.map(|document| document.stated) else {
        return;
    };
    let Counts { nodes, edges, ledger, .. } = findings.counts;
    let found = (Some(nodes), Some(edges), Some(ledger));
    let has_changes = log.is_some_and(|log| log.changes() > 0);
    if !has_changes && findings.problems.is_empty() && found != (stated.nodes, stated.edges, stated.ledger) {
        findings.problems.push(format!("the input says {stated:?}, taken were {}", findings.counts));
    }
}

fn load(
    graphs: &GraphStore,
    document: &Document<'_>,
    findings: &mut Findings,
    progress: &mut dyn FnMut(u64),
) -> Result<LoadedGraph, StoreError> {
    let problems = &mut findings.problems;
    if let Some(damage) = &document.damage {
        problems.push(format!("the snapshot is damaged: {damage}"));
    }
    let order = order(document);
    if order.unknown > 0 {
        let unknown = order.unknown;
        findings.notes.push(format!(
            "the ledger does not tell when {unknown} nodes and edges were added: they come first, in the order of the input"
        ));
    }
    let mut loader = graphs.load();
    // Of a repeated node the last counts, as in the reference server.
    let last: HashMap<&str, usize> =
        document.nodes.iter().enumerate().map(|(index, (id, _))| (*id, index)).collect();
    for (index, (id, properties)) in document.nodes.iter().enumerate() {
        if last[id] == index {
            loader.node(id, order.nodes[index], properties)?;
        }
        progress(index as u64);
    }
    let repeated = document.nodes.len() - last.len();
    if repeated > 0 {
        problems
            .push(format!("{repeated} nodes are in the snapshot more than once; the last of each was taken"));
    }
    let mut lost = 0;
    for (index, (source, target, properties)) in document.edges.iter().enumerate() {
        if last.contains_key(source) && last.contains_key(target) {
            loader.edge(source, target, order.edges[index], properties)?;
        } else {
            lost += 1;
        }
        progress((document.nodes.len() + index) as u64);
    }
    if lost > 0 {
        problems.push(format!("{lost} edges have an end that is no node; they were left out"));
    }
    let now = clock::unix_ms();
    for (line, sequence) in document.ledger.iter().zip(order.unknown + 1..) {
        loader.ledger(sequence, LedgerRecord::Text(line).encode(now))?;
    }
    load_embeddings(&mut loader, document, &last, findings)?;
    let mut loaded = loader.finish()?;
    // Lines of text are no changes that could be replayed.
    let sequence = loaded.counters().sequence;
    loaded.set_sequence(sequence, sequence + 1);
    Ok(loaded)
}

/// Embeddings have finite components here.
fn load_embeddings(
    loader: &mut GraphLoader<'_>,
    document: &Document<'_>,
    nodes: &HashMap<&str, usize>,
    findings: &mut Findings,
) -> Result<(), StoreError> {
    let last: BTreeMap<&str, &[f32]> =
        document.embeddings.iter().map(|(id, vector)| (*id, vector.as_slice())).collect();
    let homeless = last.keys().filter(|id| !nodes.contains_key(*id)).count();
    if homeless > 0 {
        findings
            .notes
            .push(format!("{homeless} embeddings are of nodes that do not exist; they were left out"));
    }
    let mut left_out = 0;
    for (id, vector) in last.iter().filter(|(id, _)| nodes.contains_key(*id)) {
        if vector.is_empty() || !vector.iter().all(|component| component.is_finite()) {
            left_out += 1;
            continue;
        }
        let bytes: Vec<u8> = vector.iter().flat_map(|component| component.to_le_bytes()).collect();
        loader.embedding(id, &bytes)?;
    }
    if left_out > 0 {
        findings.problems.push(format!(
            "{left_out} embeddings have no components, or some that are no finite numbers; they were left out"
        ));
    }
    Ok(())
}

/// Makes the changes of a log. One that cannot be made is counted, and the others go on.
fn replay(
    graphs: &GraphStore,
    name: &str,
    changes: &[Change<'_>],
    findings: &mut Findings,
    progress: &mut dyn FnMut(u64),
) -> Result<(), GraphError> {
    let name: Arc<str> = name.into();
    let (mut refused, mut items) = (Vec::new(), Vec::new());
    for (group, groups) in changes.chunks(GROUP).zip(0..) {
        progress(groups * GROUP as u64);
        let mut writes = Vec::with_capacity(group.len());
        for change in group {
            match op(change) {
                Ok(op) => writes.push(Write { graph: Arc::clone(&name), op }),
                Err(error) => refused.push(format!("a batch that cannot be read ({error:?})")),
            }
        }
        for result in graphs.commit(&writes, Durability::Buffered) {
            match result {
                Ok(outcome) => {
                    findings.applied += 1;
                    if let Outcome::Batch(report) = outcome {
                        items.extend(report.errors);
                    }
                }
                Err(error @ (GraphError::SourceNotFound(_) | GraphError::TargetNotFound(_))) => {
                    refused.push(error.to_string());
                }
                Err(error) => return Err(error),
            }
        }
    }
    if let Some(first) = refused.first() {
        let count = refused.len();
        findings.problems.push(format!("{count} changes of the log cannot be made, the first: {first}"));
    }
    if let Some(first) = items.first() {
        let count = items.len();
        findings
            .notes
            .push(format!("{count} items of batches failed, as they did on the server, the first: {first}"));
    }
    Ok(())
}

fn op<'a>(change: &'a Change<'_>) -> Result<Op, NoBatch<'a>> {
    let mutation = match change {
        Change::AddNode { id, properties } => {
            Mutation::AddNode { id: (*id).to_owned(), properties: properties.clone() }
        }
        Change::AddEdge { source, target, properties } => Mutation::AddEdge {
            source: (*source).to_owned(),
            target: (*target).to_owned(),
            properties: properties.clone(),
        },
        Change::RemoveNode { id } => Mutation::RemoveNode { id: (*id).to_owned() },
        Change::RemoveEdge { source, target } => {
            Mutation::RemoveEdge { source: (*source).to_owned(), target: (*target).to_owned() }
        }
        Change::Batch(operations) => {
            let items = BatchOps::parse(operations)?;
            return Ok(Op::Batch(items.map(|item| item.map_err(|why| why.to_string())).collect()));
        }
        Change::Clear => return Ok(Op::Clear),
    };
    Ok(Op::One(mutation))
}
