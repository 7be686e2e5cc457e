//! Series of requests: how many, how long, and which were not served.

use std::{sync::OnceLock, time::Duration};

use prometheus::{Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge};

use super::{DURATIONS, Metrics, load::is_watching, series::Series};
use crate::{admission::Admission, wire::Method};

/// Series of one operation, looked up once.
struct OpSeries {
    requests: IntCounter,
    duration: Histogram,
}

/// The series.
pub(super) struct RequestSeries {
    requests: IntCounterVec,
    pub(super) durations: HistogramVec,
    ops: Box<[OnceLock<OpSeries>]>,
    slow: IntCounterVec,
    in_flight: IntGauge,
    available: IntGauge,
    busy: IntCounter,
    auth_failures: IntCounter,
    access_denied: IntCounter,
    undecodable: IntCounter,
    oversized: IntCounter,
    unsupported: IntCounterVec,
}

impl RequestSeries {
    pub(super) fn new(series: &Series<'_>) -> prometheus::Result<Self> {
        Ok(Self {
            requests: series.counters("requests_total", "Requests dispatched.", &["op"])?,
            durations: series.histograms(
                "request_duration_seconds",
                "Time from dispatch to answer.",
                DURATIONS,
                &["op"],
            )?,
            ops: (0..Method::COUNT).map(|_| OnceLock::new()).collect(),
            slow: series.counters(
                "slow_requests_total",
                "Requests that took longer than --slow-request, by what took longest.",
                &["reason"],
            )?,
            in_flight: series.gauge("in_flight_requests", "Requests that hold a place.")?,
            available: series.gauge("inflight_permits_available", "Places left.")?,
            busy: series.counter("busy_rejections_total", "Requests answered BUSY.")?,
            auth_failures: series.counter("auth_failures_total", "Requests with a wrong token.")?,
            access_denied: series.counter("access_denied_total", "Requests refused by access control.")?,
            undecodable: series.counter("undecodable_requests_total", "Frames that are not a request.")?,
            oversized: series.counter("oversized_frames_total", "Frames over the limit of their sender.")?,
            unsupported: series.counters(
                "unsupported_mutations_total",
                "Mutations that were answered but do nothing.",
                &["op"],
            )?,
        })
    }

    fn op(&self, method: Method) -> &OpSeries {
        self.ops[method as usize].get_or_init(|| OpSeries {
            requests: self.requests.with_label_values(&[method.name()]),
            duration: self.durations.with_label_values(&[method.name()]),
        })
    }

    /// Brings them up to date.
    pub(super) fn renew(&self, admission: &Admission) {
        self.in_flight.set(admission.in_flight().into());
        self.available.set(admission.available().into());
        self.busy.inc_by(admission.rejections().saturating_sub(self.busy.get()));
    }
}

impl Metrics {
    pub(crate) fn dispatched(&self, method: Method) {
        self.requests.op(method).requests.inc();
    }

    pub(crate) fn answered(&self, method: Method, elapsed: Duration) {
        self.requests.op(method).duration.observe(elapsed.as_secs_f64());
    }

    /// Requests dispatched since the start and the seconds their answers took, but for those that only ask how the
    /// shard is: whoever watches it would see himself.
    pub(crate) fn totals(&self) -> (u64, f64) {
        let ops = self.requests.ops.iter().zip(Method::ALL);
        let work = ops.filter(|(_, method)| !is_watching(**method));
        work.filter_map(|(series, _)| series.get()).fold((0, 0.0), |(requests, seconds), series| {
            (requests + series.requests.get(), seconds + series.duration.get_sample_sum())
        })
    }

    /// A request was slow for this reason.
    pub(crate) fn slow(&self, reason: &str) {
        self.requests.slow.with_label_values(&[reason]).inc();
    }

    pub(crate) fn auth_failure(&self) {
        self.requests.auth_failures.inc();
    }

    pub(crate) fn access_denied(&self) {
        self.requests.access_denied.inc();
    }

    pub(crate) fn undecodable(&self) {
        self.requests.undecodable.inc();
    }

    pub(crate) fn oversized(&self) {
        self.requests.oversized.inc();
    }

    /// A mutation was answered that this server does not do.
    pub(crate) fn unsupported(&self, method: Method) {
        self.requests.unsupported.with_label_values(&[method.name()]).inc();
    }
}
