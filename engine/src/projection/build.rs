//! Builds a projection from one read view.

use epistemic_storage::{
    StoreError,
    graph::{GraphReader, GraphState},
    space::Space,
};

use super::{Projection, ProjectionError, ids::IdsBuilder};
use crate::analytics::{Cancel, Rows, Topology};

/// Entries read between two looks at whether anybody still waits.
const CHECK_EVERY: usize = 4096;

/// Reads all nodes, then all edges.
pub(super) fn build(
    reader: &GraphReader<'_>,
    state: &GraphState,
    cancel: &Cancel,
) -> Result<Projection, ProjectionError> {
    let mut read = 0_usize;
    let mut step = || {
        read += 1;
        if read.is_multiple_of(CHECK_EVERY) && cancel.check().is_err() {
            return Err(StoreError::OverBudget { entries: read });
        }
        Ok(())
    };
    let mut ids = IdsBuilder::with_capacity(state.nodes as usize);
    let mut fits = true;
    let nodes = reader.for_each_node(|id, sequence, _| {
        fits &= ids.add(id, sequence);
        step()
    });
    cancel.check()?;
    nodes?;
    if !fits || state.edges > u64::from(u32::MAX) {
        return Err(ProjectionError::TooMany);
    }
    let ids = ids.finish();

    let mut edges = Edges::new(ids.len(), state.edges as usize);
    let (mut source, mut number) = (String::new(), None);
    let scanned = reader.for_each_edge(|from, to, sequence, _| {
        if number.is_none() || source != from {
            source.clear();
            source.push_str(from);
            number = ids.number(from);
        }
        let (Some(from), Some(to)) = (number, ids.number(to)) else {
            return Err(StoreError::corrupt(Space::OutEdges, "an edge at a node that does not exist"));
        };
        edges.add(from, to, sequence);
        step()
    });
    cancel.check()?;
    scanned?;
    Ok(Projection { ids, topology: Topology::new(edges.finish()) })
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

    fn finish(mut self) -> Rows {
        self.end_row();
        let mut offsets = Vec::with_capacity(self.rows.len() + 1);
        let mut far = Vec::with_capacity(self.far.len());
        offsets.push(0);
        for (start, length) in self.rows {
            far.extend_from_slice(&self.far[start as usize..(start + length) as usize]);
            offsets.push(far.len() as u32);
        }
        Rows::new(offsets, far)
    }
}
