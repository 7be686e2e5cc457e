//! The records of a whole graph before anyone sees it: `loader` takes them, `loaded` waits for its commit, `fork` copies
//! those of another graph.

pub(super) mod fork;
pub(super) mod loaded;
pub(super) mod loader;
