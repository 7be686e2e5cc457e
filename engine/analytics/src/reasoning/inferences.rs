//! What a run found.

use std::collections::{BTreeMap, HashSet};

use crate::{Cancel, Cancelled};

use super::{
    classes::Membership,
    edges::{Edge, Origin},
    names::Names,
};

/// The kind of rule a fact follows by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Inference {
    /// Subclass, subproperty, symmetric, transitive or inverse.
    Datalog,
    /// The source of an edge is of a class.
    Domain,
    /// The target of an edge is of a class.
    Range,
    /// Two edges in a row make a third.
    Chain,
}

/// One inferred fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Triple<'a> {
    /// The node that it is about.
    pub subject: &'a str,
    /// A property, or that of belonging to a class.
    pub predicate: &'a str,
    /// A node, or the class of the subject.
    pub object: &'a str,
    /// The kind of the rule it follows by.
    pub inference: Inference,
}

/// An edge the graph does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InferredEdge<'a> {
    /// Where it starts.
    pub source: &'a str,
    /// The property it is one of.
    pub predicate: &'a str,
    /// Where it ends.
    pub target: &'a str,
    /// Only a property chain gives it.
    pub chain: bool,
}

/// The inferred classes of one node.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct NodeClasses<'a> {
    /// By subclass rules: the last found, one of the furthest up.
    pub widest: Option<&'a str>,
    /// By domain and range rules, each once, in the order found.
    pub by_edges: Vec<&'a str>,
}

/// The facts of one run: edges first, then classes by domain and range, then classes by subclass.
#[derive(Debug)]
pub struct Inferences {
    predicates: Names,
    classes: Names,
    nodes: Names,
    edges: Vec<(Edge, Origin)>,
    memberships: Vec<(Membership, Inference)>,
}

impl Inference {
    /// As `inference_type` names it.
    pub fn name(self) -> &'static str {
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
    pub fn len(&self) -> usize {
        self.edges.len() + self.memberships.len()
    }

    /// Whether nothing follows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All facts.
    pub fn triples(&self) -> impl Iterator<Item = Triple<'_>> {
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
    pub fn edges(&self) -> impl Iterator<Item = InferredEdge<'_>> {
        self.edges.iter().map(|&(edge, origin)| InferredEdge {
            source: self.nodes.name(edge.source),
            predicate: self.predicates.name(edge.predicate),
            target: self.nodes.name(edge.target),
            chain: origin == Origin::Chain,
        })
    }

    /// The nodes with inferred classes, by id.
    pub fn classes(&self, cancel: &Cancel) -> Result<BTreeMap<&str, NodeClasses<'_>>, Cancelled> {
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
