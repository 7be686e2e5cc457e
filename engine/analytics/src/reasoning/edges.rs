//! Edges known so far, given and inferred.

use std::collections::{HashMap, HashSet};

use super::{ReasoningError, budget::Budget};

/// A predicate between two nodes, as numbers of their names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Edge {
    pub(super) predicate: u32,
    pub(super) source: u32,
    pub(super) target: u32,
}

/// What an edge is known from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// It is in the graph.
    Given,
    /// A subproperty, symmetric or inverse rule.
    Property,
    Transitive,
    Chain,
}

/// Distinct edges in the order they became known, each with its first origin.
#[derive(Debug, Default)]
pub(super) struct Edges {
    known: HashSet<Edge>,
    log: Vec<(Edge, Origin)>,
}

/// Far ends by predicate and near end.
#[derive(Debug, Default)]
pub(super) struct Index(HashMap<(u32, u32), Vec<u32>>);

impl Edges {
    /// Adds an edge of the graph. Parallel edges are one.
    pub(super) fn give(&mut self, edge: Edge) {
        if self.known.insert(edge) {
            self.log.push((edge, Origin::Given));
        }
    }

    /// Adds what a rule says, unless it is known.
    pub(super) fn derive(
        &mut self,
        edge: Edge,
        origin: Origin,
        budget: &mut Budget<'_>,
    ) -> Result<(), ReasoningError> {
        budget.step()?;
        if self.known.insert(edge) {
            budget.inferred()?;
            self.log.push((edge, origin));
        }
        Ok(())
    }

    /// Number of edges.
    pub(super) fn len(&self) -> usize {
        self.log.len()
    }

    /// An edge by its place in the order.
    pub(super) fn at(&self, place: usize) -> (Edge, Origin) {
        self.log[place]
    }

    /// All edges in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = Edge> {
        self.log.iter().map(|&(edge, _)| edge)
    }

    /// The inferred ones in order.
    pub(super) fn into_inferred(mut self) -> Vec<(Edge, Origin)> {
        self.log.retain(|&(_, origin)| origin != Origin::Given);
        self.log
    }
}

impl Index {
    pub(super) fn push(&mut self, predicate: u32, near: u32, far: u32) {
        self.0.entry((predicate, near)).or_default().push(far);
    }

    pub(super) fn get(&self, predicate: u32, near: u32) -> &[u32] {
        self.0.get(&(predicate, near)).map_or(&[], Vec::as_slice)
    }
}
