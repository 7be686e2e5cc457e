//! Creation policy: which names clients and imports may create graphs under.

/// Whether a graph of this name may be created, else what its creator is told.
pub type CreationPolicy = dyn Fn(&str, Asking) -> Result<(), String> + Send + Sync;

/// Who asks for a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asking {
    /// A client, for a graph of its own: a new one, a fork, or a change of `__commons__`.
    Client,
    /// An operator, for a graph that is brought: an import or a restore.
    Import,
}
