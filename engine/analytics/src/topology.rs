//! A directed multigraph in compressed sparse rows.

use std::sync::OnceLock;

use super::{Cancel, Cancelled};

const CHECK_EVERY: usize = 4096;

/// Edges by the node at one end: the far ends of row `n` are `far[offsets[n]..offsets[n + 1]]`, newest edge first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rows {
    offsets: Vec<u32>,
    far: Vec<u32>,
}

/// Nodes are numbered from 0 in insertion order. Parallel edges and self loops are kept, each counted.
#[derive(Debug, Default)]
pub struct Topology {
    out: Rows,
    /// Made of `out` when first asked for.
    incoming: OnceLock<Rows>,
}

impl Rows {
    /// From one list of far ends per node, concatenated.
    ///
    /// # Panics
    /// When `offsets` is not ascending from 0 to `far.len()`, or a far end is no node.
    pub fn new(offsets: Vec<u32>, far: Vec<u32>) -> Self {
        assert!(offsets.first() == Some(&0) && offsets.last().map(|&end| end as usize) == Some(far.len()));
        assert!(offsets.is_sorted() && far.iter().all(|&node| (node as usize) < offsets.len() - 1));
        Self { offsets, far }
    }

    /// Number of nodes.
    pub fn nodes(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// The far ends of a node, newest edge first.
    pub fn of(&self, node: u32) -> &[u32] {
        &self.far[self.offsets[node as usize] as usize..self.offsets[node as usize + 1] as usize]
    }

    /// Number of edges at a node.
    pub fn degree(&self, node: u32) -> u32 {
        self.offsets[node as usize + 1] - self.offsets[node as usize]
    }

    /// Bytes in memory.
    pub fn bytes(&self) -> usize {
        (self.offsets.capacity() + self.far.capacity()) * size_of::<u32>()
    }

    /// The same edges by their other end, by ascending near node within a row.
    fn transposed(&self, cancel: &Cancel) -> Result<Self, Cancelled> {
        let mut offsets = vec![0_u32; self.offsets.len().max(1)];
        for far in self.far.chunks(CHECK_EVERY) {
            cancel.check()?;
            far.iter().for_each(|&far| offsets[far as usize + 1] += 1);
        }
        for node in 1..offsets.len() {
            offsets[node] += offsets[node - 1];
        }
        let mut next = offsets.clone();
        let mut far = vec![0; self.far.len()];
        for near in 0..self.nodes() as u32 {
            for row in self.of(near).chunks(CHECK_EVERY) {
                cancel.check()?;
                for &node in row {
                    let place = &mut next[node as usize];
                    far[*place as usize] = near;
                    *place += 1;
                }
            }
        }
        Ok(Self { offsets, far })
    }
}

impl Topology {
    /// A topology with these outgoing edges.
    pub fn new(out: Rows) -> Self {
        Self { out, incoming: OnceLock::new() }
    }

    /// From pairs of source and target in insertion order.
    ///
    /// # Panics
    /// When an end is no node.
    pub fn from_edges(nodes: usize, edges: &[(u32, u32)]) -> Self {
        let mut rows = vec![Vec::new(); nodes];
        edges.iter().rev().for_each(|&(source, target)| rows[source as usize].push(target));
        let mut offsets = vec![0];
        let mut far = Vec::new();
        for row in rows {
            far.extend(row);
            offsets.push(far.len() as u32);
        }
        Self::new(Rows::new(offsets, far))
    }

    /// The same edges with the nodes numbered by their places in `order`.
    pub fn reordered(&self, order: &[u32], cancel: &Cancel) -> Result<Self, Cancelled> {
        let mut place = vec![0_u32; order.len()];
        (0_u32..).zip(order).for_each(|(new, &old)| place[old as usize] = new);
        let mut offsets = Vec::with_capacity(order.len() + 1);
        let mut far = Vec::with_capacity(self.out.far.len());
        offsets.push(0);
        for nodes in order.chunks(CHECK_EVERY) {
            cancel.check()?;
            for &old in nodes {
                far.extend(self.out.of(old).iter().map(|&target| place[target as usize]));
                offsets.push(far.len() as u32);
            }
        }
        Ok(Self::new(Rows::new(offsets, far)))
    }

    /// Number of nodes.
    pub fn nodes(&self) -> usize {
        self.out.nodes()
    }

    /// Number of edges, parallel ones counted each.
    pub fn edges(&self) -> usize {
        self.out.far.len()
    }

    /// Edges by their source.
    pub fn out(&self) -> &Rows {
        &self.out
    }

    /// Builds the rows of [`Topology::incoming`] unless they are there. A tenth of a second for a million edges.
    pub fn prepare_incoming(&self, cancel: &Cancel) -> Result<(), Cancelled> {
        if self.incoming.get().is_none() {
            // Somebody else may have been faster.
            let _ = self.incoming.set(self.out.transposed(cancel)?);
        }
        Ok(())
    }

    /// Edges by their target, sources ascending. Call [`Topology::prepare_incoming`] first where it may take long.
    pub fn incoming(&self) -> &Rows {
        self.incoming.get_or_init(|| self.out.transposed(&Cancel::default()).expect("nobody cancels it"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_directions_hold_every_edge() {
        let topology = Topology::from_edges(4, &[(0, 1), (0, 2), (2, 2), (0, 1), (3, 1)]);
        assert_eq!(topology.out().of(0), [1, 2, 1]);
        assert_eq!(topology.incoming().of(1), [0, 0, 3]);
        assert_eq!((topology.incoming().of(2), topology.incoming().degree(3)), (&[0, 2][..], 0));
        assert_eq!((topology.nodes(), topology.edges()), (4, 5));
    }

    #[test]
    fn reordered_nodes_keep_their_edges() {
        let topology = Topology::from_edges(3, &[(0, 1), (0, 2), (2, 2)])
            .reordered(&[2, 0, 1], &Cancel::default())
            .unwrap();
        assert_eq!(
            (topology.out().of(0), topology.out().of(1), topology.out().of(2)),
            (&[0][..], &[0, 2][..], &[][..])
        );
    }

    #[test]
    fn an_empty_graph_has_rows_too() {
        let topology = Topology::from_edges(0, &[]);
        assert_eq!((topology.nodes(), topology.edges(), topology.incoming().nodes()), (0, 0, 0));
    }
}
