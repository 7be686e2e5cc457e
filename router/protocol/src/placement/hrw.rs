//! Which shard owns a graph: rendezvous hashing, also called highest random weight (HRW; Thaler and Ravishankar,
//! "A Name-Based Mapping Scheme for Rendezvous", 1996).
//!
//! Score of an endpoint for a graph = MD5 of `{endpoint}-{graph}` (UTF-8) as a 128-bit big-endian integer. The
//! highest score owns the graph. Adding a shard moves graphs only to it, removing one moves only its own.
//! Identical with `epistemic_graph.pool.ShardRouter`, so both kinds of client agree on every placement.

use md5::{Digest, Md5};

use super::{Endpoint, EndpointList};

/// The score of one endpoint text for one graph.
#[must_use]
pub fn score(endpoint: &str, graph: &str) -> u128 {
    let digest = Md5::new().chain_update(endpoint).chain_update("-").chain_update(graph).finalize();
    u128::from_be_bytes(digest.into())
}

/// Every endpoint with its score, in the order of the list.
#[must_use]
pub fn scores<'a>(endpoints: &'a EndpointList, graph: &str) -> Vec<(&'a Endpoint, u128)> {
    endpoints.as_slice().iter().map(|endpoint| (endpoint, score(endpoint.as_str(), graph))).collect()
}

/// The endpoint that owns `graph`: the highest score, the first of the list among equals.
#[must_use]
pub fn owner<'a>(endpoints: &'a EndpointList, graph: &str) -> &'a Endpoint {
    let (first, rest) = endpoints.as_slice().split_first().expect("an endpoint list is never empty");
    if rest.is_empty() {
        return first;
    }
    let mut best = (first, score(first.as_str(), graph));
    for endpoint in rest {
        let score = score(endpoint.as_str(), graph);
        if score > best.1 {
            best = (endpoint, score);
        }
    }
    best.0
}

/// Groups graphs by the shard that owns them, for callers who send one request per shard. Shards are in list order
/// and left out when they own none; graphs keep their order.
#[must_use]
pub fn locality<'e, 'g>(
    endpoints: &'e EndpointList,
    graphs: impl IntoIterator<Item = &'g str>,
) -> Vec<(&'e Endpoint, Vec<&'g str>)> {
    let mut groups: Vec<_> = endpoints.as_slice().iter().map(|endpoint| (endpoint, Vec::new())).collect();
    for graph in graphs {
        let owner = owner(endpoints, graph);
        let group =
            groups.iter_mut().find(|(endpoint, _)| *endpoint == owner).expect("the owner is in the list");
        group.1.push(graph);
    }
    groups.retain(|(_, graphs)| !graphs.is_empty());
    groups
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::placement::{DEFAULT_GRAPH, tenant_graph_name};

    const WALKTHROUGH: &str = "tcp://localhost:9101,tcp://localhost:9102,tcp://localhost:9103";

    #[test]
    fn the_walkthrough_table() {
        let endpoints = EndpointList::parse(WALKTHROUGH).unwrap();
        for (tenant, graph, shard) in [
            (Some("acme"), "tenant__acme____bus__", "tcp://localhost:9103"),
            (Some("globex"), "tenant__globex____bus__", "tcp://localhost:9101"),
            (Some("initech"), "tenant__initech____bus__", "tcp://localhost:9102"),
            (None, "__bus__", "tcp://localhost:9103"),
        ] {
            assert_eq!(tenant_graph_name(tenant, DEFAULT_GRAPH).unwrap(), graph);
            assert_eq!(owner(&endpoints, graph).as_str(), shard);
        }
    }

    #[test]
    fn locality_groups_by_owner() {
        let endpoints = EndpointList::parse(WALKTHROUGH).unwrap();
        let graphs = ["tenant__acme____bus__", "tenant__initech____bus__", "__bus__"];
        let groups: Vec<_> =
            locality(&endpoints, graphs).into_iter().map(|(e, graphs)| (e.as_str(), graphs)).collect();
        assert_eq!(
            groups,
            [
                ("tcp://localhost:9102", vec!["tenant__initech____bus__"]),
                ("tcp://localhost:9103", vec!["tenant__acme____bus__", "__bus__"]),
            ]
        );
    }

    fn endpoint_list() -> impl Strategy<Value = Vec<String>> {
        proptest::collection::hash_set("(tcp://[a-z]{1,8}:[1-9][0-9]{0,3}|unix:///[a-z/]{1,12})", 2..9)
            .prop_map(|texts| texts.into_iter().collect())
    }

    proptest! {
        #[test]
        fn adding_an_endpoint_moves_graphs_only_to_it(
            texts in endpoint_list(),
            graphs in proptest::collection::vec(".*", 1..50),
        ) {
            let after = EndpointList::parse(&texts.join(",")).unwrap();
            let before = EndpointList::parse(&texts[1..].join(",")).unwrap();
            for graph in &graphs {
                let new_owner = owner(&after, graph);
                prop_assert!(new_owner.as_str() == texts[0] || new_owner == owner(&before, graph));
            }
        }

        #[test]
        fn the_owner_has_the_highest_score_in_any_order(mut texts in endpoint_list(), graph in ".*") {
            let endpoints = EndpointList::parse(&texts.join(",")).unwrap();
            let best = owner(&endpoints, &graph);
            prop_assert_eq!(
                score(best.as_str(), &graph),
                scores(&endpoints, &graph).iter().map(|(_, score)| *score).max().unwrap()
            );
            texts.reverse();
            let reversed = EndpointList::parse(&texts.join(",")).unwrap();
            prop_assert_eq!(owner(&reversed, &graph), best);
        }
    }
}
