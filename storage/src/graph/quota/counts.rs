//! What is counted exactly for a tenant, and the error of one that is over its limit.

use std::{fmt, sync::Arc};

use epistemic_protocol::ErrorCode;

use crate::graph::catalog::counters::GraphCounters;

/// What is counted exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Counted {
    /// Graphs that are served here.
    Graphs,
    /// Nodes.
    Nodes,
    /// Edges, parallel ones each.
    Edges,
    /// Embeddings.
    Embeddings,
}

impl Counted {
    /// All of them.
    pub const ALL: [Self; 4] = [Counted::Graphs, Counted::Nodes, Counted::Edges, Counted::Embeddings];

    /// The word in rules and messages.
    pub fn name(self) -> &'static str {
        match self {
            Counted::Graphs => "graphs",
            Counted::Nodes => "nodes",
            Counted::Edges => "edges",
            Counted::Embeddings => "embeddings",
        }
    }
}

/// A number for each of [`Counted`]. As limits, [`u64::MAX`] is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts(pub(super) [u64; 4]);

impl Counts {
    /// No limits.
    pub const UNLIMITED: Self = Self([u64::MAX; 4]);

    /// What a graph with these counters counts for.
    pub(crate) fn of_graph(counters: &GraphCounters) -> Self {
        Self([1, counters.nodes, counters.edges, counters.vectors])
    }

    /// One of the numbers.
    pub fn get(&self, of: Counted) -> u64 {
        self.0[of as usize]
    }

    /// Sets one of the numbers.
    pub fn set(&mut self, of: Counted, count: u64) {
        self.0[of as usize] = count;
    }

    pub(super) fn each(self, other: Self, combine: impl Fn(u64, u64) -> u64) -> Self {
        Self(std::array::from_fn(|index| combine(self.0[index], other.0[index])))
    }

    pub(super) fn plus(self, other: Self) -> Self {
        self.each(other, u64::saturating_add)
    }

    pub(super) fn minus(self, other: Self) -> Self {
        self.each(other, u64::saturating_sub)
    }
}

/// The limits of a tenant; an empty name is that of graphs that belong to nobody.
pub type TenantLimits = dyn Fn(&str) -> Counts + Send + Sync;

/// A tenant has as much as it may have. What was asked for was not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverQuota {
    /// The tenant; empty for graphs that belong to nobody.
    pub tenant: Arc<str>,
    /// Of what.
    pub of: Counted,
    /// What it has.
    pub used: u64,
    /// What it would have.
    pub wanted: u64,
    /// What it may have.
    pub limit: u64,
}

impl fmt::Display for OverQuota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { used, wanted, limit, .. } = self;
        let (code, who, of) = (ErrorCode::Quota, Named(&self.tenant), self.of.name());
        write!(
            f,
            "{code}: {who} has {used} {of} of the {limit} that it may have, and would have {wanted}; this was not done. \
             Until some are removed or the operator raises the limit there can be no more ({code:#})"
        )
    }
}

/// A tenant in a message.
struct Named<'a>(&'a str);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            "" => f.write_str("nobody (graphs without a tenant)"),
            tenant => write!(f, "tenant '{}'", tenant.escape_debug()),
        }
    }
}
