//! What a shard does, as counters since its start: for those who draw it over time and read its status, not its metrics.

use prometheus::{
    Histogram, HistogramVec,
    core::{Collector, Metric},
    proto,
};
use serde_json::{Value, json};

use crate::{
    admission::Admission,
    operations::{handler::Handler, table::row},
    wire::Method,
};

/// Counts by bucket, not added up; the last one is of what lies beyond all bounds.
type Counts = Vec<u64>;

/// Reads and writes by how long they took, commits by how many writes they had. `syncs` is of the time of the log's fsync.
pub(super) fn load(
    durations: &HistogramVec,
    groups: &Histogram,
    syncs: Option<&Histogram>,
    admission: &Admission,
) -> Value {
    let (mut bounds, mut reads, mut writes) = (Vec::new(), Counts::new(), Counts::new());
    for family in durations.collect() {
        for metric in family.get_metric() {
            let histogram = metric.get_histogram();
            // Those of what only watches as well: they are there from the first question on.
            bounds = bounds_of(histogram);
            let method = metric.get_label().iter().find_map(|label| Method::from_name(label.value()));
            let Some(method) = method.filter(|method| !is_watching(*method)) else { continue };
            add(if is_write(method) { &mut writes } else { &mut reads }, &counts_of(histogram));
        }
    }
    for counts in [&mut reads, &mut writes] {
        counts.resize(bounds.len() + 1, 0);
    }
    let group = groups.metric();
    let group = group.get_histogram();
    let mut load = json!({
        "bounds_s": bounds,
        "reads": reads,
        "writes": writes,
        "group_bounds": bounds_of(group),
        "groups": counts_of(group),
        "group_writes": group.get_sample_sum(),
        "busy": admission.rejections(),
        "in_flight": admission.in_flight(),
        "places": admission.limit(),
    });
    if let Some(syncs) = syncs {
        let metric = syncs.metric();
        load["sync_bounds_s"] = json!(bounds_of(metric.get_histogram()));
        load["syncs"] = json!(counts_of(metric.get_histogram()));
    }
    load
}

/// Whether it only asks how the shard is: whoever watches it would see himself.
pub(super) fn is_watching(method: Method) -> bool {
    use Method as M;
    matches!(method, M::Ping | M::Health | M::ShardStatus | M::GraphStats)
}

fn is_write(method: Method) -> bool {
    row(method).is_some_and(|row| {
        matches!(row.handler, Handler::Write(..) | Handler::Commit(_)) || row.operation.writes()
    })
}

fn bounds_of(histogram: &proto::Histogram) -> Vec<f64> {
    histogram.get_bucket().iter().map(proto::Bucket::upper_bound).filter(|bound| bound.is_finite()).collect()
}

fn counts_of(histogram: &proto::Histogram) -> Counts {
    let mut before = 0;
    let finite = histogram.get_bucket().iter().filter(|bucket| bucket.upper_bound().is_finite());
    let mut counts: Counts = finite
        .map(|bucket| {
            let counted = bucket.cumulative_count();
            let own = counted.saturating_sub(before);
            before = counted;
            own
        })
        .collect();
    counts.push(histogram.get_sample_count().saturating_sub(before));
    counts
}

fn add(to: &mut Counts, more: &[u64]) {
    to.resize(to.len().max(more.len()), 0);
    for (sum, count) in to.iter_mut().zip(more) {
        *sum += count;
    }
}

#[cfg(test)]
mod tests {
    use prometheus::{HistogramOpts, HistogramVec};

    use super::*;

    #[test]
    fn counts_are_of_each_bucket_alone_and_those_of_operations_are_added() {
        let options = HistogramOpts::new("d", "d").buckets(vec![0.1, 1.0]);
        let durations = HistogramVec::new(options.clone(), &["op"]).unwrap();
        for (op, seconds) in
            [("HasNode", 0.05), ("HasNode", 5.0), ("GetNodes", 0.5), ("AddNode", 0.5), ("Ping", 0.5)]
        {
            durations.with_label_values(&[op]).observe(seconds);
        }
        let groups = Histogram::with_opts(HistogramOpts::new("g", "g").buckets(vec![1.0, 2.0])).unwrap();
        groups.observe(2.0);
        groups.observe(7.0);
        let load = load(&durations, &groups, Some(&groups), &Admission::new(3));
        assert_eq!(
            (&load["bounds_s"], &load["reads"], &load["writes"]),
            (&json!([0.1, 1.0]), &json!([1, 1, 1]), &json!([0, 1, 0]))
        );
        assert_eq!((&load["groups"], &load["group_writes"]), (&json!([0, 1, 1]), &json!(9.0)));
        assert_eq!(load["syncs"], json!([0, 1, 1]));
    }

    #[test]
    fn a_shard_that_did_nothing_has_its_bounds_already() {
        let options = HistogramOpts::new("d", "d").buckets(vec![0.1, 1.0]);
        let durations = HistogramVec::new(options.clone(), &["op"]).unwrap();
        durations.with_label_values(&["ShardStatus"]).observe(0.05);
        let other = Histogram::with_opts(options).unwrap();
        let load = load(&durations, &other, None, &Admission::new(3));
        assert_eq!((&load["bounds_s"], &load["reads"]), (&json!([0.1, 1.0]), &json!([0, 0, 0])));
    }
}
