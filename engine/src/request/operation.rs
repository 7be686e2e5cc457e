//! What is known of an operation beside its handler: who may call it, for whom it counts, and what it does to the graph.

use std::sync::Arc;

use epistemic_storage::graph::{Graph, GraphType};

use crate::{
    keys::{LeastRole, Names},
    shard::Shard,
    signed::Scope,
    wire::{DecodeError, Envelope, Method},
};

/// One operation. The handler stands beside it in the table of operations.
#[derive(Clone, Copy)]
pub(crate) struct Operation {
    pub(crate) method: Method,
    pub(crate) access: Access,
    /// What the token of a signed request must allow.
    pub(crate) scope: Scope,
    pub(crate) quota: Quota,
    pub(crate) effect: Effect,
    /// What the key of its caller must be for, at least.
    pub(crate) least_role: LeastRole,
    /// What the key of its caller must be for, too.
    pub(crate) names: Names,
    /// Whether a read replica answers it: it changes nothing, and may be of a moment ago. All else is for the owner.
    pub(crate) on_replicas: bool,
}

/// Decodes a name that stands in the parameters of the method.
pub(crate) type NameFromParams = for<'a> fn(Method, Option<&'a [u8]>) -> Result<&'a str, DecodeError>;

/// What a caller needs once identities are registered (`docs/reference-protocol.md` section 9).
#[derive(Clone, Copy)]
pub(crate) enum Access {
    /// Nothing, or what the operation itself checks ([`super::access`]).
    Open,
    /// To read the graph of the request.
    Read,
    /// To read the graph of the request and a second one.
    ReadBoth(NameFromParams),
    /// To write the graph of the request.
    Write,
    /// To write the graph named in the parameters.
    WriteNamed(NameFromParams),
    /// To write the graph that a restore replaces, if there is one.
    Replace(for<'a> fn(Method, Option<&'a [u8]>) -> Result<Replaced<'a>, DecodeError>),
    /// To take part in the channel; the operation checks it ([`super::access::takes_part`]).
    Channel,
    /// To be a `System` identity.
    System,
    /// To be one where the rules hold for everything.
    SystemOfAll,
}

/// The graph that a restore replaces.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Replaced<'a> {
    /// None: it must not be there.
    Nothing,
    /// That which the snapshot names.
    NamedBySnapshot,
    Graph(&'a str),
}

/// Decodes the graph that a request makes.
pub(crate) type NewGraphFn =
    for<'a> fn(Method, Option<&'a [u8]>) -> Result<Option<NewGraph<'a>>, DecodeError>;

/// The graph for whose tenant a request counts.
#[derive(Clone, Copy)]
pub(crate) enum Quota {
    /// Nobody's.
    Nobody,
    /// That of the request.
    Graph,
    /// The one in the parameters.
    Named(NameFromParams),
    /// The one that it makes; none for a step of a move.
    Made(NewGraphFn),
    /// That of the transaction, if the caller may write to it.
    Transaction(fn(&Shard, Method, &Envelope<'_>) -> Option<Arc<Graph>>),
}

/// A graph that a request makes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewGraph<'a> {
    pub(crate) name: &'a str,
    pub(crate) kind: GraphType,
    pub(crate) claimed_by: Option<&'a str>,
}

/// What an operation does to the graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// What its kind says: nothing, but for writes.
    Usual,
    /// Nothing; it looks for matches and counts them.
    Matches,
    /// It changes the graph in parts: those that were made stay when it is ended.
    InParts,
    /// It adds something, how much is known when it ends.
    Adds,
    /// It puts a document in the graph's place.
    Document,
    /// It makes another graph.
    Copies,
}

impl Operation {
    /// Whether its requests may be as large as a document.
    pub(crate) fn takes_document(&self) -> bool {
        self.effect == Effect::Document
    }

    /// Whether it changes the graph of the request.
    pub(crate) fn writes(&self) -> bool {
        matches!(self.access, Access::Write)
    }
}
