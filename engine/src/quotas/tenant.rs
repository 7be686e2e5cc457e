//! One tenant: its limits and what it uses.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use super::{
    bucket::{Bucket, Rate},
    kind::{Kind, Limits},
    refusal::{Refusal, State, Until},
    rules::Verdict,
};

/// Kinds with a bucket.
pub(super) const RATES: [Kind; 4] = [Kind::Requests, Kind::Bytes, Kind::WriteCost, Kind::ComputeSeconds];
const SECOND: Duration = Duration::from_secs(1);
/// Computations are counted in these.
const PER_COMPUTE_SECOND: u64 = 1000;

/// A tenant under one set of rules.
pub(crate) struct Tenant {
    pub(super) name: Arc<str>,
    pub(super) verdict: Arc<Verdict>,
    pub(super) usage: Arc<Usage>,
    /// The class of the key whose requests these are: rates and places count for it too.
    class: Option<Arc<Tenant>>,
}

/// What a tenant uses; it outlives the rules.
pub(super) struct Usage {
    began: Instant,
    /// By kind, of those that are rates.
    buckets: Mutex<[Bucket; Kind::COUNT]>,
    /// By kind, of those that are held for a while.
    held: [AtomicU64; Kind::COUNT],
    /// Bytes as of the last look at the store.
    sampled: AtomicU64,
    /// Bytes written since, and a little before.
    written: AtomicU64,
    /// Bytes of graphs that are being loaded.
    pub(super) loading: AtomicU64,
    /// Refusals of this tenant, and of all.
    refused: AtomicU64,
    all_refused: Arc<Refused>,
}

/// Refusals by kind since the start.
#[derive(Debug, Default)]
pub(super) struct Refused([AtomicU64; Kind::COUNT]);

impl Refused {
    pub(super) fn get(&self, kind: Kind) -> u64 {
        self.0[kind as usize].load(Ordering::Relaxed)
    }
}

impl Usage {
    pub(super) fn new(all_refused: Arc<Refused>) -> Self {
        Self {
            began: Instant::now(),
            buckets: Mutex::default(),
            held: Default::default(),
            sampled: AtomicU64::new(0),
            written: AtomicU64::new(0),
            loading: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            all_refused,
        }
    }

    pub(super) fn stored(&self) -> u64 {
        let of = [&self.sampled, &self.written, &self.loading];
        of.map(|bytes| bytes.load(Ordering::Relaxed)).into_iter().fold(0, u64::saturating_add)
    }

    /// Has `look` find out what the store holds.
    pub(super) fn sample(&self, look: impl FnOnce() -> u64) {
        let before = self.written.load(Ordering::Relaxed);
        self.sampled.store(look(), Ordering::Relaxed);
        self.written.fetch_sub(before, Ordering::Relaxed);
    }

    pub(super) fn held(&self, kind: Kind) -> u64 {
        self.held[kind as usize].load(Ordering::Relaxed)
    }

    pub(super) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

/// A connection or a cursor that counts for a tenant until this is dropped.
pub(crate) struct Place {
    usage: Arc<Usage>,
    kind: Kind,
    /// That of the class.
    _class: Option<Box<Place>>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.usage.held[self.kind as usize].fetch_sub(1, Ordering::Relaxed);
    }
}

/// In the units of a bucket.
fn rate(kind: Kind, limit: u64) -> Rate {
    if kind == Kind::ComputeSeconds {
        Rate { amount: limit.saturating_mul(PER_COMPUTE_SECOND), period: 60 * SECOND }
    } else {
        Rate { amount: limit, period: SECOND }
    }
}

impl Tenant {
    pub(super) fn new(name: Arc<str>, verdict: Verdict, usage: Arc<Usage>) -> Self {
        Self { name, verdict: Arc::new(verdict), usage, class: None }
    }

    /// The same tenant, whose use counts for `class` too.
    pub(super) fn counted_with(&self, class: Arc<Tenant>) -> Self {
        let (name, verdict, usage) =
            (Arc::clone(&self.name), Arc::clone(&self.verdict), Arc::clone(&self.usage));
        Self { name, verdict, usage, class: Some(class) }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.verdict.limits
    }

    fn rate(&self, kind: Kind) -> Option<Rate> {
        Some(rate(kind, self.limits().get(kind)?))
    }

    /// Whether so much may be used of a rate now.
    fn check(&self, bucket: &Bucket, now: Duration, kind: Kind, amount: u64) -> Result<(), Refusal> {
        let Some(rate) = self.rate(kind) else { return Ok(()) };
        match bucket.wait(rate, now, amount as f64) {
            None => Ok(()),
            Some(Duration::MAX) => Err(self.refuse(kind, State::Spent, Until::Never)),
            Some(wait) => Err(self.refuse(kind, State::Spent, Until::After(wait))),
        }
    }

    /// Uses so much of several rates at once, or of none of them. What the tenant is refused its class has used.
    fn take(&self, amounts: &[(Kind, u64)]) -> Result<(), Refusal> {
        self.class.as_ref().map_or(Ok(()), |class| class.take(amounts))?;
        let now = self.usage.began.elapsed();
        let mut buckets = self.usage.buckets.lock();
        for &(kind, amount) in amounts {
            self.check(&buckets[kind as usize], now, kind, amount)?;
        }
        for &(kind, amount) in amounts {
            if let Some(rate) = self.rate(kind) {
                buckets[kind as usize].charge(rate, now, amount as f64);
            }
        }
        Ok(())
    }

