//! Embeddings: stored, searched, compared in pairs.

use epistemic_storage::{
    Mutation,
    graph::{GraphReader, Op},
};
use serde::Deserialize;

use crate::{
    memory::Room,
    request::{
        computation::Computation,
        error::{OpError, ReadError},
        write::WriteCall,
    },
    semantic::{Match, SemanticError, search_stored},
    wire::{components, encode, response, text},
};

/// `AddEmbedding`
#[derive(Debug, Deserialize)]
pub(crate) struct AddEmbedding<'a> {
    /// Id of an existing node.
    #[serde(borrow, deserialize_with = "text")]
    node_id: &'a str,
    /// Components, not checked to be finite.
    #[serde(deserialize_with = "components")]
    embedding: Vec<f32>,
}

/// `SemanticSearch`
#[derive(Debug, Deserialize)]
pub(crate) struct SemanticSearch {
    /// Components, not checked to be finite.
    #[serde(deserialize_with = "components")]
    query_embedding: Vec<f32>,
    /// Most nodes to return.
    n_results: usize,
}

/// `ComputeSimilarityEdges`
#[derive(Debug, Deserialize)]
pub(crate) struct SimilarityEdges {
    /// Least cosine of a pair.
    threshold: f64,
}

impl From<SemanticError> for ReadError {
    fn from(error: SemanticError) -> Self {
        match error {
            SemanticError::Store(error) => ReadError::Store(error),
            SemanticError::Cancelled(_)
            | SemanticError::OverMemory { .. }
            | SemanticError::TooManyPairs { .. } => ReadError::Op(OpError::Text(error.to_string())),
        }
    }
}

/// Refuses an embedding with a component that is not finite: scores would be no numbers.
fn check_finite(field: &str, components: &[f32]) -> Result<(), OpError> {
    match components.iter().position(|component| !component.is_finite()) {
        None => Ok(()),
        Some(index) => Err(OpError::Text(format!("{field}: component {index} is no finite float32 number"))),
    }
}

/// The bytes that an embedding is stored as.
pub(super) fn stored(field: &str, components: &[f32]) -> Result<Vec<u8>, OpError> {
    check_finite(field, components)?;
    Ok(components.iter().flat_map(|component| component.to_le_bytes()).collect())
}

/// `AddEmbedding`
pub(super) fn add(write: &mut WriteCall<'_>, params: AddEmbedding<'_>) -> Result<Op, OpError> {
    let AddEmbedding { node_id, embedding } = params;
    let components = stored("embedding", &embedding)?;
    write.limits.check_embedding(components.len())?;
    Ok(Op::One(Mutation::AddEmbedding { node: node_id.into(), components }))
}

/// `SemanticSearch`: the nodes whose embeddings point the way of the query, best first, among those of its length.
pub(super) fn search(
    computation: &Computation<'_>,
    SemanticSearch { query_embedding: query, n_results }: SemanticSearch,
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
    let Computation { shard, graph, room, cancel, .. } = computation;
    check_finite("query_embedding", &query)?;
    if n_results == 0 || query.iter().all(|component| *component == 0.0) {
        return matches::<&str>(room, out, &[]);
    }
    match shard.vectors.get(&shard.graphs, graph, cancel) {
        Ok(index) => {
            let found = computation.parallel(|| index.search(&query, n_results, cancel))?;
            shard.metrics.passed_over((index.len() - index.len_of(query.len())) as u64);
            matches(room, out, &found)
        }
        Err(SemanticError::OverMemory { .. }) => {
            let view = shard.graphs.read_view();
            let reader = GraphReader::new(&*view, graph);
            let (found, passed_over) = search_stored(&reader, &query, n_results, cancel)?;
            shard.metrics.passed_over(passed_over);
            matches(room, out, &found)
        }
        Err(error) => Err(error.into()),
    }
}

fn matches<I: AsRef<str>>(room: &Room, out: &mut Vec<u8>, found: &[Match<I>]) -> Result<(), ReadError> {
    response::bin_of(out, |out| {
        encode::array(out, found.len());
        for Match { id, score } in found {
            encode::array(out, 2);
            encode::str(out, id.as_ref());
            encode::float32(out, *score);
            room.check(out.len())?;
        }
        Ok(())
    })
}

/// `ComputeSimilarityEdges`: the pairs of nodes whose embeddings have a cosine at or above the threshold.
pub(super) fn similarity_edges(
    computation: &Computation<'_>,
    SimilarityEdges { threshold }: SimilarityEdges,
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
    let Computation { shard, graph, room, cancel, .. } = computation;
    if threshold.is_nan() {
        return Err(OpError::Text("threshold: NaN is no number".into()).into());
    }
    let index = shard.vectors.get(&shard.graphs, graph, cancel)?;
    let (threshold, most) = (threshold as f32, room.max());
    let pairs = computation.parallel(|| index.similar_pairs(threshold, most, cancel))?;
    response::bin_of(out, |out| {
        encode::array(out, pairs.len());
        for pair in &pairs {
            cancel.check()?;
            let (first, second) = index.ids_of(pair);
            encode::array(out, 3);
            encode::str(out, first);
            encode::str(out, second);
            encode::float32(out, pair.score);
            room.check(out.len())?;
        }
        Ok(())
    })
}
