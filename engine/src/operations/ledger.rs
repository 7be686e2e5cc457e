//! The ledger of a graph: applied, cleared, kept. It is read in [`super::graph_scans`], and record by record in
//! [`super::moves`].

use std::time::{Duration, Instant};

use epistemic_storage::graph::{self, Op};
use serde::Deserialize;

use super::batches::{batch, too_many};
use crate::{
    request::{access, error::OpError, service::ServiceCall, write::WriteCall},
    wire::{NoParams, encode, field_uint, parse_ledger_lines, text, text_or_nil, texts},
};

/// So long one request trims: other writes have their turn between its steps, and who asked is told how far it is.
const TRIMMING: Duration = Duration::from_secs(5);

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

/// `LedgerTrim`
#[derive(Debug, Deserialize)]
pub(crate) struct LedgerTrim<'a> {
    /// What is kept, as text.
    #[serde(borrow, deserialize_with = "text")]
    keep: &'a str,
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

/// `LedgerTrim`
pub(super) fn trim(
    call: &ServiceCall<'_>,
    LedgerTrim { keep }: LedgerTrim<'_>,
    out: &mut Vec<u8>,
) -> Result<(), OpError> {
    let ServiceCall { shard, request, .. } = call;
    let keep: graph::LedgerKeep =
        keep.parse().map_err(|error| OpError::Text(format!("LedgerTrim: {error}")))?;
    let graph = shard.graphs.graph(request.envelope.graph)?;
    // Another graph may have its name since the request was checked.
    access::write(shard, &request.envelope, &graph)?;
    let begun = Instant::now();
    let (mut records, mut more) = (0, true);
    while more && begun.elapsed() < TRIMMING && !shard.stop.is_cancelled() {
        let step = shard.graphs.trim_ledger(&graph, &keep)?;
        records += step;
        more = step > 0;
    }
    encode::map(out, 3);
    field_uint(out, "records", records);
    field_uint(out, "ledger_from", graph.counters().complete_from);
    encode::str(out, "more");
    encode::bool(out, more);
    Ok(())
}
