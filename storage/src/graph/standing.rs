//! Graphs that are on their way between stores, and what their names answer meanwhile.

use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::error::GraphError;

/// Why a graph of the catalog is not served. A graph without a standing is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It is being filled from another store, which serves it until then.
    Arriving {
        /// The move that fills it.
        move_id: String,
        /// Where it comes from, for people.
        from: String,
        /// The signpost that it took the place of; it comes back if the move is given up.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        before: Option<Signpost>,
    },
    /// It is served elsewhere.
    Moved(Signpost),
}

/// Where a graph went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signpost {
    /// The move that took it.
    pub move_id: String,
    /// Its new endpoint.
    pub to: String,
    /// Its records are gone from here; the signpost alone is left.
    pub dropped: bool,
}

impl Standing {
    /// What is answered instead of serving the graph `name`.
    pub(super) fn refusal(&self, name: &str) -> GraphError {
        let graph = name.to_owned();
        match self {
            Standing::Arriving { from, .. } => GraphError::Arriving { graph, from: from.clone() },
            Standing::Moved(post) => GraphError::Moved { graph, to: post.to.clone() },
        }
    }

    /// The move it belongs to.
    pub fn move_id(&self) -> &str {
        match self {
            Standing::Arriving { move_id, .. } => move_id,
            Standing::Moved(post) => &post.move_id,
        }
    }
}

/// A short stop of the writes of a graph that is about to move. Not stored: it ends by itself, or with the process.
#[derive(Debug, Default)]
pub(super) struct Fence(Mutex<Option<Raised>>);

#[derive(Debug)]
struct Raised {
    move_id: String,
    to: String,
    until: Instant,
}

impl Fence {
    /// Refuses writes for `lease` from now on.
    ///
    /// # Errors
    /// [`GraphError::MoveConflict`] while another move has raised it.
    pub(super) fn raise(
        &self,
        name: &str,
        move_id: &str,
        to: &str,
        lease: Duration,
    ) -> Result<(), GraphError> {
        let mut raised = self.0.lock();
        let now = Instant::now();
        if let Some(other) = raised.as_ref().filter(|other| other.until > now && other.move_id != move_id) {
            return Err(GraphError::conflict(name, format!("move {} is under way", other.move_id)));
        }
        *raised = Some(Raised { move_id: move_id.to_owned(), to: to.to_owned(), until: now + lease });
        Ok(())
    }

    /// Lets writes through again, if `move_id` raised it.
    pub(super) fn lower(&self, move_id: &str) {
        self.0.lock().take_if(|raised| raised.move_id == move_id);
    }

    /// Whether a write of the graph `name` may pass.
    ///
    /// # Errors
    /// [`GraphError::Moving`].
    pub(super) fn pass(&self, name: &str) -> Result<(), GraphError> {
        match &*self.0.lock() {
            Some(raised) if raised.until > Instant::now() => {
                Err(GraphError::Moving { graph: name.to_owned(), to: raised.to.clone() })
            }
            Some(_) | None => Ok(()),
        }
    }
}
