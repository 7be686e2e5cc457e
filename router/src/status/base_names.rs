//! The base names of graphs: which one is in use, and data under the well-known other one, where nobody may look.

use epistemic_protocol::placement::{CLIENTS_DEFAULT_GRAPH, DEFAULT_GRAPH, DEFAULT_GRAPH_VAR, other_base};
use serde::Serialize;

use super::GraphStats;

/// The base name in use, and graphs with content under another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BaseNames {
    /// What tenants' graphs are looked for under, and the graph without a tenant.
    pub default_graph: String,
    /// One for each other base name that graphs with content stand under.
    pub other_bases: Vec<OtherBase>,
}

/// Graphs with content under a base name that is not in use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OtherBase {
    /// `__bus__` or `__commons__`.
    pub base: &'static str,
    /// How many.
    pub graphs: usize,
}

impl GraphStats {
    /// The base name that it stands under, when it has content and `base` is another one.
    #[must_use]
    pub fn other_base(&self, base: &str) -> Option<&'static str> {
        let has_content = self.nodes > 0 || self.edges > 0;
        other_base(&self.name, base).filter(|_| has_content)
    }
}

impl BaseNames {
    /// Of these graphs, while `base` is in use.
    #[must_use]
    pub fn of<'g>(graphs: impl Iterator<Item = &'g GraphStats>, base: &str) -> Self {
        let mut other_bases: Vec<OtherBase> = Vec::new();
        for base in graphs.filter_map(|graph| graph.other_base(base)) {
            match other_bases.iter_mut().find(|other| other.base == base) {
                Some(other) => other.graphs += 1,
                None => other_bases.push(OtherBase { base, graphs: 1 }),
            }
        }
        Self { default_graph: base.to_owned(), other_bases }
    }

    /// A line about the base name, and one for each other.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let Self { default_graph: base, other_bases } = self;
        let warning = |OtherBase { base: other, graphs }: &OtherBase| {
            format!(
                "WARNING: {graphs} graphs with content have the base name {other}, not {base}: set {DEFAULT_GRAPH_VAR}={other} if \
                 clients use it"
            )
        };
        std::iter::once(told(base)).chain(other_bases.iter().map(warning)).collect()
    }
}

/// The base name in use, and where it is from.
#[must_use]
pub fn told(base: &str) -> String {
    let mut text = format!("base name of graphs: {base}");
    if base == DEFAULT_GRAPH {
        text.push_str(&format!(
            " (published clients from 0.48 on use {CLIENTS_DEFAULT_GRAPH}; {DEFAULT_GRAPH_VAR} sets it)"
        ));
    }
    text
}
