//! What is drawn of the hour.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::point::Drawn;
use super::{Event, POINTS, STEP_MS, Series};

/// Steps that the newest percentile is of: a minute.
const MINUTE: u64 = 60_000 / STEP_MS;
/// Bars of the small drawing in a list.
const BARS: u64 = 60;

/// How much time a drawn value is of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub(crate) enum Step {
    #[default]
    #[serde(rename = "5")]
    Five,
    #[serde(rename = "15")]
    Fifteen,
}

impl Step {
    /// In steps of the points.
    fn points(self) -> u64 {
        match self {
            Step::Five => 1,
            Step::Fifteen => 3,
        }
    }
}

/// The drawing of an hour, or of what is new of it.
#[derive(Debug, Serialize)]
pub(crate) struct Hour {
    /// When the first value begins.
    from_ms: u64,
    step_s: u64,
    /// Earlier values are not known.
    kept_since_ms: u64,
    limits: Limits,
    /// By name; null where nothing is known, or nothing happened that has the value.
    series: BTreeMap<&'static str, Vec<Option<f64>>>,
    events: Vec<Event>,
}

#[derive(Debug, Serialize)]
struct Limits {
    in_flight: Option<u64>,
}

/// What a list shows of the hour.
#[derive(Debug, Default, PartialEq, Serialize)]
pub(crate) struct Glance {
    /// Of the last minute, in milliseconds.
    pub(crate) p99_ms: Option<f64>,
    pub(crate) busy_1h: Option<u64>,
    /// Requests per second of each minute, and the percentile.
    pub(crate) spark: Vec<Option<f64>>,
    pub(crate) spark_p99: Vec<Option<f64>>,
}

impl Series {
    /// What happened behind `since_ms`, in values of `step`. Values come once they do not change any more.
    pub(crate) fn hour(&self, step: Step, since_ms: u64, now_ms: u64) -> Hour {
        let (wide, width) = (step.points(), step.points() * STEP_MS);
        let newest = self.points.back().map_or(0, |(step, _)| step + 1);
        // A shard that does not answer makes gaps, which are told as well.
        let end = newest.max((now_ms / STEP_MS).saturating_sub(2)) / wide;
        let oldest = end.saturating_sub(POINTS as u64 / wide);
        let start = oldest.max(since_ms.div_ceil(width)).max(self.since_ms / width).min(end);
        let drawn: Vec<_> = (start..end).map(|group| self.drawn(group * wide..(group + 1) * wide)).collect();
        let all = |value: fn(&Drawn) -> Option<f64>| -> Vec<_> {
            drawn.iter().map(|drawn| drawn.as_ref().and_then(value).map(short)).collect()
        };
        Hour {
            from_ms: start * width,
            step_s: width / 1000,
            kept_since_ms: self.since_ms.max(now_ms.saturating_sub(POINTS as u64 * STEP_MS)),
            limits: Limits { in_flight: self.newest.as_ref().map(|sample| sample.load.places) },
            series: BTreeMap::from([
                ("reads", all(|drawn| Some(drawn.reads))),
                ("writes", all(|drawn| Some(drawn.writes))),
                ("busy", all(|drawn| Some(drawn.busy))),
                ("in_flight", all(|drawn| Some(drawn.in_flight))),
                ("p50", all(|drawn| drawn.p50)),
                ("p95", all(|drawn| drawn.p95)),
                ("p99", all(|drawn| drawn.p99)),
                ("group_mean", all(|drawn| drawn.group_mean)),
                ("group_max", all(|drawn| drawn.group_max)),
                ("fsync_p50", all(|drawn| drawn.fsync_p50)),
                ("fsync_p99", all(|drawn| drawn.fsync_p99)),
            ]),
            events: self.events_behind(since_ms.max(now_ms.saturating_sub(POINTS as u64 * STEP_MS))),
        }
    }

    /// What a list shows.
    pub(crate) fn glance(&self, now_ms: u64) -> Glance {
        let minute = now_ms / STEP_MS / MINUTE;
        let bars: Vec<_> = (minute.saturating_sub(BARS)..minute)
            .map(|bar| self.drawn(bar * MINUTE..(bar + 1) * MINUTE))
            .collect();
        let bar = |value: fn(&Drawn) -> Option<f64>| -> Vec<_> {
            bars.iter().map(|drawn| drawn.as_ref().and_then(value).map(short)).collect()
        };
        let hour = self.last(POINTS as u64, now_ms);
        Glance {
            p99_ms: self.last(MINUTE + 1, now_ms).and_then(|point| point.drawn().p99).map(short),
            busy_1h: hour.map(|point| point.busy()),
            spark: bar(|drawn| Some(drawn.reads + drawn.writes)),
            spark_p99: bar(|drawn| drawn.p99),
        }
    }

    /// What went on or ended behind that time, oldest first.
    pub(crate) fn events_behind(&self, ms: u64) -> Vec<Event> {
        self.events.iter().filter(|event| event.to_ms.is_none_or(|end| end > ms)).cloned().collect()
    }

    /// Of these steps together, as far as they are known.
    fn drawn(&self, steps: std::ops::Range<u64>) -> Option<Drawn> {
        let first = self.points.partition_point(|(step, _)| *step < steps.start);
        let mut found = self.points.iter().skip(first).take_while(|(step, _)| *step < steps.end);
        let mut sum = found.next()?.1.clone();
        for (_, point) in found {
            if !sum.add(point) {
                break;
            }
        }
        Some(sum.drawn())
    }
}

