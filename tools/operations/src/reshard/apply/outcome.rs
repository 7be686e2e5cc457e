//! What became of a graph of the plan.

use crate::moves::{Line, Step};

/// How far a move is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Nothing is known of it but that its name may be reserved.
    Waiting,
    /// It has begun.
    Begun,
    /// The destination serves the graph, and there is a receipt; the source has the records still.
    Settled,
    /// It did not go on for now; why.
    Failed(String),
    /// It is finished, with a receipt.
    Moved,
    /// It was given up; the graph stays.
    GivenUp,
    /// The graph was deleted before it moved.
    Gone,
}

impl Outcome {
    /// That of a move with these lines in the journal.
    pub(super) fn of(lines: &[Line]) -> Self {
        match lines.last().map(|line| &line.step) {
            None => Self::Waiting,
            Some(Step::Done) => Self::Moved,
            Some(Step::Receipt { .. }) => Self::Settled,
            Some(Step::Aborted) => Self::GivenUp,
            Some(Step::Gone) => Self::Gone,
            Some(Step::Failed { error }) => Self::Failed(error.clone()),
            Some(
                Step::Reserve
                | Step::Copy
                | Step::CatchUp
                | Step::Equal { .. }
                | Step::Fence
                | Step::TailEqual(_)
                | Step::Depart { .. }
                | Step::Admit { .. }
                | Step::Abort,
            ) => Self::Begun,
        }
    }

    /// Whether something is left to do.
    pub(super) fn is_open(&self) -> bool {
        match self {
            Self::Waiting | Self::Begun | Self::Settled | Self::Failed(_) => true,
            Self::Moved | Self::GivenUp | Self::Gone => false,
        }
    }
}
