//! Disjoint sets of nodes that grow together.

/// Each set is known by its smallest member.
pub(super) struct UnionFind {
    /// A node closer to the smallest member, or the node itself.
    parent: Vec<u32>,
}

impl UnionFind {
    /// Every node alone.
    pub(super) fn new(nodes: usize) -> Self {
        Self { parent: (0..nodes as u32).collect() }
    }

    /// The smallest member of the node's set. Halves the way there for the next time.
    pub(super) fn find(&mut self, mut node: u32) -> u32 {
        loop {
            let parent = self.parent[node as usize];
            if parent == node {
                return node;
            }
            let above = self.parent[parent as usize];
            self.parent[node as usize] = above;
            node = above;
        }
    }

    /// Joins the sets of two nodes; false when they are one set already.
    pub(super) fn union(&mut self, one: u32, other: u32) -> bool {
        let (one, other) = (self.find(one), self.find(other));
        self.parent[one.max(other) as usize] = one.min(other);
        one != other
    }
}
