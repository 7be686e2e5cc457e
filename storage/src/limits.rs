//! Bounds on what agents register: channels and identities are kept in memory, names of graphs in every list of them. And on
//! what one request may write.

use epistemic_protocol::ErrorCode;

use crate::properties;

/// Bytes of the name of a channel, an agent, a tenant or a team, of a place that graphs move to, and if nothing else is said
/// of a new graph. The published clients are tested with names just above 4 KiB.
pub const MAX_NAME_BYTES: usize = 8 << 10;
/// Bytes of the id of a new node, unless a server is told otherwise: what clients do with ids of 100,000 bytes is recorded from the
/// reference.
pub const MAX_NODE_ID_BYTES: usize = 100 << 10;
/// Members of a channel.
pub const MAX_MEMBERS: usize = 10_000;
/// Teams of an identity, and subordinates of one.
pub const MAX_RELATIONS: usize = 10_000;
/// Open channels of a shard.
pub const MAX_CHANNELS: usize = 100_000;
/// Identities of a shard.
pub const MAX_IDENTITIES: usize = 100_000;
/// Bytes of the names in all channels of a shard, and in all its identities: as many members, or teams, as each may have are
/// not there in each of as many as there may be.
pub const MAX_NAMES: usize = 64 << 20;
/// What each name counts besides its bytes.
const NAME: usize = 64;

/// What a name counts for [`MAX_NAMES`].
pub(crate) fn name_bytes(name: &str) -> usize {
    NAME + name.len()
}

/// Lists and maps in the properties of a node or an edge: each takes many times its byte when it is shown.
pub const MAX_CONTAINERS: usize = 256 << 10;

/// Bytes of the properties of a node or an edge, and of an embedding, if nothing else is said.
pub const MAX_PROPERTY_BYTES: usize = 16 << 20;
/// Labels of a node, if nothing else is said.
pub const MAX_NODE_LABELS: usize = 1000;

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
        Self { graph: MAX_NAME_BYTES, node: MAX_NODE_ID_BYTES }
    }
}

/// A bound was met; nothing has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
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
    /// Names that are kept in memory would take too much of it.
    #[error(
        "{code}: {bytes} bytes of names in {of}, {most} are the most, the half of a part of --memory-budget; remove some \
         ({code:#})",
        code = ErrorCode::LimitExceeded
    )]
    Names {
        /// Of what.
        of: &'static str,
        /// As many bytes as they would take.
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
    /// Properties are too large.
    #[error(
        "{code}: properties of {bytes} bytes, {most} are the most (--max-property-bytes); nothing was written \
         ({code:#})",
        code = ErrorCode::LimitExceeded
    )]
    Properties {
        /// Their size.
        bytes: usize,
        /// The limit.
        most: usize,
    },
    /// Properties have too many lists and maps in them.
    #[error(
        "{code}: properties with over {most} lists and maps in them; nothing was written ({code:#})",
        code = ErrorCode::LimitExceeded
    )]
    Containers {
        /// The limit.
        most: usize,
    },
    /// A node has too many labels.
    #[error(
        "{code}: a node with {count} labels, {most} are the most (--max-node-labels); nothing was written ({code:#})",
        code = ErrorCode::LimitExceeded
    )]
    Labels {
        /// How many.
        count: usize,
        /// The limit.
        most: usize,
    },
    /// An embedding is too large.
    #[error(
        "{code}: an embedding of {bytes} bytes, {most} are the most (--max-property-bytes); nothing was written \
         ({code:#})",
        code = ErrorCode::LimitExceeded
    )]
    Embedding {
        /// Its size.
        bytes: usize,
        /// The limit.
        most: usize,
    },
    /// A batch writes too much.
    #[error(
        "{code}: the batch writes over {most} bytes (--max-batch-bytes); nothing of it was written, send it in parts \
         ({code:#})",
        code = ErrorCode::LimitExceeded
    )]
    Batch {
        /// The limit.
        most: usize,
    },
}

impl OverLimit {
    /// Why, for programs. Nothing for a name and for counts, whose texts are those of their own bounds.
    #[must_use]
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            OverLimit::Name { .. } | OverLimit::Count { .. } => None,
            OverLimit::Names { .. }
            | OverLimit::Properties { .. }
            | OverLimit::Containers { .. }
            | OverLimit::Labels { .. }
            | OverLimit::Embedding { .. }
            | OverLimit::Batch { .. } => Some(ErrorCode::LimitExceeded),
        }
    }
}

/// Bounds on what one request may write, so that it keeps nobody waiting for long. What is there already is not asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestLimits {
    /// Bytes of a node's or an edge's properties, and of an embedding.
    pub value_bytes: usize,
    /// Labels of a node.
    pub labels: usize,
    /// Bytes that a batch writes: its records, and its ledger records.
    pub batch_bytes: usize,
}

/// No bounds.
impl Default for RequestLimits {
    fn default() -> Self {
        Self { value_bytes: usize::MAX, labels: usize::MAX, batch_bytes: usize::MAX }
    }
}

impl RequestLimits {
    /// Checks the properties of a node that is to be written. Takes time with the size of its properties.
    ///
    /// # Errors
    /// What is beyond its limit.
    pub fn check_node(&self, properties: &[u8]) -> Result<(), OverLimit> {
        self.check_properties(properties)?;
        // A label takes a byte at least.
        if properties.len() <= self.labels {
            return Ok(());
        }
        match properties::labels(properties).len() {
            count if count <= self.labels => Ok(()),
            count => Err(OverLimit::Labels { count, most: self.labels }),
        }
    }

    /// Checks properties.
    ///
    /// # Errors
    /// They are too large, or have too many lists and maps in them.
    pub fn check_properties(&self, properties: &[u8]) -> Result<(), OverLimit> {
        if properties.len() > self.value_bytes {
            return Err(properties_too_large(properties.len(), self.value_bytes));
        }
        let most = if self.value_bytes == usize::MAX { usize::MAX } else { MAX_CONTAINERS };
        if properties.len() > most && properties::containers(properties, most) > most {
            return Err(OverLimit::Containers { most });
        }
        Ok(())
    }

    /// Checks an embedding.
    ///
    /// # Errors
    /// It is too large.
    pub fn check_embedding(&self, bytes: usize) -> Result<(), OverLimit> {
        let most = self.value_bytes;
        if bytes <= most { Ok(()) } else { Err(OverLimit::Embedding { bytes, most }) }
    }

    /// Checks what a batch will write.
    ///
    /// # Errors
    /// It is too much.
    pub fn check_batch(&self, bytes: usize) -> Result<(), OverLimit> {
        if bytes <= self.batch_bytes { Ok(()) } else { Err(self.batch_too_large()) }
    }

    pub(crate) fn batch_too_large(&self) -> OverLimit {
        OverLimit::Batch { most: self.batch_bytes }
    }
}

pub(crate) fn properties_too_large(bytes: usize, most: usize) -> OverLimit {
    OverLimit::Properties { bytes, most }
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

pub(crate) fn check_names(of: &'static str, bytes: usize, most: usize) -> Result<(), OverLimit> {
    if bytes <= most { Ok(()) } else { Err(OverLimit::Names { of, bytes, most }) }
}

pub(crate) fn check_count(of: &'static str, count: usize, most: usize) -> Result<(), OverLimit> {
    if count <= most { Ok(()) } else { Err(OverLimit::Count { of, count, most }) }
}
