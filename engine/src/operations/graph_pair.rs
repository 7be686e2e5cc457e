//! Reads of the graph of the request beside another one.

use std::sync::Arc;

use epistemic_storage::{
    backend::Read,
    graph::{Graph, GraphError, GraphReader, Together},
};

use crate::{
    request::{
        access,
        computation::Computation,
        error::{OpError, ReadError},
    },
    shard::Shard,
};

/// Two graphs in one state.
pub(super) struct Pair<'s> {
    view: Box<dyn Read + 's>,
    /// The graph of the request.
    pub(super) this: Arc<Graph>,
    pub(super) other: Arc<Graph>,
}

impl<'s> Pair<'s> {
    /// Finds both and asks whether the caller may read them: they may have come since the request was checked. `role` is
    /// what the protocol calls the other one when it is missing.
    pub(super) fn find(
        computation: &Computation<'s>,
        other_name: &str,
        role: &str,
    ) -> Result<Self, ReadError> {
        let Computation { shard, request, .. } = computation;
        let Together { graphs, view } = shard.graphs.together(&[request.envelope.graph, other_name])?;
        let mut graphs = graphs.into_iter();
        let missing = |name: &str| GraphError::GraphNotFound(name.to_owned());
        let this = graphs.next().unwrap_or_else(|| Err(missing(request.envelope.graph)));
        let this = this.map_err(OpError::from)?;
        #[expect(clippy::wildcard_enum_match_arm, reason = "all others name the graph")]
        let other =
            graphs.next().unwrap_or_else(|| Err(missing(other_name))).map_err(|error| match error {
                GraphError::GraphNotFound(_) => {
                    OpError::Text(format!("{role} graph '{other_name}' not found"))
                }
                elsewhere => elsewhere.into(),
            })?;
        access::again(shard, request, &this)?;
        access::read(shard, &request.envelope, &other)?;
        Ok(Self { view, this, other })
    }

    /// An error of reading the other graph, as one of that graph.
    pub(super) fn of_other(&self, shard: &Shard, error: impl Into<ReadError>) -> ReadError {
        error.into().of_second(shard, &self.other)
    }

    pub(super) fn view(&self) -> &(dyn Read + 's) {
        &*self.view
    }

    pub(super) fn readers(&self) -> (GraphReader<'_>, GraphReader<'_>) {
        (GraphReader::new(&*self.view, &self.this), GraphReader::new(&*self.view, &self.other))
    }
}
