//! Where graphs are restored to.

use std::io::Read;

use anyhow::Result;

use super::manifest::Content;

/// A store that takes graphs. Calls block; each change is durable on return. A graph is filled under a name that it
/// arrives at (docs/decisions/0019-moves.md), so nobody sees it before it is admitted.
pub(crate) trait Target {
    /// Endpoint or directory, for people.
    fn place(&self) -> String;

    /// What is at a name.
    fn at(&self, name: &str) -> Result<At>;

    /// Reserves a free name for the graph that `move_id` restores.
    fn arrive(&self, name: &str, move_id: &str) -> Result<()>;

    /// Fills it with a snapshot stream, which is checked on the way. `progress` is told the bytes read.
    fn fill(&self, name: &str, move_id: &str, input: &mut dyn Read, progress: &mut dyn FnMut(u64)) -> Result<()>;

    /// Makes further changes on it.
    fn replay(&self, name: &str, move_id: &str, records: Vec<(u64, Vec<u8>)>) -> Result<()>;

    /// What it holds, and its newest sequence number.
    fn content(&self, name: &str) -> Result<(u64, Content)>;

    /// Serves it from now on, when its newest sequence number is `sequence`: as `served`, in place of what is there when
    /// `replace`. One commit.
    fn admit(&self, name: &str, move_id: &str, sequence: u64, served: &str, replace: bool) -> Result<()>;

    /// Gives it up.
    fn give_up(&self, name: &str, move_id: &str) -> Result<()>;
}

/// What a name stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum At {
    /// Nothing, or a signpost.
    Free,
    /// A graph that is served, and whether it holds nothing.
    Served {
        /// No node and no edge.
        empty: bool,
    },
    /// A graph that arrives.
    Arriving {
        /// What fills it.
        move_id: String,
    },
}
