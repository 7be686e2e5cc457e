//! Builds a projection from one read view.

use epistemic_storage::{
    StoreError,
    graph::{GraphReader, GraphState},
    space::Space,
};

use super::{
    Ids, Projection, ProjectionError,
    ids::{Arrival, IdsBuilder},
};
use crate::{
    analytics::{Cancel, Cancelled, Rows, Topology},
    compute_pool::scan_on,
};

/// Rows copied between two looks at whether anybody still waits.
const CHECK_EVERY: usize = 4096;
/// Edges whose targets are looked up together.
const BATCH: usize = 256;

/// Reads all nodes, then all edges. `fits` as for [`Nodes::read`].
pub(super) fn build(
    reader: &GraphReader<'_>,
    state: &GraphState,
    cancel: &Cancel,
    fits: impl Fn(u64) -> Result<(), ProjectionError>,
) -> Result<Projection, ProjectionError> {
    let nodes = Nodes::read(reader, state, cancel, fits)?;
    let mut edges = Edges::new(nodes.ids.len(), state.edges as usize);
    let add = |source, target, sequence, ()| edges.add(source, target, sequence);
    nodes.for_each_edge(reader, cancel, |_| (), add)?;
    let topology = Topology::new(edges.finish(cancel)?);
    Ok(Projection { ids: nodes.ids, topology, counted: None })
}

/// The nodes of a graph, to read its edges with.
pub(crate) struct Nodes {
    /// All nodes in insertion order.
    pub(crate) ids: Ids,
    /// They were read by id.
    by_id: Arrival,
}

impl Nodes {
    /// Numbers all nodes in insertion order. `fits` is asked with the bytes of their ids so far: reading stops when it
    /// refuses.
    pub(crate) fn read(
        reader: &GraphReader<'_>,
        state: &GraphState,
        cancel: &Cancel,
        fits: impl Fn(u64) -> Result<(), ProjectionError>,
    ) -> Result<Self, ProjectionError> {
        if state.edges > u64::from(u32::MAX) {
            return Err(ProjectionError::TooMany);
        }
        let mut ids = IdsBuilder::with_capacity(state.nodes as usize);
        let mut refused = None;
        let scanned = reader.for_each_node(|id, sequence, _| {
            let room = if ids.add(id, sequence) { fits(ids.bytes()) } else { Err(ProjectionError::TooMany) };
            refused = room.err();
            if refused.is_some() { Err(StoreError::Stopped) } else { scan_on(cancel) }
        });
        cancel.check()?;
        if let Some(refusal) = refused {
            return Err(refusal);
        }
        scanned?;
        let (ids, by_id) = ids.finish(cancel)?;
        Ok(Self { ids, by_id })
    }

    /// Calls `each` with source, target, sequence and what `look` makes of the property bytes of every edge, source by
    /// source.
    pub(crate) fn for_each_edge<P>(
        &self,
        reader: &GraphReader<'_>,
        cancel: &Cancel,
        look: impl Fn(&[u8]) -> P,
        each: impl FnMut(u32, u32, u64, P),
    ) -> Result<(), ProjectionError> {
        // Edges come by the id of their source, as the nodes did: only targets have to be looked up.
        let mut sources = self.by_id.iter(&self.ids).peekable();
        let mut batch = Batch { ids: &self.ids, edges: Vec::new(), targets: String::new(), each };
        let scanned = reader.for_each_edge(|from, to, sequence, properties| {
            while sources.next_if(|(id, _)| *id < from).is_some() {}
            let &(_, source) = sources.peek().filter(|(id, _)| *id == from).ok_or_else(lost)?;
            batch.add(source, to, sequence, look(properties))?;
            scan_on(cancel)
        });
        cancel.check()?;
        scanned?;
        Ok(batch.flush()?)
    }
}

fn lost() -> StoreError {
    StoreError::corrupt(Space::OutEdges, "an edge at a node that does not exist")
}

/// Edges whose targets are looked up together: lookups right behind each other wait for memory at the same time.
struct Batch<'a, P, F> {
    ids: &'a Ids,
    /// Source, sequence, the end of the target's id in `targets`, and properties.
    edges: Vec<(u32, u64, usize, P)>,
    targets: String,
    each: F,
}

impl<P, F: FnMut(u32, u32, u64, P)> Batch<'_, P, F> {
    fn add(&mut self, source: u32, target: &str, sequence: u64, properties: P) -> Result<(), StoreError> {
        self.targets.push_str(target);
        self.edges.push((source, sequence, self.targets.len(), properties));
        if self.edges.len() < BATCH { Ok(()) } else { self.flush() }
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        let mut start = 0;
        for (source, sequence, end, properties) in self.edges.drain(..) {
            let target = self.ids.number(&self.targets[start..end]).ok_or_else(lost)?;
            start = end;
            (self.each)(source, target, sequence, properties);
        }
        self.targets.clear();
        Ok(())
    }
}

/// Edges that come source by source, sources in any order.
struct Edges {
    /// Where the row of each node begins in `far`, and its length.
    rows: Vec<(u32, u32)>,
    far: Vec<u32>,
    /// The running source and its edges.
    source: Option<u32>,
    row: Vec<(u64, u32)>,
}

impl Edges {
    fn new(nodes: usize, edges: usize) -> Self {
        Self { rows: vec![(0, 0); nodes], far: Vec::with_capacity(edges), source: None, row: Vec::new() }
    }

    fn add(&mut self, source: u32, target: u32, sequence: u64) {
        if self.source != Some(source) {
            self.end_row();
            self.source = Some(source);
        }
        self.row.push((sequence, target));
    }

    /// Newest edge first.
    fn end_row(&mut self) {
        if let Some(source) = self.source {
            self.row.sort_unstable_by(|a, b| b.cmp(a));
            self.rows[source as usize] = (self.far.len() as u32, self.row.len() as u32);
            self.far.extend(self.row.drain(..).map(|(_, target)| target));
        }
    }

    fn finish(mut self, cancel: &Cancel) -> Result<Rows, Cancelled> {
        self.end_row();
        let mut offsets = Vec::with_capacity(self.rows.len() + 1);
        let mut far = Vec::with_capacity(self.far.len());
        offsets.push(0);
        for (node, (start, length)) in self.rows.into_iter().enumerate() {
            if node.is_multiple_of(CHECK_EVERY) {
                cancel.check()?;
            }
            far.extend_from_slice(&self.far[start as usize..(start + length) as usize]);
            offsets.push(far.len() as u32);
        }
        Ok(Rows::new(offsets, far))
    }
}

#[cfg(test)]
mod tests;
