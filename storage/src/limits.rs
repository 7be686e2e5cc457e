//! Bounds on what agents register: channels and identities are kept in memory, names of graphs in every list of them.

/// Bytes of the name of a channel, an agent, a tenant or a team, of a place that graphs move to, and if nothing else is said
/// of a new graph and of the id of a new node. The published clients are tested with names just above 4 KiB.
pub const MAX_NAME_BYTES: usize = 8 << 10;
/// Members of a channel.
pub const MAX_MEMBERS: usize = 10_000;
/// Teams of an identity, and subordinates of one.
pub const MAX_RELATIONS: usize = 10_000;
/// Open channels of a shard.
pub const MAX_CHANNELS: usize = 100_000;
/// Identities of a shard.
pub const MAX_IDENTITIES: usize = 100_000;

/// Bytes of names that clients make. What is there already stays as it is, whatever its length; copies of graphs are taken
/// as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameLimits {
    /// Of the name of a new graph.
    pub graph: usize,
    /// Of the id of a new node.
    pub node: usize,
}

impl Default for NameLimits {
    fn default() -> Self {
        Self { graph: MAX_NAME_BYTES, node: MAX_NAME_BYTES }
    }
}

/// A bound was met; nothing has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OverLimit {
    /// A name is too long.
    #[error("the {of} has {bytes} bytes, {most} are the most")]
    Name {
        /// Whose name, as in the parameters.
        of: &'static str,
        /// Its length.
        bytes: usize,
        /// As many may be.
        most: usize,
    },
    /// There are too many.
    #[error("{count} {of}, {most} are the most")]
    Count {
        /// Of what.
        of: &'static str,
        /// As many were wanted.
        count: usize,
        /// As many may be.
        most: usize,
    },
}

pub(crate) fn check_name(of: &'static str, name: &str) -> Result<(), OverLimit> {
    check_bytes(of, name, MAX_NAME_BYTES)
}

/// Whether a name has `most` bytes at most.
///
/// # Errors
/// [`OverLimit::Name`], which says whose name it is: `of`.
pub fn check_bytes(of: &'static str, name: &str, most: usize) -> Result<(), OverLimit> {
    let bytes = name.len();
    if bytes <= most { Ok(()) } else { Err(OverLimit::Name { of, bytes, most }) }
}

pub(crate) fn check_count(of: &'static str, count: usize, most: usize) -> Result<(), OverLimit> {
    if count <= most { Ok(()) } else { Err(OverLimit::Count { of, count, most }) }
}