/// Four digits are enough to draw.
fn short(value: f64) -> f64 {
    if value >= 1000.0 { value.round() } else { (value * 1000.0).round() / 1000.0 }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use epistemic_router::status::LoadStatus;
    use tokio::time::Instant;

    use super::*;

    /// 2026, at the beginning of a minute.
    const START: u64 = 1_796_000_040_000;

    fn load(requests: u64) -> LoadStatus {
        LoadStatus {
            bounds_s: vec![0.001],
            reads: vec![requests, 0],
            writes: vec![0, 0],
            group_bounds: vec![1.0],
            groups: vec![0, 0],
            places: 1024,
            ..LoadStatus::default()
        }
    }

    /// Looks each second, from one second to another; ten requests a second since `born`.
    fn look(series: &mut Series, origin: Instant, seconds: std::ops::Range<u64>, born: u64) {
        for second in seconds {
            let at = origin + Duration::from_secs(second);
            series.answered(at, START + second * 1000, second - born, Some(&load((second - born) * 10)));
        }
    }

    #[test]
    fn a_gap_stays_a_gap_and_a_restart_is_told() {
        let (mut series, origin) = (Series::new(START), Instant::now());
        look(&mut series, origin, 0..60, 0);
        series.silent(START + 60_000, "connection refused");
        series.silent(START + 61_000, "connection refused");
        look(&mut series, origin, 90..121, 80);
        let hour = series.hour(Step::Five, 0, START + 121_000);
        assert_eq!(hour.from_ms, START);
        let reads = &hour.series["reads"];
        assert_eq!(reads.len(), 24, "{reads:?}");
        assert!(reads[..11].iter().all(|value| *value == Some(10.0)), "{reads:?}");
        assert!(reads[11..18].iter().all(Option::is_none), "{reads:?}");
        assert!(reads[18..].iter().all(|value| *value == Some(10.0)), "{reads:?}");
        let kinds: Vec<_> =
            hour.events.iter().map(|event| (event.kind, event.from_ms, event.to_ms)).collect();
        assert_eq!(kinds[0], (super::super::EventKind::Unreachable, START + 60_000, Some(START + 90_000)));
        assert_eq!(kinds[1], (super::super::EventKind::Restart, START + 80_000, Some(START + 80_000)));
    }

    #[test]
    fn only_new_values_are_sent_and_three_steps_make_one() {
        let (mut series, origin) = (Series::new(START), Instant::now());
        look(&mut series, origin, 0..121, 0);
        let all = series.hour(Step::Five, 0, START + 120_000);
        assert_eq!(all.series["p99"].len(), 24);
        let next = all.from_ms + 20 * 5000;
        let new = series.hour(Step::Five, next, START + 120_000);
        assert_eq!((new.from_ms, new.series["reads"].len()), (next, 4));
        let wide = series.hour(Step::Fifteen, 0, START + 120_000);
        assert_eq!((wide.series["reads"].len(), wide.step_s), (8, 15));
        assert_eq!(wide.series["reads"][3], Some(10.0));
        assert_eq!(wide.limits.in_flight, Some(1024));
    }

    #[test]
    fn buckets_that_mean_something_else_make_neither_a_point_nor_a_restart() {
        let (mut series, origin) = (Series::new(START), Instant::now());
        look(&mut series, origin, 0..20, 0);
        for second in 20..40 {
            let load = LoadStatus { bounds_s: vec![0.002], ..load(second * 10) };
            series.answered(origin + Duration::from_secs(second), START + second * 1000, second, Some(&load));
        }
        let hour = series.hour(Step::Five, 0, START + 40_000);
        let known: Vec<_> = hour.series["reads"].iter().map(Option::is_some).collect();
        assert_eq!((known, hour.events.len()), (vec![true, true, true, false, true, true, true], 0));
    }

    #[test]
    fn commits_are_found_between_two_times() {
        let (mut series, origin) = (Series::new(START), Instant::now());
        for second in 0..100 {
            let groups = vec![u64::from(second >= 50), 0];
            let load = LoadStatus { groups, ..load(0) };
            series.answered(origin + Duration::from_secs(second), START + second * 1000, second, Some(&load));
        }
        let committed = |from: u64, to: u64| series.committed_between(START + from * 1000, START + to * 1000);
        assert!(committed(0, 95) && committed(40, 60) && !committed(0, 40) && !committed(60, 95));
    }

    #[test]
    fn an_hour_is_kept_and_no_more() {
        let (mut series, origin) = (Series::new(START), Instant::now());
        look(&mut series, origin, 0..4000, 0);
        let now = START + 4_000_000;
        assert_eq!(series.points.len(), POINTS);
        let hour = series.hour(Step::Five, 0, now);
        assert_eq!(hour.series["reads"].len(), POINTS);
        assert_eq!(hour.kept_since_ms, now - 3_600_000);
        let glance = series.glance(now);
        assert_eq!((glance.spark.len(), glance.busy_1h), (60, Some(0)));
        assert!((glance.p99_ms.unwrap() - 0.99).abs() < 1e-9, "{glance:?}");
    }
}
