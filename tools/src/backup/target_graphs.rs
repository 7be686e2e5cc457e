//! The graphs of a directory, or of a scratch store, as a target.

use std::io::Read;

use anyhow::Result;
use epistemic_storage::GraphStore;
use epistemic_storage::graph::{GraphError, MoveOp, Op, Rename, Standing};
use epistemic_storage::snapshot::{self, ImportTarget};

use super::manifest::Content;
use super::target::{At, Target};
use crate::cli::{Count, Counted};

/// Graphs of a store of this process.
pub(crate) struct GraphsTarget<'g> {
    pub(crate) graphs: &'g GraphStore,
    pub(crate) place: String,
}

impl GraphsTarget<'_> {
    fn step(&self, name: &str, step: MoveOp) -> Result<()> {
        self.graphs.write(name, Op::Move(step))?;
        Ok(())
    }
}

impl Target for GraphsTarget<'_> {
    fn place(&self) -> String {
        self.place.clone()
    }

    fn at(&self, name: &str) -> Result<At> {
        let graph = match self.graphs.graph_of_any_standing(name) {
            Err(GraphError::GraphNotFound(_)) => return Ok(At::Free),
            found => found?,
        };
        let state = graph.state();
        Ok(match graph.standing() {
            None => At::Served { empty: state.nodes == 0 && state.edges == 0 },
            Some(Standing::Arriving { move_id, .. }) => At::Arriving { move_id },
            Some(Standing::Moved(_)) => At::Free,
        })
    }

    fn arrive(&self, name: &str, move_id: &str) -> Result<()> {
        self.step(name, MoveOp::Arrive { move_id: move_id.to_owned(), from: "a backup".to_owned() })
    }

    fn fill(&self, name: &str, move_id: &str, input: &mut dyn Read, progress: &mut dyn FnMut(u64)) -> Result<()> {
        let target =
            ImportTarget { name: Some(name.to_owned()), replace: false, move_id: Some(move_id.to_owned()) };
        let count = Count::default();
        let input = Counted { stream: input, count: count.clone() };
        snapshot::import(self.graphs, input, &target, &mut |_| progress(count.bytes()))?;
        Ok(())
    }

    fn replay(&self, name: &str, move_id: &str, records: Vec<(u64, Vec<u8>)>) -> Result<()> {
        self.step(name, MoveOp::Replay { move_id: move_id.to_owned(), records })
    }

    fn content(&self, name: &str) -> Result<(u64, Content)> {
        let graph = self.graphs.graph_of_any_standing(name)?;
        let (header, totals) = snapshot::content_digest_of(self.graphs, &graph)?;
        Ok((header.sequence, totals.into()))
    }

    fn admit(&self, name: &str, move_id: &str, sequence: u64, served: &str, replace: bool) -> Result<()> {
        let rename = (name != served).then(|| Rename { name: served.into(), replace });
        self.step(name, MoveOp::Admit { move_id: move_id.to_owned(), sequence, rename })
    }

    fn give_up(&self, name: &str, move_id: &str) -> Result<()> {
        self.step(name, MoveOp::Drop { move_id: move_id.to_owned() })
    }
}
