//! Errors of channels. All texts but the last two are the wire contract.

use epistemic_protocol::ErrorCode;

use crate::{error::StoreError, limits::OverLimit};

/// Why an operation on a channel was refused or failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChannelError {
    /// No open channel has this id.
    #[error("Channel '{0}' not found")]
    NotFound(String),
    /// An open channel has this id already.
    #[error("Channel '{0}' already exists")]
    Exists(String),
    /// Two agents talk in such a channel, no more and no less.
    #[error("PeerToPeer channels require exactly 2 members")]
    NotTwo,
    /// The two are those of its creation.
    #[error("Cannot join a PeerToPeer channel after creation")]
    NoJoin,
    /// Only members send.
    #[error("Agent '{agent}' is not a member of channel '{channel}'")]
    NotAMember {
        /// Who is none.
        agent: String,
        /// The channel.
        channel: String,
    },
    /// Too long or too many.
    #[error(transparent)]
    Limit(#[from] OverLimit),
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ChannelError {
    /// Why, for programs. Nothing for what only its text says.
    #[must_use]
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            ChannelError::NotFound(_) => Some(ErrorCode::NotFound),
            ChannelError::Exists(_) => Some(ErrorCode::Exists),
            ChannelError::NotTwo | ChannelError::NoJoin | ChannelError::NotAMember { .. } => None,
            ChannelError::Limit(error) => error.code(),
            ChannelError::Store(error) => Some(error.code()),
        }
    }
}
