//! The audit of a store.

use std::sync::Arc;

use super::{
    catalog::{self, Catalog},
    counters::Stored,
    finding::Findings,
    graph,
    graph_scan::GraphScan,
    orphans, over_limits,
    recorder::{Recorder, Repairs},
    report::{Audit, DataLimits, GraphAudit, Progress},
};
use crate::{
    batch::WriteBatch,
    error::Result,
    graph::{GraphCounters, GraphError},
    keys::GraphId,
    space::Space,
    store::{Read, Store},
};

/// Repairs of a graph are one batch up to this size. Larger ones are several: each alone brings records nearer to what
/// they are derived from, and the counters come last.
const MOST_BYTES: usize = 32 << 20;

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
pub(crate) fn audit_records(
    read: &dyn Read,
    name: &str,
    id: GraphId,
    state: GraphCounters,
) -> Result<Findings> {
    let tell = &mut |_| {};
    let mut recorder = Recorder::new(tell, None);
    let mut scan = GraphScan { read, id, space: Space::Nodes, recorder: &mut recorder };
    graph::check(&mut scan, name, Stored::State(state))?;
    Ok(recorder.found)
}

fn run(store: &dyn Store, only: &[String], mut recorder: Recorder<'_>) -> Result<Audit, GraphError> {
    let view = store.read_view();
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
        let mut scan = GraphScan { read: &*view, id, space: Space::Nodes, recorder: &mut recorder };
        scan.name_limits(&name);
        let checked = graph::check(&mut scan, &name, catalog.state(id));
        let space = scan.space;
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
