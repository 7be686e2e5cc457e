//! Builds a projection from one read view.

use epistemic_storage::{
    StoreError,
    graph::{GraphReader, GraphState},
    space::Space,
};

use super::{Ids, Projection, ProjectionError, ids::IdsBuilder};
use crate::analytics::{Cancel, Rows, Topology};

/// Entries read between two looks at whether anybody still waits.
const CHECK_EVERY: usize = 4096;

/// Reads all nodes, then all edges.
pub(super) fn build(
    reader: &GraphReader<'_>,
    state: &GraphState,
    cancel: &Cancel,
) -> Result<Projection, ProjectionError> {
    let ids = read_ids(reader, state, cancel)?;
    let mut edges = Edges::new(ids.len(), state.edges as usize);
    for_each_edge(reader, &ids, cancel, |source, target, sequence, _| edges.add(source, target, sequence))?;
    Ok(Projection { ids, topology: Topology::new(edges.finish()) })
}

/// Numbers all nodes in insertion order.
pub(crate) fn read_ids(
    reader: &GraphReader<'_>,
    state: &GraphState,
    cancel: &Cancel,
) -> Result<Ids, ProjectionError> {
    let mut ids = IdsBuilder::with_capacity(state.nodes as usize);
    let (mut fits, mut looks) = (true, Looks::new(cancel));
    let scanned = reader.for_each_node(|id, sequence, _| {
        fits &= ids.add(id, sequence);
        looks.step()
    });
    cancel.check()?;
    scanned?;
    if !fits || state.edges > u64::from(u32::MAX) {
        return Err(ProjectionError::TooMany);
    }
    Ok(ids.finish())
}

/// Calls `each` with source, target, sequence and property bytes of every edge, source by source.
pub(crate) fn for_each_edge(
    reader: &GraphReader<'_>,
    ids: &Ids,
    cancel: &Cancel,
    mut each: impl FnMut(u32, u32, u64, &[u8]),
) -> Result<(), ProjectionError> {
    let mut looks = Looks::new(cancel);
    let (mut source, mut number) = (String::new(), None);
    let scanned = reader.for_each_edge(|from, to, sequence, properties| {
        if number.is_none() || source != from {
            source.clear();
            source.push_str(from);
            number = ids.number(from);
        }
        let (Some(from), Some(to)) = (number, ids.number(to)) else {
            return Err(StoreError::corrupt(Space::OutEdges, "an edge at a node that does not exist"));
        };
        each(from, to, sequence, properties);
        looks.step()
    });
    cancel.check()?;
    Ok(scanned?)
}

/// Looks now and then whether anybody still waits.
struct Looks<'a> {
    cancel: &'a Cancel,
    read: usize,
}

impl<'a> Looks<'a> {
    fn new(cancel: &'a Cancel) -> Self {
        Self { cancel, read: 0 }
    }

    fn step(&mut self) -> Result<(), StoreError> {
        self.read += 1;
        if self.read.is_multiple_of(CHECK_EVERY) && self.cancel.check().is_err() {
            return Err(StoreError::Stopped);
        }
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
