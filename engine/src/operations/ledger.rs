//! The ledger of a graph: applied, cleared, kept. It is read in [`super::graph_scans`], and record by record in
//! [`super::moves`].

use epistemic_storage::graph::Op;
use serde::Deserialize;

use super::batches::{batch, too_many};
use crate::{
    request::{error::OpError, write::WriteCall},
    wire::{NoParams, parse_ledger_lines, text_or_nil, texts},
};

/// `ApplyLedger`
#[derive(Debug, Deserialize)]
pub(crate) struct Transactions<'a> {
    /// Ledger lines (`docs/reference-protocol.md` section 8.2).
    #[serde(borrow, deserialize_with = "texts")]
    transactions: Vec<&'a str>,
}

/// `LedgerKeep`
#[derive(Debug, Deserialize)]
pub(crate) struct LedgerKeep<'a> {
    /// The rule as text; without it, or nil, the graph is kept as the shard keeps others.
    #[serde(borrow, default, deserialize_with = "text_or_nil")]
    keep: Option<&'a str>,
}

/// `ApplyLedger`
pub(super) fn apply(
    write: &mut WriteCall<'_>,
    Transactions { transactions }: Transactions<'_>,
) -> Result<Op, OpError> {
    too_many("ApplyLedger", transactions.len())?;
    write.make_room(transactions.len())?;
    let items =
        parse_ledger_lines(&transactions).map_err(|error| OpError::Text(format!("ApplyLedger: {error}")))?;
    batch(&write.limits, items.into_iter().map(Ok))
}

/// `ClearLedger`
pub(super) fn clear(_: &mut WriteCall<'_>, _: NoParams) -> Result<Op, OpError> {
    Ok(Op::ClearLedger)
}

/// `LedgerKeep`
pub(super) fn keep(_: &mut WriteCall<'_>, LedgerKeep { keep }: LedgerKeep<'_>) -> Result<Op, OpError> {
    let rule = keep.map(|rule| rule.parse().map_err(|error| OpError::Text(format!("LedgerKeep: {error}"))));
    Ok(Op::KeepLedger(rule.transpose()?))
}
