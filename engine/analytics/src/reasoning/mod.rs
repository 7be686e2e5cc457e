//! Forward chaining of OWL/RDFS-like rules over typed edges and node classes, to a fixpoint. Pure: no storage, no wire.
//!
//! Rules about edges never read classes, so the edges are completed first, then domain and range give classes, then
//! subclass rules widen them. Evaluation is semi-naive: a fact is joined once with the facts before it.

mod budget;
mod chains;
mod classes;
mod edges;
mod inferences;
mod names;
mod property_rules;
mod reasoner;
mod transitive;

#[cfg(test)]
mod naive;
#[cfg(test)]
mod tests;

pub use inferences::{Inference, Inferences, InferredEdge, NodeClasses, Triple};
pub use reasoner::Reasoner;

use epistemic_protocol::ErrorCode;

use crate::Cancelled;

/// The rules of one run, by the names of their parameters. Repeated rules and cycles are harmless.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rules<'a> {
    /// A node of the first class is of the second.
    pub subclass_relations: &'a [(&'a str, &'a str)],
    /// An edge of the first property is one of the second.
    pub subproperty_relations: &'a [(&'a str, &'a str)],
    /// An edge also goes back.
    pub symmetric_properties: &'a [&'a str],
    /// Two edges in a row make a third.
    pub transitive_properties: &'a [&'a str],
    /// An edge of either property goes back as one of the other.
    pub inverse_properties: &'a [(&'a str, &'a str)],
    /// The source of an edge of this property is of this class.
    pub domain_rules: &'a [(&'a str, &'a str)],
    /// The target of an edge of this property is of this class.
    pub range_rules: &'a [(&'a str, &'a str)],
    /// The first property, then the second, gives the third.
    pub property_chains: &'a [(&'a str, &'a str, &'a str)],
}

/// Why a run has no result. Nothing of it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReasoningError {
    /// More facts follow than the caller allows.
    #[error(
        "{code}: the rules infer more than {max} facts; use fewer rules or a smaller graph",
        code = ErrorCode::ResultTooLarge
    )]
    TooMany {
        /// Allowed facts.
        max: usize,
    },
    /// Nobody waits for it.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}
