//! What a run found.

use std::collections::{BTreeMap, HashSet};

use crate::analytics::{Cancel, Cancelled};

use super::{
    classes::Membership,
    edges::{Edge, Origin},
    names::Names,
};

/// The kind of rule a fact follows by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Inference {
    /// Subclass, subproperty, symmetric, transitive or inverse.
    Datalog,
    Domain,
    Range,
    Chain,
}

/// One inferred fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Triple<'a> {
    pub(crate) subject: &'a str,
    pub(crate) predicate: &'a str,
    /// A node, or the class of the subject.
    pub(crate) object: &'a str,
    pub(crate) inference: Inference,
}

/// An edge the graph does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InferredEdge<'a> {
    pub(crate) source: &'a str,
    pub(crate) predicate: &'a str,
    pub(crate) target: &'a str,
    /// Only a property chain gives it.
    pub(crate) chain: bool,
}

/// The inferred classes of one node.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct NodeClasses<'a> {
    /// By subclass rules: the last found, one of the furthest up.
    pub(crate) widest: Option<&'a str>,
    /// By domain and range rules, each once, in the order found.
    pub(crate) by_edges: Vec<&'a str>,
}

/// The facts of one run: edges first, then classes by domain and range, then classes by subclass.
#[derive(Debug)]
pub(crate) struct Inferences {
    predicates: Names,
    classes: Names,
    nodes: Names,
    edges: Vec<(Edge, Origin)>,
    memberships: Vec<(Membership, Inference)>,
}

impl Inference {
    /// As `inference_type` names it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Datalog => "rust_datalog",
            Self::Domain => "domain_inference",
            Self::Range => "range_inference",
            Self::Chain => "property_chain",
        }
    }

    /// The predicate of a class that follows this way.
    fn class_predicate(self) -> &'static str {
        match self {
            Self::Domain | Self::Range => "rdf:type",
            Self::Datalog | Self::Chain => "type",
        }
    }
}

impl Inferences {
    pub(super) fn new(
        predicates: Names,
        classes: Names,
        nodes: Names,
        edges: Vec<(Edge, Origin)>,
        memberships: Vec<(Membership, Inference)>,
    ) -> Self {
        Self { predicates, classes, nodes, edges, memberships }
    }

    /// Number of facts.
    pub(crate) fn len(&self) -> usize {
        self.edges.len() + self.memberships.len()
    }

    /// All facts.
    pub(crate) fn triples(&self) -> impl Iterator<Item = Triple<'_>> {
        let edges = self.edges().map(|edge| Triple {
            subject: edge.source,
            predicate: edge.predicate,
            object: edge.target,
            inference: if edge.chain { Inference::Chain } else { Inference::Datalog },
        });
        edges.chain(self.memberships.iter().map(|&(Membership { node, class }, inference)| Triple {
            subject: self.nodes.name(node),
            predicate: inference.class_predicate(),
            object: self.classes.name(class),
            inference,
        }))
    }

    /// The new edges.
    pub(crate) fn edges(&self) -> impl Iterator<Item = InferredEdge<'_>> {
        self.edges.iter().map(|&(edge, origin)| InferredEdge {
            source: self.nodes.name(edge.source),
            predicate: self.predicates.name(edge.predicate),
            target: self.nodes.name(edge.target),
            chain: origin == Origin::Chain,
        })
    }

    /// The nodes with inferred classes, by id.
    pub(crate) fn classes(&self, cancel: &Cancel) -> Result<BTreeMap<&str, NodeClasses<'_>>, Cancelled> {
        let mut nodes = BTreeMap::<_, NodeClasses<'_>>::new();
        let mut seen = HashSet::new();
        for &(Membership { node, class: number }, inference) in &self.memberships {
            cancel.check()?;
            let class = self.classes.name(number);
            let of_node = nodes.entry(self.nodes.name(node)).or_default();
            if inference == Inference::Datalog {
                of_node.widest = Some(class);
            } else if seen.insert((node, number)) {
                of_node.by_edges.push(class);
            }
        }
        Ok(nodes)
    }
}
