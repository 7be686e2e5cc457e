//! Parameters of transactions.

use std::borrow::Cow;

use serde::Deserialize;

use super::super::{
    bytes_field::bytes,
    floats::components,
    text::{text, text_or_nil},
};

/// `BeginTxn`
#[derive(Debug, Default, Deserialize)]
pub struct BeginTransaction<'a> {
    /// The graph, if it is not that of the request.
    #[serde(borrow, default, deserialize_with = "text_or_nil")]
    pub graph: Option<&'a str>,
    /// `snapshot` or `serializable`, in any case of letters, which are the same; empty is as absent.
    #[serde(borrow, default, deserialize_with = "text_or_nil")]
    pub isolation: Option<&'a str>,
}

/// `Rollback`
#[derive(Debug, Deserialize)]
pub struct TransactionId<'a> {
    /// What `BeginTxn` answered.
    #[serde(borrow, deserialize_with = "text")]
    pub txn_id: &'a str,
}

/// `Commit`
#[derive(Debug, Deserialize)]
pub struct CommitTransaction<'a> {
    /// What `BeginTxn` answered.
    #[serde(borrow, deserialize_with = "text")]
    pub txn_id: &'a str,
    /// Names the write for its caller.
    #[serde(borrow, default, deserialize_with = "text_or_nil")]
    pub idempotency_key: Option<&'a str>,
}

/// `TxnAddNode`
#[derive(Debug, Deserialize)]
pub struct TransactionAddNode<'a> {
    /// What `BeginTxn` answered.
    #[serde(borrow, deserialize_with = "text")]
    pub txn_id: &'a str,
    /// Id of the node, new or existing.
    #[serde(borrow, deserialize_with = "text")]
    pub node_id: &'a str,
    /// Stored as they are.
    #[serde(borrow, deserialize_with = "bytes")]
    pub properties_msgpack: Cow<'a, [u8]>,
    /// That of the transaction, if any.
    #[serde(borrow, default, deserialize_with = "text_or_nil")]
    pub graph: Option<&'a str>,
}

/// `TxnRemoveNode`
#[derive(Debug, Deserialize)]
pub struct TransactionNode<'a> {
    /// What `BeginTxn` answered.
    #[serde(borrow, deserialize_with = "text")]
    pub txn_id: &'a str,
    /// Id of the node.
    #[serde(borrow, deserialize_with = "text")]
    pub node_id: &'a str,
    /// That of the transaction, if any.
    #[serde(borrow, default, deserialize_with = "text_or_nil")]
    pub graph: Option<&'a str>,
}

/// `TxnAddEdge`
#[derive(Debug, Deserialize)]
pub struct TransactionAddEdge<'a> {
    /// What `BeginTxn` answered.
    #[serde(borrow, deserialize_with = "text")]
    pub txn_id: &'a str,
    /// Id of a node that is there or was added before.
    #[serde(borrow, deserialize_with = "text")]
    pub source_id: &'a str,
    /// Id of a node that is there or was added before.
    #[serde(borrow, deserialize_with = "text")]
    pub target_id: &'a str,
    /// Stored as they are.
    #[serde(borrow, deserialize_with = "bytes")]
    pub properties_msgpack: Cow<'a, [u8]>,
    /// That of the transaction, if any.
    #[serde(borrow, default, deserialize_with = "text_or_nil")]
    pub graph: Option<&'a str>,
}

/// `TxnRemoveEdge`
#[derive(Debug, Deserialize)]
pub struct TransactionEdge<'a> {
    /// What `BeginTxn` answered.
    #[serde(borrow, deserialize_with = "text")]
    pub txn_id: &'a str,
    /// Where the edges start.
    #[serde(borrow, deserialize_with = "text")]
    pub source_id: &'a str,
    /// Where they end.
    #[serde(borrow, deserialize_with = "text")]
    pub target_id: &'a str,
    /// That of the transaction, if any.
    #[serde(borrow, default, deserialize_with = "text_or_nil")]
    pub graph: Option<&'a str>,
}

/// `TxnCas`
#[derive(Debug, Deserialize)]
pub struct TransactionCompareAndSet<'a> {
    /// What `BeginTxn` answered.
    #[serde(borrow, deserialize_with = "text")]
    pub txn_id: &'a str,
    /// Id of the node.
    #[serde(borrow, deserialize_with = "text")]
    pub node_id: &'a str,
    /// A map of the fields that are expected; a missing field is nil.
    #[serde(borrow, deserialize_with = "bytes")]
    pub conditions_msgpack: Cow<'a, [u8]>,
    /// A map of the fields to set.
    #[serde(borrow, deserialize_with = "bytes")]
    pub updates_msgpack: Cow<'a, [u8]>,
    /// That of the transaction, if any.
    #[serde(borrow, default, deserialize_with = "text_or_nil")]
    pub graph: Option<&'a str>,
}

/// `TxnAddEmbedding`
#[derive(Debug, Deserialize)]
pub struct TransactionAddEmbedding<'a> {
    /// What `BeginTxn` answered.
    #[serde(borrow, deserialize_with = "text")]
    pub txn_id: &'a str,
    /// Id of a node that is there or was added before.
    #[serde(borrow, deserialize_with = "text")]
    pub node_id: &'a str,
    /// Components, not checked to be finite.
    #[serde(deserialize_with = "components")]
    pub embedding: Vec<f32>,
    /// That of the transaction, if any.
    #[serde(borrow, default, deserialize_with = "text_or_nil")]
    pub graph: Option<&'a str>,
}
