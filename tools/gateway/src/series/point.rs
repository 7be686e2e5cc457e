//! What a shard did in a few seconds: the difference of two looks at its counters.

use std::sync::Arc;

use epistemic_router::status::LoadStatus;

/// What the buckets of the histograms mean; the same for all points until a shard of another version comes.
#[derive(Debug, PartialEq)]
pub(super) struct Bounds {
    /// Of the time of requests, and of the log's, in seconds.
    latency: Vec<f64>,
    syncs: Vec<f64>,
    /// Of the writes of a commit.
    groups: Vec<f64>,
}

impl Bounds {
    pub(super) fn of(load: &LoadStatus) -> Self {
        let LoadStatus { bounds_s, sync_bounds_s, group_bounds, .. } = load;
        Self { latency: bounds_s.clone(), syncs: sync_bounds_s.clone(), groups: group_bounds.clone() }
    }
}

/// Counts of some seconds. Points are added, and percentiles are taken of the sum: those of points cannot be added.
#[derive(Debug, Clone)]
pub(super) struct Point {
    bounds: Arc<Bounds>,
    seconds: f32,
    reads: u32,
    writes: u32,
    busy: u32,
    in_flight: u32,
    group_writes: f32,
    latency: Box<[u32]>,
    groups: Box<[u32]>,
    syncs: Box<[u32]>,
}

/// What is drawn of a point; nothing where there were no requests, no commits, or where it is not told.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Drawn {
    pub(super) reads: f64,
    pub(super) writes: f64,
    pub(super) busy: f64,
    pub(super) in_flight: f64,
    pub(super) p50: Option<f64>,
    pub(super) p95: Option<f64>,
    pub(super) p99: Option<f64>,
    pub(super) group_mean: Option<f64>,
    pub(super) group_max: Option<f64>,
    pub(super) fsync_p50: Option<f64>,
    pub(super) fsync_p99: Option<f64>,
}

impl Point {
    /// What happened from one look to the next. Nothing when a counter fell: it has begun anew between them.
    pub(super) fn between(
        before: &LoadStatus,
        after: &LoadStatus,
        seconds: f32,
        bounds: &Arc<Bounds>,
    ) -> Option<Self> {
        if seconds <= 0.0 {
            return None;
        }
        let (reads, writes) = (grown(&before.reads, &after.reads)?, grown(&before.writes, &after.writes)?);
        let latency = reads.iter().zip(&writes).map(|(read, write)| read.saturating_add(*write)).collect();
        Some(Self {
            bounds: Arc::clone(bounds),
            seconds,
            reads: sum(&reads),
            writes: sum(&writes),
            busy: narrow(after.busy.checked_sub(before.busy)?),
            in_flight: narrow(after.in_flight),
            group_writes: (after.group_writes - before.group_writes) as f32,
            latency,
            groups: grown(&before.groups, &after.groups)?.into(),
            syncs: grown(&before.syncs, &after.syncs)?.into(),
        })
    }

    /// Adds what happened in other seconds; false where its buckets mean something else.
    pub(super) fn add(&mut self, other: &Self) -> bool {
        if self.bounds != other.bounds {
            return false;
        }
        self.seconds += other.seconds;
        self.group_writes += other.group_writes;
        self.in_flight = self.in_flight.max(other.in_flight);
        for (sum, more) in
            [(&mut self.reads, other.reads), (&mut self.writes, other.writes), (&mut self.busy, other.busy)]
        {
            *sum = sum.saturating_add(more);
        }
        for (sums, more) in [
            (&mut self.latency, &other.latency),
            (&mut self.groups, &other.groups),
            (&mut self.syncs, &other.syncs),
        ] {
            for (sum, more) in sums.iter_mut().zip(more) {
                *sum = sum.saturating_add(*more);
            }
        }
        true
    }

    pub(super) fn commits(&self) -> u32 {
        sum(&self.groups)
    }

    pub(super) fn busy(&self) -> u64 {
        self.busy.into()
    }

