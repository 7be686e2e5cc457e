//! Results of mutations.

use serde::{Deserialize, Serialize};

use crate::{
    graph::write::{conditional_change::ChangeSummary, part::Progress},
    mutation::Mutation,
};

/// Result of a mutation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// Done.
    Done,
    /// A batch ran.
    Batch(BatchReport),
    /// Nodes touched.
    Touched(u64),
    /// Whether a change that depends on its node was made.
    Decided(bool),
    /// The node that was claimed and its properties; none when it was not as expected.
    Claimed(Option<(String, Vec<u8>)>),
    /// What became of a transaction.
    Transaction {
        /// Whether its changes were made: all, or none.
        made: bool,
        /// Whether that was before, under the same key (`Op::Once`).
        replayed: bool,
    },
    /// Revisions were made.
    #[serde(rename = "Revised")]
    Conditional(ChangeSummary),
    /// A part was done, or nothing: the rest is to be committed next, from there on, before anything else of its graph. Only
    /// of [`crate::graph::GraphStore::commit_in_parts`].
    #[serde(skip)]
    Unfinished(Box<Progress>),
}

impl Outcome {
    pub(crate) fn unfinished(progress: Progress) -> Self {
        Outcome::Unfinished(Box::new(progress))
    }

    /// What is answered to whoever asks for the same again.
    pub(crate) fn again(self) -> Self {
        if let Outcome::Transaction { made, .. } = self {
            return Outcome::Transaction { made, replayed: true };
        }
        self
    }

    /// Whether a key stands for it from now on. A transaction or a claim that met a conflict did nothing and may be tried
    /// again; the key of what is made in parts goes with the last one.
    pub(crate) fn is_kept(&self) -> bool {
        !matches!(
            self,
            Outcome::Transaction { made: false, .. } | Outcome::Claimed(None) | Outcome::Unfinished(_)
        )
    }
}

/// What a batch update did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchReport {
    /// Nodes added or replaced.
    pub added_nodes: u64,
    /// Edges added.
    pub added_edges: u64,
    /// Node removals asked for, missing nodes included.
    pub removed_nodes: u64,
    /// Edge removals asked for, missing edges included.
    pub removed_edges: u64,
    /// Embeddings added or replaced.
    #[serde(default)]
    pub added_embeddings: u64,
    /// Nodes added or replaced by operations that say so.
    #[serde(default)]
    pub upserted_nodes: u64,
    /// Edges put in place of all of their pair.
    #[serde(default)]
    pub upserted_edges: u64,
    /// One text per failed item, `op[INDEX]: reason`; behind the first 10,000 one that tells how many more.
    pub errors: Vec<String>,
    /// Failed items without a text of their own.
    pub(crate) untold: u64,
}

/// Failed items that are told one by one.
const MAX_ERRORS: usize = 10_000;

impl BatchReport {
    /// Counts a change that was made.
    pub(crate) fn count(&mut self, made: &Mutation) {
        *match made {
            Mutation::AddNode { .. } => &mut self.added_nodes,
            Mutation::RemoveNode { .. } => &mut self.removed_nodes,
            Mutation::AddEdge { .. } => &mut self.added_edges,
            Mutation::ReplaceEdges { .. } => &mut self.upserted_edges,
            Mutation::RemoveEdge { .. } => &mut self.removed_edges,
            Mutation::CompareAndSet { .. } => &mut self.upserted_nodes,
            Mutation::AddEmbedding { .. } => &mut self.added_embeddings,
        } += 1;
    }

    pub(crate) fn fail(&mut self, index: usize, reason: &dyn std::fmt::Display) {
        if self.errors.len() < MAX_ERRORS {
            self.errors.push(format!("op[{index}]: {reason}"));
        } else {
            self.untold += 1;
        }
    }

    pub(crate) fn finish(mut self) -> Self {
        if self.untold > 0 {
            self.errors.push(format!("... and {} more", self.untold));
            self.untold = 0;
        }
        self
    }
}
