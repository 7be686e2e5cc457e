//! Series of keys: which secret of which key is used. Of so many keys at most each has its own.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use epistemic_storage::clock;
use parking_lot::Mutex;
use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts, Registry};
use serde_json::{Value, json};

/// Keys with series of their own.
const MOST: usize = 1_000;
/// The name of all others in them.
const OTHERS: &str = "(others)";

/// The series, which are shared.
#[derive(Clone)]
pub(crate) struct KeySeries {
    requests: IntCounterVec,
    unusable: IntGauge,
    named: Arc<Mutex<HashSet<String>>>,
    /// Keys with two secrets.
    rotating: Arc<Mutex<BTreeMap<String, Arc<Rotation>>>>,
}

/// A key has two secrets since then.
struct Rotation {
    since_ms: u64,
    /// When the older one was used last; 0 for never.
    previous_used_ms: AtomicU64,
}

impl KeySeries {
    pub(crate) fn new() -> prometheus::Result<Self> {
        let help = "Requests with a right token, by key, version of the token and which of the key's secrets made it; version tls is for connections whose certificate shows the key.";
        Ok(Self {
            requests: IntCounterVec::new(
                Opts::new("auth_requests_total", help),
                &["key", "version", "secret"],
            )?,
            unusable: IntGauge::new(
                "keys_file_unusable",
                "1 while the keys file has a mistake in it and the keys are those of before.",
            )?,
            named: Arc::default(),
            rotating: Arc::default(),
        })
    }

    pub(crate) fn register(&self, registry: &Registry) -> prometheus::Result<()> {
        registry.register(Box::new(self.requests.clone()))?;
        registry.register(Box::new(self.unusable.clone()))
    }

    /// Whether the file could be used.
    pub(super) fn note(&self, error: Option<&str>) {
        self.unusable.set(i64::from(error.is_some()));
    }

    /// Those of a key, which has two secrets or one.
    pub(super) fn of(&self, key: &str, has_two: bool) -> Counters {
        let mut named = self.named.lock();
        let label = if named.contains(key) || named.len() < MOST { key } else { OTHERS };
        named.insert(label.to_owned());
        let of = |version, secret| self.requests.with_label_values(&[label, version, secret]);
        let requests = ["current", "previous"].map(|secret| ["1", "2"].map(|version| of(version, secret)));
        let mut rotating = self.rotating.lock();
        let begun = || Rotation { since_ms: clock::unix_ms(), previous_used_ms: AtomicU64::new(0) };
        let rotation = if has_two {
            Some(Arc::clone(rotating.entry(key.to_owned()).or_insert_with(|| Arc::new(begun()))))
        } else {
            rotating.remove(key);
            None
        };
        let certificate = of("tls", "certificate");
        Counters { requests, certificate, rotation }
    }

    /// The keys with two secrets, for `ShardStatus`.
    pub(super) fn rotating(&self) -> Value {
        let rotating = self.rotating.lock();
        let shown = rotating.iter().map(|(key, rotation)| {
            let used = rotation.previous_used_ms.load(Ordering::Relaxed);
            let used = (used > 0).then_some(used);
            (key.clone(), json!({"since_ms": rotation.since_ms, "previous_used_ms": used}))
        });
        Value::Object(shown.collect())
    }

    /// Forgets those of keys that are gone.
    pub(super) fn keep(&self, keys: &HashSet<String>) {
        self.rotating.lock().retain(|key, _| keys.contains(key));
        let mut named = self.named.lock();
        for gone in named.extract_if(|name| !keys.contains(name) && name != OTHERS) {
            for (version, secret) in [
                ("1", "current"),
                ("1", "previous"),
                ("2", "current"),
                ("2", "previous"),
                ("tls", "certificate"),
            ] {
                // There is none when nothing was counted.
                let _ = self.requests.remove_label_values(&[gone.as_str(), version, secret]);
            }
        }
    }
}

/// The series of one key.
#[derive(Clone)]
pub(super) struct Counters {
    /// By secret and version.
    requests: [[IntCounter; 2]; 2],
    certificate: IntCounter,
    rotation: Option<Arc<Rotation>>,
}

impl Counters {
    /// A request of a connection whose certificate shows the key.
    pub(super) fn count_certificate(&self) {
        self.certificate.inc();
    }

    pub(super) fn count(&self, signed: bool, previous: bool) {
        self.requests[usize::from(previous)][usize::from(signed)].inc();
        if let Some(rotation) = self.rotation.as_ref().filter(|_| previous) {
            rotation.previous_used_ms.store(clock::unix_ms(), Ordering::Relaxed);
        }
    }
}
