//! Answers of the server in a form that can be compared: what has no order is sorted, what is long is a digest.

use anyhow::{Context, Result};

use super::log::unpacked;
use super::question::{Question, cosine, hundredths};
use super::state::{Lines, record_digest};
use crate::wire::{Value, bin, field, pack, unpack};

impl Question {
    /// The answer of the server, to be compared. A node that does not exist gives nil, whatever is asked of it.
    ///
    /// # Errors
    /// When the answer has not the form that the protocol gives it.
    pub fn normalised(&self, graph: &str, answer: Value) -> Result<Value> {
        let told = || format!("{self:?}: {answer}");
        match self {
            _ if answer.is_nil() => Some(Value::Nil),
            Question::Node(_)
            | Question::HasNode(_)
            | Question::HasEdge(..)
            | Question::InDegree(_)
            | Question::OutDegree(_)
            | Question::NodeCount
            | Question::EdgeCount => Some(answer.clone()),
            Question::Nodes(_) | Question::HaveNodes(_) | Question::EdgesBetween(_) => {
                answer.as_slice().and_then(|bytes| unpack(bytes).ok())
            }
            Question::Predecessors(_)
            | Question::Successors(_)
            | Question::Neighbors(_)
            | Question::BlastRadius(_)
            | Question::NodeIds
            | Question::AllNodes
            | Question::Label(_) => answer.as_array().cloned().map(unordered),
            Question::DegreeCentrality(_) => answer.as_f64().map(billionths),
            Question::Centralities => row_values(&answer, |row| {
                let [id, centrality] = row else { return None };
                Some(vec![id.clone(), billionths(centrality.as_f64()?)])
            }),
            Question::AllEdges => row_values(&answer, edge),
            Question::Subgraph(_) => subgraph(&answer),
            Question::Similar => {
                let found = answer.as_slice().and_then(|bytes| unpack(bytes).ok());
                found.and_then(|found| {
                    row_values(&found, |row| {
                        let [id, score] = row else { return None };
                        Some(vec![id.clone(), hundredths(score.as_f64()?)])
                    })
                })
            }
            Question::Metrics => fields(&answer, ["node_count", "edge_count", "total_mutations"]),
            Question::Stats => {
                row_of(graph, &answer).and_then(|row| fields(row, ["nodes", "edges", "sequence"]))
            }
            Question::Ledger => lines(&answer),
            Question::Changes(_) => changes(&answer),
            Question::Document => document(&answer),
        }
        .with_context(told)
    }
}

/// The row of a graph in an answer of `GraphStats`; none when the shard does not serve it.
pub(super) fn row_of<'a>(graph: &str, answer: &'a Value) -> Option<&'a Value> {
    let own = |row: &&Value| field(row, "name").and_then(Value::as_str) == Some(graph);
    answer.as_array()?.iter().find(own)
}

/// An array whose order says nothing.
pub(super) fn unordered(mut items: Vec<Value>) -> Value {
    items.sort_by_cached_key(pack);
    Value::Array(items)
}

/// Rows whose order says nothing.
pub(super) fn rows(rows: impl IntoIterator<Item = Vec<Value>>) -> Value {
    unordered(rows.into_iter().map(Value::Array).collect())
}

/// A float, for comparison by value.
pub(super) fn billionths(value: f64) -> Value {
    ((value * 1e9).round() as i64).into()
}

fn row_values(answer: &Value, row: impl Fn(&[Value]) -> Option<Vec<Value>>) -> Option<Value> {
    let found = answer.as_array()?.iter().map(|item| row(item.as_array()?));
    Some(rows(found.collect::<Option<Vec<_>>>()?))
}

fn fields<const N: usize>(answer: &Value, names: [&str; N]) -> Option<Value> {
    let values: Option<Vec<Value>> = names.iter().map(|name| field(answer, name).cloned()).collect();
    values.map(Value::Array)
}

/// Source, target and property bytes.
fn edge(row: &[Value]) -> Option<Vec<Value>> {
    let [source, target, properties] = row else { return None };
    Some(vec![source.clone(), target.clone(), bin(int_bytes(properties)?)])
}

fn int_bytes(value: &Value) -> Option<Vec<u8>> {
    value.as_array()?.iter().map(|int| int.as_u64()?.try_into().ok()).collect()
}

fn subgraph(answer: &Value) -> Option<Value> {
    let part = |name, columns: &[&str]| {
        let items = field(answer, name)?.as_array()?.iter();
        let row = |item| columns.iter().map(|column| field(item, column).cloned()).collect::<Option<_>>();
        Some(rows(items.map(row).collect::<Option<Vec<Vec<Value>>>>()?))
    };
    let edges = part("edges", &["source", "target", "properties"])?;
    Some(Value::Array(vec![part("nodes", &["id", "properties"])?, edges]))
}

fn lines(answer: &Value) -> Option<Value> {
    let mut lines = Lines::default();
    for line in answer.as_array()? {
        lines.push(line.as_str()?);
    }
    Some(Value::Array(vec![lines.count.into(), lines.digest.into()]))
}

/// Newest number, and digest of the records.
fn changes(answer: &Value) -> Option<Value> {
    let records = unpacked(answer).ok()?.into_iter();
    let digest = records.map(|(sequence, record)| record_digest(sequence, record));
    let sum = digest.fold(0, u64::wrapping_add);
    Some(Value::Array(vec![field(answer, "sequence")?.clone(), sum.into()]))
}

fn document(answer: &Value) -> Option<Value> {
    let document = unpack(&int_bytes(answer)?).ok()?;
    let nodes = row_values(field(&document, "nodes")?, |row| {
        let [id, properties] = row else { return None };
        Some(vec![id.clone(), bin(int_bytes(properties)?)])
    })?;
    let embeddings = field(field(&document, "semantic_store")?, "embeddings")?.as_map()?.iter();
    let embeddings = embeddings.map(|(id, components)| {
        let bytes = components.as_array()?.iter().map(|value| Some((value.as_f64()? as f32).to_le_bytes()));
        let bytes = bytes.collect::<Option<Vec<_>>>()?.concat();
        Some(vec![id.clone(), hundredths(cosine(&bytes))])
    });
    Some(Value::Array(vec![
        nodes,
        row_values(field(&document, "edges")?, edge)?,
        lines(field(&document, "ledger")?)?,
        rows(embeddings.collect::<Option<Vec<_>>>()?),
    ]))
}