    pub(super) fn drawn(&self) -> Drawn {
        let Bounds { latency, syncs, groups } = &*self.bounds;
        let seconds = f64::from(self.seconds);
        let ms = |counts, bounds, q| quantile(counts, bounds, q).map(|seconds| seconds * 1000.0);
        let commits = self.commits();
        let largest = self.groups.iter().rposition(|count| *count > 0);
        Drawn {
            reads: f64::from(self.reads) / seconds,
            writes: f64::from(self.writes) / seconds,
            busy: self.busy.into(),
            in_flight: self.in_flight.into(),
            p50: ms(&self.latency, latency, 0.5),
            p95: ms(&self.latency, latency, 0.95),
            p99: ms(&self.latency, latency, 0.99),
            group_mean: (commits > 0).then(|| f64::from(self.group_writes) / f64::from(commits)),
            group_max: largest.and_then(|bucket| groups.get(bucket).or(groups.last()).copied()),
            fsync_p50: ms(&self.syncs, syncs, 0.5),
            fsync_p99: ms(&self.syncs, syncs, 0.99),
        }
    }
}

/// What each bucket has more; nothing when one has less.
fn grown(before: &[u64], after: &[u64]) -> Option<Vec<u32>> {
    if before.len() != after.len() {
        return None;
    }
    before.iter().zip(after).map(|(before, after)| Some(narrow(after.checked_sub(*before)?))).collect()
}

fn narrow(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn sum(counts: &[u32]) -> u32 {
    counts.iter().fold(0, |sum, count| sum.saturating_add(*count))
}

/// The value that a share of `q` does not exceed, if the values of a bucket lie evenly in it. Nothing without values.
fn quantile(counts: &[u32], bounds: &[f64], q: f64) -> Option<f64> {
    let all: u64 = counts.iter().map(|count| u64::from(*count)).sum();
    let last = *bounds.last()?;
    if all == 0 {
        return None;
    }
    let rank = q * all as f64;
    let (mut below, mut from) = (0.0, 0.0);
    for (count, bound) in counts.iter().zip(bounds) {
        let count = f64::from(*count);
        if count > 0.0 && below + count >= rank {
            return Some(from + (bound - from) * (rank - below) / count);
        }
        below += count;
        from = *bound;
    }
    // It lies above all bounds: at least so much.
    Some(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(reads: &[u64], groups: &[u64], group_writes: f64, busy: u64) -> LoadStatus {
        LoadStatus {
            bounds_s: vec![0.001, 0.002],
            reads: reads.into(),
            writes: vec![0; 3],
            group_bounds: vec![1.0, 2.0],
            groups: groups.into(),
            group_writes,
            busy,
            ..LoadStatus::default()
        }
    }

    fn between(before: &LoadStatus, after: &LoadStatus) -> Option<Point> {
        Point::between(before, after, 5.0, &Arc::new(Bounds::of(after)))
    }

    #[test]
    fn percentiles_are_those_of_the_sum_and_not_means_of_percentiles() {
        let (start, middle) = (load(&[0; 3], &[0; 3], 0.0, 0), load(&[99, 0, 0], &[1, 0, 0], 1.0, 2));
        let end = load(&[99, 1, 0], &[1, 1, 0], 3.0, 2);
        let (mut first, second) = (between(&start, &middle).unwrap(), between(&middle, &end).unwrap());
        assert!(first.add(&second));
        let drawn = first.drawn();
        // 99 of 100 took a millisecond at most. The mean of 0.99 ms and 1.99 ms would say something else.
        assert!((drawn.p99.unwrap() - 1.0).abs() < 1e-9, "{drawn:?}");
        assert!((drawn.reads - 10.0).abs() < 1e-9 && drawn.busy == 2.0, "{drawn:?}");
        assert_eq!((drawn.group_mean, drawn.group_max, drawn.fsync_p50), (Some(1.5), Some(2.0), None));
    }

    #[test]
    fn what_lies_above_all_bounds_is_at_least_the_last_one() {
        let point = between(&load(&[0; 3], &[0; 3], 0.0, 0), &load(&[0, 0, 4], &[0, 0, 1], 9.0, 0)).unwrap();
        assert_eq!((point.drawn().p50, point.drawn().group_max), (Some(2.0), Some(2.0)));
    }

    #[test]
    fn counters_that_fall_make_no_point() {
        assert!(between(&load(&[5, 0, 0], &[0; 3], 0.0, 0), &load(&[4, 9, 0], &[0; 3], 0.0, 0)).is_none());
        assert!(between(&load(&[5, 0, 0], &[0; 3], 0.0, 3), &load(&[5, 0, 0], &[0; 3], 0.0, 2)).is_none());
    }
}
