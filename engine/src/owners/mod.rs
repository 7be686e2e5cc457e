//! Who serves which graph, compared with the other shards: a shard that was set back to before a move cannot know it by
//! itself (docs/decisions/0025-one-owner.md).
//!
//! * `claims`: what this shard says of its names; `peers`: what is known of the others, and what follows from it; `watch`:
//!   when they are asked.

mod claims;
mod peers;
mod watch;

pub(crate) use claims::page;
pub(crate) use peers::Peers;
pub(crate) use watch::{check_first, start};
