//! `RunDatalogReasoning`: facts from one read view, inferences back into the graph as one atomic change. Runs on one graph
//! take turns, so that each sees what those before it inferred.

use std::collections::HashSet;

use epistemic_protocol::ErrorCode;
use epistemic_storage::{
    GraphId,
    graph::{GraphReader, NodeRef, Op, Revision},
    view::{self, Strings},
};
use parking_lot::Mutex;
use serde::Deserialize;

use crate::{
    compute_pool::scan_on,
    reasoning::{Inferences, Reasoner, ReasoningError, Rules},
    request::{
        computation::Computation,
        error::{OpError, ReadError},
    },
    wire::{encode, field_str, field_uint, pairs, texts, triples},
};

/// Facts that one run may infer: they are committed as one change.
const MAX_FACTS: usize = 250_000;
/// Bytes of that change.
const MAX_BYTES: usize = 64 << 20;
/// Nodes read at a time.
const SLICE: usize = 256;

impl From<ReasoningError> for ReadError {
    fn from(error: ReasoningError) -> Self {
        OpError::Text(error.to_string()).into()
    }
}

/// `RunDatalogReasoning`; every list may be left out.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct DatalogReasoning<'a> {
    /// (class, class above it)
    #[serde(borrow, deserialize_with = "pairs")]
    subclass_relations: Vec<(&'a str, &'a str)>,
    /// (property, property above it)
    #[serde(borrow, deserialize_with = "pairs")]
    subproperty_relations: Vec<(&'a str, &'a str)>,
    /// Properties that hold both ways.
    #[serde(borrow, deserialize_with = "texts")]
    symmetric_properties: Vec<&'a str>,
    /// Properties that hold over paths.
    #[serde(borrow, deserialize_with = "texts")]
    transitive_properties: Vec<&'a str>,
    /// (property, the same the other way round)
    #[serde(borrow, deserialize_with = "pairs")]
    inverse_properties: Vec<(&'a str, &'a str)>,
    /// (property, class of its sources)
    #[serde(borrow, deserialize_with = "pairs")]
    domain_rules: Vec<(&'a str, &'a str)>,
    /// (property, class of its targets)
    #[serde(borrow, deserialize_with = "pairs")]
    range_rules: Vec<(&'a str, &'a str)>,
    /// (first property, second property, property of the whole)
    #[serde(borrow, deserialize_with = "triples")]
    property_chains: Vec<(&'a str, &'a str, &'a str)>,
}

/// `RunDatalogReasoning`
pub(super) fn run(
    computation: &Computation<'_>,
    rules: DatalogReasoning<'_>,
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
    let _turn = Turn::take(computation)?;
    let view = computation.shard.graphs.view();
    let reader = GraphReader::new(&*view, computation.graph);
    let inferred = infer(computation, &reader, &rules)?;
    check_answer(computation, &inferred)?;
    let changes = revisions(computation, &reader, &inferred)?;
    if !changes.is_empty() {
        let (of, since) = (computation.graph.id(), reader.state()?.sequence);
        computation.write(Op::Revise { of, since, changes, in_parts: false })?;
    }
    let coded = computation.request.reply_to().coded;
    encode::map(out, if coded { 3 } else { 2 });
    if coded {
        encode::str(out, "schema_digests");
        encode::array(out, 0);
    }
    field_uint(out, "inferred_count", inferred.len() as u64);
    encode::str(out, "inferred_triples");
    encode::array(out, inferred.len());
    for triple in inferred.triples() {
        encode::map(out, 4);
        for (name, value) in [
            ("subject", triple.subject),
            ("predicate", triple.predicate),
            ("object", triple.object),
            ("inference_type", triple.inference.name()),
        ] {
            field_str(out, name, value);
        }
    }
    Ok(())
}

/// Only the property `type` counts, of edges as of nodes.
fn infer(
    computation: &Computation<'_>,
    reader: &GraphReader<'_>,
    rules: &DatalogReasoning<'_>,
) -> Result<Inferences, ReadError> {
    let mut reasoner = Reasoner::new(&Rules {
        subclass_relations: &rules.subclass_relations,
        subproperty_relations: &rules.subproperty_relations,
        symmetric_properties: &rules.symmetric_properties,
        transitive_properties: &rules.transitive_properties,
        inverse_properties: &rules.inverse_properties,
        domain_rules: &rules.domain_rules,
        range_rules: &rules.range_rules,
        property_chains: &rules.property_chains,
    });
    reader.for_each_edge(|source, target, _, properties| {
        if let Some(predicate) = view::string_field(properties, "type") {
            reasoner.add_edge(source, predicate, target);
        }
        scan_on(computation.cancel)
    })?;
    reader.for_each_node(|node, _, properties| {
        if let Some(class) = view::string_field(properties, "type") {
            reasoner.add_class(node, class);
        }
        scan_on(computation.cancel)
    })?;
    Ok(reasoner.infer(MAX_FACTS, computation.cancel)?)
}

