//! Rules and use, as the shard tells them.

use std::{collections::BTreeMap, sync::Arc};

use epistemic_storage::{GraphStore, graph::Counts};
use serde_json::{Map, Value, json};

use super::{
    Active, Quotas,
    kind::{COUNTED, Kind},
    tenant::{RATES, Tenant},
};

/// Tenants in an answer at most.
const MOST_SHOWN: usize = 10_000;
/// Tenants in `ShardStatus` and in the metrics that a rule names, and others beside them.
const NAMED: usize = 50;
const OTHERS: usize = 10;

/// What a tenant uses and may use.
pub(crate) struct Row {
    pub(crate) tenant: Arc<Tenant>,
    counts: Counts,
}

impl Row {
    /// How much of a kind is in use; nothing when that is not counted.
    pub(crate) fn used(&self, kind: Kind) -> Option<f64> {
        if let Some((of, _)) = COUNTED.iter().find(|(_, counted)| *counted == kind) {
            return Some(self.counts.get(*of) as f64);
        }
        if kind == Kind::StoredBytes {
            return self.limit(kind).map(|_| self.tenant.usage.stored() as f64);
        }
        if RATES.contains(&kind) {
            self.tenant.rate_used(kind)
        } else {
            Some(self.tenant.usage.held(kind) as f64)
        }
    }

    pub(crate) fn limit(&self, kind: Kind) -> Option<u64> {
        self.tenant.limits().get(kind)
    }

    /// The largest part of a limit that is in use.
    fn part(&self) -> f64 {
        let part = |kind| Some(self.used(kind)? / (self.limit(kind)?.max(1) as f64));
        Kind::ALL.into_iter().filter_map(part).fold(0.0, f64::max)
    }

    fn json(&self) -> Value {
        let mut limits = Map::new();
        let mut used = Map::new();
        for kind in Kind::ALL {
            if let Some(limit) = self.limit(kind) {
                limits.insert(kind.name().into(), json!(limit));
            }
            if let Some(amount) = self.used(kind) {
                used.insert(kind.name().into(), json!(amount.round() as u64));
            }
        }
        let Tenant { name, verdict, usage, .. } = &*self.tenant;
        json!({
            "tenant": &**name, "rule": verdict.rule, "limits": limits, "used": used, "refused": usage.refused(),
        })
    }
}

/// All tenants that have or use something, those that use most of a limit first.
fn rows(active: &Active, graphs: &GraphStore) -> Vec<Row> {
    let mut rows: BTreeMap<Arc<str>, Row> = BTreeMap::new();
    for (name, counts) in graphs.tenant_counts() {
        rows.insert(Arc::clone(&name), Row { tenant: active.tenant(&name), counts });
    }
    for (name, tenant) in active.tenants.read().iter() {
        let row = || Row { tenant: Arc::clone(tenant), counts: Counts::default() };
        rows.entry(Arc::clone(name)).or_insert_with(row);
    }
    let mut rows: Vec<Row> = rows.into_values().collect();
    let parts: Vec<f64> = rows.iter().map(Row::part).collect();
    let mut order: Vec<_> = rows.drain(..).zip(parts).collect();
    order.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    order.into_iter().map(|(row, _)| row).collect()
}

impl Quotas {
    /// The tenants that a rule names and those of the others that use most, each up to a fixed number.
    pub(crate) fn important(&self, graphs: &GraphStore) -> Vec<Row> {
        let Some(active) = self.active() else { return Vec::new() };
        let (named, others): (Vec<_>, Vec<_>) =
            rows(&active, graphs).into_iter().partition(|row| row.tenant.verdict.by_name);
        named.into_iter().take(NAMED).chain(others.into_iter().take(OTHERS)).collect()
    }

    /// Refusals of a kind since the start.
    pub(crate) fn refused(&self, graphs: &GraphStore, kind: Kind) -> u64 {
        let counted = COUNTED.iter().find(|(_, counted)| *counted == kind);
        counted.map_or_else(|| self.refused.get(kind), |(of, _)| graphs.quota_refusals().get(*of))
    }

    fn refusals(&self, graphs: &GraphStore) -> Map<String, Value> {
        let refused = Kind::ALL.into_iter().map(|kind| (kind, self.refused(graphs, kind)));
        let some = refused.filter(|(_, count)| *count > 0);
        some.map(|(kind, count)| (kind.name().to_owned(), json!(count))).collect()
    }

    fn head(&self, graphs: &GraphStore) -> Value {
        let settings = self.settings.lock();
        let set: Vec<_> = settings.overrides.texts();
        let set: Vec<_> =
            set.iter().map(|(tenant, limits)| json!({"tenant": tenant, "limits": limits})).collect();
        json!({
            "on": self.active().is_some(),
            "file": self.file.as_ref().map(|file| file.display().to_string()),
            "file_rules": settings.rules.len(),
            "set": set,
            "refused": self.refusals(graphs),
        })
    }
}

/// The part of `ShardStatus`: without tenants unless the caller may know of them.
pub(crate) fn summary(quotas: &Quotas, graphs: &GraphStore, with_tenants: bool) -> Value {
    let mut fields = json!({ "on": quotas.active().is_some(), "refused": quotas.refusals(graphs) });
    if with_tenants {
        fields["tenants"] = quotas.important(graphs).iter().map(Row::json).collect();
    }
    fields
}

/// The answer of `QuotaShow`: of all tenants, or of one.
pub(crate) fn show(quotas: &Quotas, graphs: &GraphStore, tenant: Option<&str>) -> Value {
    let mut fields = quotas.head(graphs);
    let active = quotas.active();
    let mut rows = active.as_ref().map(|active| rows(active, graphs)).unwrap_or_default();
    if let (Some(active), Some(tenant)) = (active, tenant) {
        rows.retain(|row| *row.tenant.name == *tenant);
        if rows.is_empty() {
            rows.push(Row { tenant: active.known_or_new(tenant), counts: Counts::default() });
        }
    }
    fields["left_out"] = json!(rows.len().saturating_sub(MOST_SHOWN));
    fields["tenants"] = rows.iter().take(MOST_SHOWN).map(Row::json).collect();
    fields
}
