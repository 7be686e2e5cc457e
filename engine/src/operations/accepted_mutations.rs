//! Mutations that published clients send and ignore the result of: they are answered, and nothing is done.

use serde::Deserialize;

use crate::{
    request::{
        error::{OpError, ReadError},
        graph_read::GraphRead,
    },
    wire::{encode, text, texts},
};

/// `ApplyMutation`
#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "they have to be there and are not looked at")]
pub(crate) struct ApplyMutation<'a> {
    #[serde(borrow, deserialize_with = "text")]
    event_type: &'a str,
    #[serde(borrow, deserialize_with = "text")]
    query: &'a str,
}

/// `ApplyMultisigMutation`
#[derive(Debug, Deserialize)]
pub(crate) struct ApplyMultisigMutation<'a> {
    /// Counted only.
    #[serde(borrow, deserialize_with = "texts")]
    signatures: Vec<&'a str>,
    /// How many there must be.
    threshold: usize,
    #[expect(dead_code, reason = "has to be there and is not looked at")]
    #[serde(borrow, deserialize_with = "text")]
    mutation_type: &'a str,
    #[expect(dead_code, reason = "has to be there and is not looked at")]
    #[serde(borrow, deserialize_with = "text")]
    query: &'a str,
}

/// `ApplyMutation`
pub(super) fn apply(read: &GraphRead<'_>, _: ApplyMutation<'_>, out: &mut Vec<u8>) -> Result<(), ReadError> {
    read.shard.metrics.unsupported(read.request.method());
    encode::str(out, "mutation_applied");
    Ok(())
}

/// `ApplyMultisigMutation`
pub(super) fn apply_multisig(
    read: &GraphRead<'_>,
    ApplyMultisigMutation { signatures, threshold, .. }: ApplyMultisigMutation<'_>,
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
    read.shard.metrics.unsupported(read.request.method());
    if signatures.len() < threshold {
        let text = format!("Insufficient signatures: {} < {threshold}", signatures.len());
        return Err(OpError::Text(text).into());
    }
    encode::str(out, "mutation_applied");
    Ok(())
}
