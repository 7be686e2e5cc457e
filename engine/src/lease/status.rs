//! What a shard tells of its lease.

use prometheus::{Gauge, IntCounter, IntGauge, IntGaugeVec, Opts, Registry};
use serde_json::{Value, json};

use super::Role;
use crate::follow::FollowSeries;

/// Adds the role to the status of a shard; nothing where nobody else can have the store.
pub(crate) fn add_role(role: &Role, fields: &mut Value) {
    match role {
        Role::Alone => {}
        Role::Owner(lease) => {
            let figures = lease.figures();
            fields["role"] = json!("owner");
            fields["owner"] = json!(lease.owner());
            fields["standbys"] = json!(lease.standbys());
            fields["lease_age_ms"] = json!(figures.age.map(|age| age.as_millis() as u64));
        }
        Role::Standby(waiting) => {
            fields["role"] = json!("standby");
            fields["owner"] = json!(*waiting.owner.lock());
        }
        Role::Replica(following) => following.add_to(fields),
    }
}

/// Series of a shard whose store others could serve. Other shards do not have them.
pub(crate) struct LeaseSeries {
    role: IntGaugeVec,
    age: Gauge,
    renewals: IntCounter,
    failures: IntCounter,
    standbys: IntGauge,
    follow: FollowSeries,
}

impl LeaseSeries {
    pub(crate) fn new() -> prometheus::Result<Self> {
        Ok(Self {
            role: IntGaugeVec::new(Opts::new("role", "1 for what this process is to its store."), &["role"])?,
            age: Gauge::new(
                "lease_age_seconds",
                "Time since the beginning of the last renewal of the lease.",
            )?,
            renewals: IntCounter::new("lease_renewals_total", "Renewals of the lease by this process.")?,
            failures: IntCounter::new("lease_failures_total", "Renewals that failed, and were tried again.")?,
            standbys: IntGauge::new("standbys", "Stand-bys that run.")?,
            follow: FollowSeries::new()?,
        })
    }

    /// Shows the role as it is now.
    pub(crate) fn renew(&self, role: &Role, registry: &Registry) {
        let is = match role {
            Role::Alone => return,
            Role::Owner(_) => "owner",
            Role::Standby(_) => "standby",
            Role::Replica(_) => "replica",
        };
        for name in ["owner", "standby", "replica"] {
            self.role.with_label_values(&[name]).set(i64::from(name == is));
        }
        // The only error is that it is there already.
        let _ = registry.register(Box::new(self.role.clone()));
        if let Role::Replica(following) = role {
            self.follow.renew(following, registry);
        }
        let Role::Owner(lease) = role else { return };
        let figures = lease.figures();
        self.age.set(figures.age.map_or(f64::INFINITY, |age| age.as_secs_f64()));
        for (counter, count) in [(&self.renewals, figures.renewals), (&self.failures, figures.failures)] {
            counter.inc_by(count.saturating_sub(counter.get()));
            let _ = registry.register(Box::new(counter.clone()));
        }
        self.standbys.set(lease.standbys().len() as i64);
        let _ = registry.register(Box::new(self.age.clone()));
        let _ = registry.register(Box::new(self.standbys.clone()));
    }
}
