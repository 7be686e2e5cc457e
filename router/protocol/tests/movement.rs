//! Adding or removing one of N shards moves 1/N of the graphs, and only to or from that shard.

#![expect(clippy::unwrap_used, reason = "shards that do not parse fail the test")]

use epistemic_protocol::placement::{Endpoint, EndpointList, hrw};

const GRAPHS: usize = 100_000;
const MOST: usize = 16;

/// Owners of all graphs on the first `count` of our shards.
fn owners(count: usize) -> Vec<Endpoint> {
    let endpoints = (1..=count).map(|n| Endpoint::parse(&format!("tcp://shard-{n}:9101")).unwrap()).collect();
    let endpoints = EndpointList::new(endpoints).unwrap();
    (0..GRAPHS).map(|n| hrw::owner(&endpoints, &format!("tenant__{n}____bus__")).clone()).collect()
}

#[test]
fn one_nth_moves_within_three_sigma() {
    let mut before = owners(1);
    for count in 2..=MOST {
        let after = owners(count);
        let added = Endpoint::parse(&format!("tcp://shard-{count}:9101")).unwrap();
        let moved = before.iter().zip(&after).filter(|(before, after)| before != after);
        // Read backwards, the same is the removal of this shard.
        let moved =
            moved.inspect(|(_, after)| assert_eq!(**after, added, "moved between other shards")).count();
        let (graphs, share) = (GRAPHS as f64, 1.0 / count as f64);
        let (expected, sigma) = (graphs * share, (graphs * share * (1.0 - share)).sqrt());
        let off = (moved as f64 - expected) / sigma;
        println!("{count} shards: {moved} moved, {expected:.0} expected, {off:+.2} sigma");
        assert!(off.abs() <= 3.0, "{moved} of {GRAPHS} moved to shard {count}: {off:+.2} sigma");
        before = after;
    }
}
