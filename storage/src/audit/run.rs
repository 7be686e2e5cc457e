//! The audit of a store.

use std::sync::Arc;

use serde::Serialize;

use super::{
    catalog::{self, Catalog},
    counters::Stored,
    finding::Findings,
    graph, orphans,
    over_limits::{self, DataLimits},
    pass::Pass,
    recorder::{Recorder, Repairs},
};
use crate::{
    batch::WriteBatch,
    error::Result,
    graph::{GraphError, GraphState},
    keys::GraphId,
    space::Space,
    store::{Read, Store},
};

/// Repairs of a graph are one batch up to this size. Larger ones are several: each alone brings records nearer to what
/// they are derived from, and the counters come last.
const MOST_BYTES: usize = 32 << 20;

/// How far an audit has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Records read so far.
    pub records: u64,
    /// Bytes of their keys and values.
    pub bytes: u64,
    /// Records that there are if the counters are right.
    pub expected: u64,
}

/// What the records of one graph add up to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GraphAudit {
    /// Its name.
    pub graph: String,
    /// Nodes.
    pub nodes: u64,
    /// Edges.
    pub edges: u64,
    /// Records of the label index.
    pub labels: u64,
    /// Ledger records.
    pub ledger: u64,
    /// Embeddings.
    pub vectors: u64,
    /// Number of its newest change.
    pub sequence: u64,
    /// What is wrong with it.
    pub findings: u64,
}

/// What an audit or a repair came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Audit {
    /// The graphs that were read to their end, by name.
    pub graphs: Vec<GraphAudit>,
    /// The graphs that could not be read to their end, by name.
    pub unread: Vec<String>,
    /// What is wrong; after a repair, what still is.
    pub found: Findings,
    /// What a repair made right.
    pub repaired: Findings,
    /// What is larger than what is written may be ([`audit_with_limits`]): it stays in use.
    pub over_limits: Findings,
    /// Records read.
    pub records: u64,
}

/// Compares the records of the graphs named in `only` with each other, or of all graphs when it is empty; the catalog, and
/// whether every record has an owner, in any case. Changes nothing, on one read view, with the same memory for any graph.
/// Blocks until all records are read; `progress` is told now and then.
///
/// # Errors
/// [`GraphError::GraphNotFound`] for a name that the catalog does not have; errors of the store that are not damage. Damage
/// is a finding.
pub fn audit(
    store: &dyn Store,
    only: &[String],
    progress: &mut dyn FnMut(Progress),
) -> Result<Audit, GraphError> {
    run(store, only, Recorder::new(progress, None))
}

/// As [`audit`], and tells what is stored beyond the limits for what is written.
///
/// # Errors
/// As [`audit`].
pub fn audit_with_limits(
    store: &dyn Store,
    only: &[String],
    limits: DataLimits,
    progress: &mut dyn FnMut(Progress),
) -> Result<Audit, GraphError> {
    run(store, only, Recorder::new(progress, None).comparing_with(limits))
}

/// As [`audit`] of all graphs, and rebuilds the derived records that are wrong: in one batch for each graph, durable before
/// the next graph is looked at. What is interrupted is begun again. With `dry_run` only tells what it would do. Nobody else
/// may write to the store meanwhile; whoever has its catalog in memory has to read it again.
///
/// # Errors
/// As [`audit`], and as [`Store::commit`].
pub fn repair(
    store: &dyn Store,
    dry_run: bool,
    progress: &mut dyn FnMut(Progress),
) -> Result<Audit, GraphError> {
    repair_in_batches(store, dry_run, MOST_BYTES, progress)
}

/// As [`repair`], in batches of about `most_bytes` bytes.
#[doc(hidden)]
pub fn repair_in_batches(
    store: &dyn Store,
    dry_run: bool,
    most_bytes: usize,
    progress: &mut dyn FnMut(Progress),
) -> Result<Audit, GraphError> {
    let repairs = Repairs { store: (!dry_run).then_some(store), most_bytes, batch: WriteBatch::new() };
    run(store, &[], Recorder::new(progress, Some(repairs)))
}

/// What is wrong with the records of one graph in `read`, as [`audit`] would tell it: `name`, `id` and `state` are what the
/// catalog would say of it. Blocks until all are read, with the same memory for any graph.
///
/// # Errors
/// Those of `read`, damage included.
pub(crate) fn audit_records(read: &dyn Read, name: &str, id: GraphId, state: GraphState) -> Result<Findings> {
    let tell = &mut |_| {};
    let mut recorder = Recorder::new(tell, None);
    let mut pass = Pass { read, id, space: Space::Nodes, recorder: &mut recorder };
    graph::check(&mut pass, name, Stored::State(state))?;
    Ok(recorder.found)
}

fn run(store: &dyn Store, only: &[String], mut recorder: Recorder<'_>) -> Result<Audit, GraphError> {
    let view = store.view();
    let catalog = catalog::check(&*view, &mut recorder)?;
    let graphs = chosen(&catalog, only)?;
    recorder.progress.expected = catalog.expected_records(graphs.iter().map(|(_, id)| id));
    orphans::check(&*view, &catalog, &mut recorder)?;
    if only.is_empty() {
        over_limits::check_service(&*view, &mut recorder)?;
    }
    recorder.commit()?;
    let (mut audited, mut unread) = (Vec::with_capacity(graphs.len()), Vec::new());
    for (name, id) in graphs {
        let before = recorder.count();
        recorder.graph = Some(name.to_string());
        let mut pass = Pass { read: &*view, id, space: Space::Nodes, recorder: &mut recorder };
        pass.name_limits(&name);
        let checked = graph::check(&mut pass, &name, catalog.state(id));
        let space = pass.space;
        match checked {
            Ok(found) => audited.push(GraphAudit { findings: recorder.count() - before, ..found }),
            Err(error) => {
                recorder.unreadable(space, error)?;
                unread.push(name.to_string());
            }
        }
        recorder.commit()?;
    }
    Ok(Audit { unread, ..recorder.finish(audited) })
}

fn chosen(catalog: &Catalog, only: &[String]) -> Result<Vec<(Arc<str>, GraphId)>, GraphError> {
    let of = |(name, id): (&Arc<str>, &GraphId)| (Arc::clone(name), *id);
    if only.is_empty() {
        return Ok(catalog.graphs.iter().map(of).collect());
    }
    let find = |name: &String| {
        let found = catalog.graphs.get_key_value(name.as_str()).map(of);
        found.ok_or_else(|| GraphError::GraphNotFound(name.clone()))
    };
    only.iter().map(find).collect()
}
