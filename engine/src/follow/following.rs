//! What a read replica knows: how old its state may be, and who the owner is.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use epistemic_protocol::ErrorCode;
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::clock;
use crate::{
    lease::{Owner, is_about_the_process},
    operations::table,
    request::error::OpError,
    wire::Method,
};

/// How a store is followed.
pub(crate) struct Following {
    max_staleness: Duration,
    /// When the last look began that found everything which was durable by then.
    confirmed: Mutex<Duration>,
    owner: Mutex<Option<Owner>>,
    states: AtomicU64,
    failures: AtomicU64,
    /// Why the last look failed, if it did.
    failure: Mutex<Option<String>>,
}

/// What there is to tell of it.
pub(crate) struct Figures {
    /// The owner may have committed things since then that are not seen here.
    pub(crate) staleness: Duration,
    /// States that were taken on.
    pub(crate) states: u64,
    /// Looks that failed.
    pub(crate) failures: u64,
}

impl Following {
    /// Of a store whose newest state is opened after `confirmed`.
    pub(super) fn new(max_staleness: Duration, confirmed: Duration) -> Self {
        Self {
            max_staleness,
            confirmed: Mutex::new(confirmed),
            owner: Mutex::default(),
            states: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            failure: Mutex::default(),
        }
    }

    /// What is read has everything that was durable at that time of [`clock::now`].
    pub(super) fn confirm(&self, began: Duration) {
        *self.confirmed.lock() = began;
        *self.failure.lock() = None;
    }

    pub(super) fn took_on(&self) {
        self.states.fetch_add(1, Relaxed);
    }

    pub(super) fn failed(&self, why: String) {
        self.failures.fetch_add(1, Relaxed);
        *self.failure.lock() = Some(why);
    }

    #[cfg_attr(not(feature = "object-store"), expect(dead_code, reason = "nobody looks"))]
    pub(super) fn is_owned_by(&self, owner: Option<Owner>) {
        *self.owner.lock() = owner;
    }

    pub(crate) fn figures(&self) -> Figures {
        Figures {
            staleness: clock::now().saturating_sub(*self.confirmed.lock()),
            states: self.states.load(Relaxed),
            failures: self.failures.load(Relaxed),
        }
    }

    /// Why a request is not served here, or not now.
    pub(crate) fn refusal(&self, method: Method) -> Option<OpError> {
        if is_about_the_process(method) {
            return None;
        }
        if table::row(method).is_some_and(|row| !row.operation.on_replicas) {
            return Some(OpError::Refused(ErrorCode::Replica, self.elsewhere(method)));
        }
        self.stale().map(|text| OpError::Refused(ErrorCode::Stale, text))
    }

    /// Why no reads are answered, if so.
    pub(crate) fn stale(&self) -> Option<String> {
        let staleness = self.figures().staleness;
        if staleness <= self.max_staleness {
            return None;
        }
        let why = self.failure.lock().clone().unwrap_or_else(|| "no look has ended since".into());
        Some(format!(
            "what this read replica has may be {} ms old, more than --max-staleness {} s: {why}; {} ({:#})",
            staleness.as_millis(),
            self.max_staleness.as_secs(),
            self.who(),
            ErrorCode::Stale
        ))
    }

    fn elsewhere(&self, method: Method) -> String {
        let code = ErrorCode::Replica;
        format!(
            "{}, and this server answers reads alone: {method} is for the owner, nothing was done ({code:#})",
            self.who()
        )
    }

    fn who(&self) -> String {
        match &*self.owner.lock() {
            Some(Owner { endpoint, host, pid, .. }) => {
                format!("the owner of this shard is '{endpoint}' (host {host}, pid {pid})")
            }
            None => "no owner of this shard was seen".to_owned(),
        }
    }

    /// For the status of a shard.
    pub(crate) fn add_to(&self, fields: &mut Value) {
        let figures = self.figures();
        fields["role"] = json!("replica");
        fields["owner"] = json!(*self.owner.lock());
        fields["staleness_ms"] = json!(figures.staleness.as_millis() as u64);
        fields["max_staleness_ms"] = json!(self.max_staleness.as_millis() as u64);
        fields["followed_states"] = json!(figures.states);
        fields["follow_failures"] = json!(figures.failures);
        fields["follow_failure"] = json!(*self.failure.lock());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{operations::handler::Handler, request::operation::Access};

    fn code(following: &Following, method: Method) -> Option<ErrorCode> {
        following.refusal(method).map(|error| ErrorCode::of_text(&error.to_string()))
    }

    #[test]
    fn each_operation_is_answered_or_refused() {
        let following = Following::new(Duration::from_secs(3600), clock::now());
        for method in Method::ALL.iter().copied().filter(|method| method.is_served()) {
            let row = table::row(method).unwrap();
            let changes = matches!(row.handler, Handler::Write(..) | Handler::Commit(_))
                || matches!(row.operation.access, Access::Write | Access::WriteNamed(_) | Access::Replace(_));
            assert!(!(changes && row.operation.on_replicas), "{method} changes the store");
            let refused = (!row.operation.on_replicas).then_some(ErrorCode::Replica);
            assert_eq!(code(&following, method), refused, "{method}");
        }
        for method in [
            Method::Fork,
            Method::BeginTxn,
            Method::SendMessage,
            Method::RegisterIdentity,
            Method::ServiceImport,
            Method::MoveArrive,
            Method::GraphHeads,
            Method::OwnerHold,
            Method::ShardHandOver,
            Method::Checkpoint,
        ] {
            assert_eq!(code(&following, method), Some(ErrorCode::Replica), "{method}");
        }
        for method in [Method::GetNeighbors, Method::PageRank, Method::ListIdentities, Method::ToMsgpack] {
            assert_eq!(code(&following, method), None, "{method}");
        }
    }

    #[test]
    fn what_is_too_old_is_not_told() {
        let max = Duration::from_secs(10);
        let fresh = Following::new(max, clock::now());
        assert!(fresh.stale().is_none() && code(&fresh, Method::NodeCount).is_none());

        let old = Following::new(max, clock::now().checked_sub(Duration::from_secs(11)).unwrap_or_default());
        if old.figures().staleness <= max {
            return; // The machine has just started.
        }
        old.failed("no answer".into());
        assert_eq!(code(&old, Method::NodeCount), Some(ErrorCode::Stale));
        assert_eq!(code(&old, Method::AddNode), Some(ErrorCode::Replica));
        assert_eq!(code(&old, Method::ShardStatus), None);
        let text = old.stale().unwrap();
        assert!(text.contains("no answer") && text.contains("--max-staleness 10 s"), "{text}");
        old.confirm(clock::now());
        assert!(old.stale().is_none());
    }
}
