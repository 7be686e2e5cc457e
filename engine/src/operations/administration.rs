//! What an operator does to the whole shard.

use serde::Deserialize;

use crate::{
    compaction, quotas,
    request::{error::OpError, service::ServiceCall},
    shard::Shard,
    wire::{DecodeError, Method, NoParams, OrNone, Params, encode, json::value, text, text_or_nil, texts},
};

/// `QuotaShow`, which takes none as well
#[derive(Debug, Default, Deserialize)]
pub(crate) struct QuotaShow<'a> {
    /// Only this tenant.
    #[serde(borrow, default, deserialize_with = "text_or_nil")]
    tenant: Option<&'a str>,
}

/// `QuotaSet`
#[derive(Debug, Deserialize)]
pub(crate) struct QuotaSet<'a> {
    /// Pattern of tenants.
    #[serde(borrow, deserialize_with = "text")]
    tenant: &'a str,
    /// Texts `LIMIT=VALUE`; none drops what was set for the pattern.
    #[serde(borrow, deserialize_with = "texts")]
    limits: Vec<&'a str>,
}

/// Whom `QuotaSet` is about.
pub(crate) fn quota_of(method: Method, raw: Option<&[u8]>) -> Result<&str, DecodeError> {
    Ok(QuotaSet::decode(method, raw)?.tenant)
}

/// `Shutdown`
pub(super) fn shut_down(shard: &Shard, out: &mut Vec<u8>) {
    encode::str(out, "shutting_down");
    shard.shut_down();
}

/// `Checkpoint`
pub(super) fn checkpoint(call: &ServiceCall<'_>, _: NoParams, out: &mut Vec<u8>) -> Result<(), OpError> {
    let taken = call.shard.checkpoints.take(&call.shard.graphs);
    let written = taken.map_err(|error| OpError::Graph(error.into()))?;
    encode::str(out, &format!("checkpoint_complete:{written}"));
    Ok(())
}

/// `Scrub`
pub(super) fn scrub(call: &ServiceCall<'_>, _: NoParams, out: &mut Vec<u8>) -> Result<(), OpError> {
    encode::str(out, if call.shard.scrub.begin_now() { "scrub_begun" } else { "nothing_to_scrub" });
    Ok(())
}

/// `Compact`
pub(super) fn compact(call: &ServiceCall<'_>, _: NoParams, out: &mut Vec<u8>) -> Result<(), OpError> {
    let begun = compaction::begin(call.shard).map_err(|error| OpError::Text(format!("Compact: {error}")))?;
    encode::str(out, if begun { "compaction_begun" } else { "nothing_to_compact" });
    Ok(())
}

/// `QuotaShow`
pub(super) fn show_quotas(
    call: &ServiceCall<'_>,
    OrNone(QuotaShow { tenant }): OrNone<QuotaShow<'_>>,
    out: &mut Vec<u8>,
) -> Result<(), OpError> {
    value(out, &quotas::show(&call.shard.quotas, &call.shard.graphs, tenant));
    Ok(())
}

/// `QuotaSet`
pub(super) fn set_quotas(
    call: &ServiceCall<'_>,
    QuotaSet { tenant, limits }: QuotaSet<'_>,
    out: &mut Vec<u8>,
) -> Result<(), OpError> {
    let set = call.shard.quotas.set(&call.shard.graphs, tenant, &limits);
    set.map_err(|error| OpError::Text(format!("QuotaSet: {error}")))?;
    tracing::info!(tenant, ?limits, "quotas were set");
    encode::str(out, "ok");
    Ok(())
}
