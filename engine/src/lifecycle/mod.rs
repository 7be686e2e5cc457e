//! Operations that let nodes and edges age and go (`docs/reference-protocol.md` sections 6.4 and 7).
//!
//! Each reads one view, works out conditional changes and commits them in parts through the commit thread: no lock is
//! held across a graph, and what somebody else changes meanwhile stays as he left it.

mod compact;
mod context;
mod decay;
mod evict;
mod policy;
mod prune;
mod reviser;

pub(crate) use compact::compact_by_type;
pub(crate) use context::{LifecycleError, Target};
pub(crate) use decay::{Swept, decay_sweep};
pub(crate) use evict::evict_lru;
pub(crate) use policy::Decay;
pub(crate) use prune::{Pruned, prune};
