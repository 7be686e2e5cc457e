//! Series of what is kept in memory so that it need not be read again.

use std::iter::Sum;

use prometheus::{IntCounter, IntCounterVec, IntGauge};

use super::{Metrics, Sources, series::Series};

/// How often a cache was asked, since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) hits: u64,
    pub(crate) misses: u64,
}

impl Sum for Asked {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, asked| Self {
            hits: sum.hits + asked.hits,
            misses: sum.misses + asked.misses,
        })
    }
}

/// The series.
pub(super) struct CacheSeries {
    hits: IntCounterVec,
    misses: IntCounterVec,
    projection_bytes: IntGauge,
    projection_builds: IntCounter,
    vector_bytes: IntGauge,
    passed_over: IntCounter,
}

impl CacheSeries {
    pub(super) fn new(series: &Series<'_>) -> prometheus::Result<Self> {
        Ok(Self {
            hits: series.counters("cache_hits_total", "What a cache had when it was asked.", &["cache"])?,
            misses: series.counters("cache_misses_total", "What a cache had not.", &["cache"])?,
            projection_bytes: series.gauge("projection_bytes", "Memory of cached projections.")?,
            projection_builds: series.counter("projection_builds_total", "Projections read from storage.")?,
            vector_bytes: series.gauge("vector_bytes", "Memory of cached embeddings.")?,
            passed_over: series.counter(
                "vectors_passed_over_total",
                "Embeddings that searches did not compare: they have another length than the query.",
            )?,
        })
    }

    /// Brings them up to date.
    pub(super) fn renew(&self, sources: &Sources<'_>) {
        let Sources { graphs, projections, vectors, neighbors, .. } = sources;
        self.projection_bytes.set(projections.bytes() as i64);
        self.vector_bytes.set(vectors.bytes() as i64);
        self.projection_builds.inc_by(projections.builds().saturating_sub(self.projection_builds.get()));
        let blocks = graphs.store().activity();
        let blocks = blocks.map(|files| Asked { hits: files.block_hits, misses: files.block_misses });
        for (cache, asked) in [
            ("blocks", blocks),
            ("neighbors", Some(neighbors.asked())),
            ("projections", Some(projections.asked())),
            ("vectors", Some(vectors.asked())),
        ] {
            let Some(Asked { hits, misses }) = asked else { continue };
            for (series, total) in [(&self.hits, hits), (&self.misses, misses)] {
                let series = series.with_label_values(&[cache]);
                series.inc_by(total.saturating_sub(series.get()));
            }
        }
    }
}

impl Metrics {
    pub(crate) fn passed_over(&self, vectors: u64) {
        self.caches.passed_over.inc_by(vectors);
    }
}