    /// Counts what was used, be it there or not: what comes next waits for it.
    fn charge(&self, kind: Kind, amount: u64) {
        if let Some(class) = &self.class {
            class.charge(kind, amount);
        }
        let Some(rate) = self.rate(kind) else { return };
        let now = self.usage.began.elapsed();
        self.usage.buckets.lock()[kind as usize].charge(rate, now, amount as f64);
    }

    /// A request of so many bytes.
    pub(crate) fn request(&self, bytes: u64) -> Result<(), Refusal> {
        self.take(&[(Kind::Requests, 1), (Kind::Bytes, bytes)])
    }

    /// An answer of so many bytes was made.
    pub(crate) fn answered(&self, bytes: usize) {
        self.charge(Kind::Bytes, bytes as u64);
    }

    /// A computation is to begin: something must be left of its time.
    pub(crate) fn may_compute(&self) -> Result<(), Refusal> {
        self.may_use_some(Kind::ComputeSeconds)
    }

    /// What writes without telling how much is to begin: something must be left of what may be written.
    pub(crate) fn may_write(&self) -> Result<(), Refusal> {
        self.may_use_some(Kind::WriteCost)
    }

    fn may_use_some(&self, kind: Kind) -> Result<(), Refusal> {
        self.class.as_ref().map_or(Ok(()), |class| class.may_use_some(kind))?;
        if self.rate(kind).is_none() {
            return Ok(());
        }
        let now = self.usage.began.elapsed();
        let bucket = self.usage.buckets.lock()[kind as usize];
        self.check(&bucket, now, kind, 1)
    }

    /// A computation took so long.
    pub(crate) fn computed(&self, time: Duration) {
        self.charge(Kind::ComputeSeconds, time.as_millis() as u64);
    }

    /// A write of about so many bytes that adds to what is stored, if `grows`.
    pub(crate) fn write(&self, bytes: u64, grows: bool) -> Result<(), Refusal> {
        if grows {
            self.may_store(bytes)?;
        }
        self.take(&[(Kind::WriteCost, bytes)])?;
        self.stored(bytes);
        Ok(())
    }

    /// So much was written without being asked for room.
    pub(crate) fn wrote(&self, bytes: u64) {
        self.charge(Kind::WriteCost, bytes);
        self.stored(bytes);
    }

    fn stored(&self, bytes: u64) {
        if self.limits().get(Kind::StoredBytes).is_some() {
            self.usage.written.fetch_add(bytes, Ordering::Relaxed);
        }
    }

    /// Whether so many bytes more may be stored.
    pub(crate) fn may_store(&self, bytes: u64) -> Result<(), Refusal> {
        self.may_add(0, bytes)
    }

    /// Whether so many bytes may be stored in place of `old` ones. What is there may become less, however much it is.
    pub(crate) fn may_replace(&self, old: u64, new: u64) -> Result<(), Refusal> {
        if new <= old && old > 0 { Ok(()) } else { self.may_add(old, new) }
    }

    /// Whether so many bytes more may be stored, where `doomed` ones are about to go.
    pub(super) fn may_add(&self, doomed: u64, more: u64) -> Result<(), Refusal> {
        let Some(limit) = self.limits().get(Kind::StoredBytes) else { return Ok(()) };
        let stored = self.usage.stored();
        if stored.saturating_sub(doomed).saturating_add(more) <= limit {
            return Ok(());
        }
        Err(self.refuse(Kind::StoredBytes, State::Stores { stored, more }, Until::Freed))
    }

    /// A place for a connection or a cursor.
    pub(crate) fn place(&self, kind: Kind) -> Result<Place, Refusal> {
        let class = self.class.as_ref().map(|class| class.place(kind)).transpose()?.map(Box::new);
        let limit = self.limits().get(kind).unwrap_or(u64::MAX);
        let one_more = |used: u64| (used < limit).then(|| used + 1);
        match self.usage.held[kind as usize].fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more) {
            Ok(_) => Ok(Place { usage: Arc::clone(&self.usage), kind, _class: class }),
            Err(used) => Err(self.refuse(kind, State::Has(used), Until::Freed)),
        }
    }

    /// How much of a rate is in use, in the unit of the rule; nothing when it is not limited.
    pub(super) fn rate_used(&self, kind: Kind) -> Option<f64> {
        let rate = self.rate(kind)?;
        let used = self.usage.buckets.lock()[kind as usize].used(rate, self.usage.began.elapsed());
        let unit = if kind == Kind::ComputeSeconds { PER_COMPUTE_SECOND as f64 } else { 1.0 };
        Some(used / unit)
    }

    /// Nothing of it needs to be remembered.
    pub(super) fn is_idle(&self) -> bool {
        let spent = |kind: &Kind| self.rate_used(*kind).is_some_and(|used| used > 0.0);
        Arc::strong_count(&self.usage) == 1 && self.usage.stored() == 0 && !RATES.iter().any(spent)
    }

    fn refuse(&self, kind: Kind, state: State, until: Until) -> Refusal {
        self.usage.refused.fetch_add(1, Ordering::Relaxed);
        self.usage.all_refused.0[kind as usize].fetch_add(1, Ordering::Relaxed);
        Refusal {
            tenant: self.name.to_string(),
            kind,
            limit: self.limits().get(kind).unwrap_or(u64::MAX),
            rule: self.verdict.rule.clone(),
            state,
            until,
        }
    }
}