/// The right to reason on a graph: two runs at once would add the same edges twice.
struct Turn<'a> {
    running: &'a Mutex<HashSet<GraphId>>,
    graph: GraphId,
}

impl<'a> Turn<'a> {
    fn take(computation: &Computation<'a>) -> Result<Self, OpError> {
        let (running, graph) = (&computation.shard.reasoning, computation.graph.id());
        if running.lock().insert(graph) {
            return Ok(Self { running, graph });
        }
        let name = computation.graph.name();
        let text = format!("RunDatalogReasoning runs on graph '{name}' already, retry with backoff");
        Err(OpError::Refused(ErrorCode::Busy, text))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.running.lock().remove(&self.graph);
    }
}

/// Fails when the answer would be too large, before anything is changed.
fn check_answer(computation: &Computation<'_>, inferred: &Inferences) -> Result<(), ReadError> {
    const NAMES: usize = 80;
    let mut bytes = 0_usize;
    for triple in inferred.triples() {
        computation.cancel.check()?;
        bytes += NAMES + triple.subject.len() + triple.predicate.len() + triple.object.len();
        computation.room.check(bytes)?;
    }
    Ok(())
}

/// Changes with what they take together.
#[derive(Default)]
struct Changes {
    revisions: Vec<Revision>,
    bytes: usize,
}

impl Changes {
    fn push(&mut self, revision: Revision) -> Result<(), ReadError> {
        self.bytes += revision.bytes();
        if self.bytes > MAX_BYTES {
            let text =
                format!("the inferences take over {MAX_BYTES} bytes; use fewer rules or shorter names");
            return Err(OpError::Refused(ErrorCode::ResultTooLarge, text).into());
        }
        self.revisions.push(revision);
        Ok(())
    }
}

/// The new edges, and the nodes whose inferred classes change.
fn revisions(
    computation: &Computation<'_>,
    reader: &GraphReader<'_>,
    inferred: &Inferences,
) -> Result<Vec<Revision>, ReadError> {
    let mut changes = Changes::default();
    for edge in inferred.edges() {
        computation.cancel.check()?;
        let mut properties = Vec::new();
        encode::map(&mut properties, 2 + usize::from(edge.chain));
        if edge.chain {
            encode::str(&mut properties, "chain");
            encode::bool(&mut properties, true);
        }
        encode::str(&mut properties, "inferred");
        encode::bool(&mut properties, true);
        encode::str(&mut properties, "type");
        encode::str(&mut properties, edge.predicate);
        changes.push(Revision::AddEdge {
            source: edge.source.into(),
            target: edge.target.into(),
            properties,
        })?;
    }
    let classes: Vec<_> = inferred.classes(computation.cancel)?.into_iter().collect();
    for slice in classes.chunks(SLICE) {
        computation.cancel.check()?;
        let ids: Vec<&str> = slice.iter().map(|(id, _)| *id).collect();
        for ((id, classes), node) in slice.iter().zip(reader.nodes(&ids)?) {
            let Some(NodeRef { properties: expected, .. }) = node else { continue };
            let properties = with_classes(&expected, classes.widest, &classes.by_edges);
            if let Some(properties) = properties.filter(|properties| *properties != expected) {
                let (id, properties) = ((*id).to_owned(), Some(properties));
                changes.push(Revision::Node { id, expected, properties })?;
            }
        }
    }
    Ok(changes.revisions)
}

/// `inferred_type` is set, `inferred_types` gets what is not in it. `None`: there is nothing to change, or no place for it.
fn with_classes(properties: &[u8], widest: Option<&str>, by_edges: &[&str]) -> Option<Vec<u8>> {
    let (mut single, mut list) = (Vec::new(), Vec::new());
    let mut fields: Vec<(&str, &[u8])> = Vec::new();
    if let Some(class) =
        widest.filter(|class| view::string_field(properties, "inferred_type") != Some(*class))
    {
        encode::str(&mut single, class);
        fields.push(("inferred_type", &single));
    }
    let known = match view::strings_field(properties, "inferred_types")? {
        Strings::Absent => Some(Vec::new()),
        Strings::List(known) => Some(known),
        Strings::Other => None,
    };
    if let Some(known) = known {
        let present: HashSet<&str> = known.iter().copied().collect();
        let new: Vec<&str> = by_edges.iter().copied().filter(|class| !present.contains(class)).collect();
        if !new.is_empty() {
            encode::array(&mut list, known.len() + new.len());
            known.into_iter().chain(new).for_each(|class| encode::str(&mut list, class));
            fields.push(("inferred_types", &list));
        }
    }
    if fields.is_empty() { None } else { view::with_fields(properties, &fields) }
}
