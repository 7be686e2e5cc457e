//! Bounds on what agents register: channels and identities are kept in memory, names of graphs in every list of them.

/// Bytes of the name of a new graph, a channel, an agent or a team.
pub const MAX_NAME_BYTES: usize = 8 << 10;
/// Members of a channel.
pub const MAX_MEMBERS: usize = 10_000;
/// Teams of an identity, and subordinates of one.
pub const MAX_RELATIONS: usize = 10_000;
/// Open channels of a shard.
pub const MAX_CHANNELS: usize = 100_000;
/// Identities of a shard.
pub const MAX_IDENTITIES: usize = 100_000;

/// A bound was met; nothing has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OverLimit {
    /// A name is too long.
    #[error("the {of} has {bytes} bytes, {MAX_NAME_BYTES} are the most")]
    Name {
        /// Whose name, as in the parameters.
        of: &'static str,
        /// Its length.
        bytes: usize,
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
    let bytes = name.len();
    if bytes <= MAX_NAME_BYTES { Ok(()) } else { Err(OverLimit::Name { of, bytes }) }
}

pub(crate) fn check_count(of: &'static str, count: usize, most: usize) -> Result<(), OverLimit> {
    if count <= most { Ok(()) } else { Err(OverLimit::Count { of, count, most }) }
}
