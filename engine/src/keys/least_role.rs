//! The least that a key must be for.

use epistemic_keys::Role;

/// The role of a key that an operation wants, or one that is for more: a column of the table of operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LeastRole {
    /// Reads.
    Reader,
    /// Writes nodes, edges and messages.
    Writer,
    /// Creates, deletes, clears and replaces graphs.
    Owner,
    /// Restores graphs.
    OwnerOrOperator,
    /// Operates the shard.
    Operator,
    /// Decides who may do what, and ends the shard.
    System,
}

impl LeastRole {
    /// Whether keys of this role have it.
    pub(super) fn is_had_by(self, role: Role) -> bool {
        match self {
            Self::Reader => true,
            Self::Writer => matches!(role, Role::Writer | Role::Owner | Role::System),
            Self::Owner => matches!(role, Role::Owner | Role::System),
            Self::OwnerOrOperator => matches!(role, Role::Owner | Role::Operator | Role::System),
            Self::Operator => matches!(role, Role::Operator | Role::System),
            Self::System => role == Role::System,
        }
    }
}
