//! The search against every injective map, on graphs small enough to try them all.

use proptest::prelude::*;

use super::*;

type Edge = (u32, u32, u8);

/// Node labels, and edges with labels. In a pattern, label 0 fits anything.
#[derive(Debug, Clone, Default)]
struct Graph {
    nodes: Vec<u8>,
    edges: Vec<Edge>,
}

impl Graph {
    fn topology(&self) -> Topology {
        let pairs: Vec<_> = self.edges.iter().map(|&(source, target, _)| (source, target)).collect();
        Topology::from_edges(self.nodes.len(), &pairs)
    }

    fn between(&self, ends: (u32, u32)) -> impl Iterator<Item = u8> {
        self.edges.iter().filter(move |edge| (edge.0, edge.1) == ends).map(|edge| edge.2)
    }
}

struct Labels<'a> {
    pattern: &'a Graph,
    target: &'a Graph,
    nodes_asked: Vec<(u32, u32)>,
}

fn label_fits(pattern: u8, target: u8) -> bool {
    pattern == 0 || pattern == target
}

fn edges_fit(pattern: &Graph, target: &Graph, ends: (u32, u32), at: (u32, u32)) -> bool {
    pattern.between(ends).all(|wanted| target.between(at).any(|label| label_fits(wanted, label)))
}

impl Constraints for Labels<'_> {
    type Error = Cancelled;

    fn node_fits(&mut self, pattern: u32, target: u32) -> Result<bool, Cancelled> {
        self.nodes_asked.push((pattern, target));
        Ok(label_fits(self.pattern.nodes[pattern as usize], self.target.nodes[target as usize]))
    }

    fn edges_fit(&mut self, pattern: (u32, u32), target: (u32, u32)) -> Result<bool, Cancelled> {
        assert!(
            self.pattern.between(pattern).next().is_some() && self.target.between(target).next().is_some()
        );
        Ok(edges_fit(self.pattern, self.target, pattern, target))
    }
}

fn search(pattern: &Graph, target: &Graph, max_matches: usize) -> Matches {
    let mut labels = Labels { pattern, target, nodes_asked: Vec::new() };
    let cancel = Cancel::default();
    let found =
        subgraph_matches(&pattern.topology(), &target.topology(), &mut labels, max_matches, &cancel).unwrap();
    let mut asked = labels.nodes_asked;
    asked.sort_unstable();
    assert!(asked.is_sorted_by(|one, other| one < other), "asked twice: {asked:?}");
    found
}

fn sorted(matches: &Matches) -> Vec<Vec<u32>> {
    let mut all: Vec<_> = matches.iter().map(<[u32]>::to_vec).collect();
    all.sort();
    all
}

/// Tries all maps, in ascending order.
fn brute_force(pattern: &Graph, target: &Graph) -> Vec<Vec<u32>> {
    let mut maps: Vec<Vec<u32>> = vec![Vec::new()];
    for label in &pattern.nodes {
        let mut longer = Vec::new();
        for map in maps {
            for (node, other) in (0..).zip(&target.nodes) {
                if !map.contains(&node) && label_fits(*label, *other) {
                    longer.push([&map[..], &[node]].concat());
                }
            }
        }
        maps = longer;
    }
    maps.retain(|map| {
        pattern.edges.iter().all(|&(source, end, _)| {
            let at = (map[source as usize], map[end as usize]);
            target.between(at).next().is_some() && edges_fit(pattern, target, (source, end), at)
        })
    });
    if pattern.nodes.is_empty() { Vec::new() } else { maps }
}

fn plain(nodes: usize, edges: &[(u32, u32)]) -> Graph {
    Graph { nodes: vec![0; nodes], edges: edges.iter().map(|&(s, t)| (s, t, 0)).collect() }
}

#[test]
fn recorded_structures() {
    let cycle = [(0, 1), (1, 2), (2, 0)];
    let transitive = plain(3, &[(0, 1), (1, 2), (0, 2)]);
    let all = plain(3, &[(0, 1), (1, 2), (0, 2), (2, 0)]);
    let path = plain(3, &[(0, 1), (1, 2)]);
    let rotations = [[0, 1, 2], [1, 2, 0], [2, 0, 1]];
    assert_eq!(sorted(&search(&path, &transitive, 9)), [[0, 1, 2]]);
    assert_eq!(sorted(&search(&path, &all, 9)), rotations);
    assert_eq!(sorted(&search(&plain(3, &cycle), &all, 9)), rotations);
    assert_eq!(search(&plain(2, &[]), &all, 9).iter().len(), 6);
    assert_eq!(search(&plain(4, &[]), &all, 9).iter().len(), 0);
    assert_eq!(search(&plain(0, &[]), &all, 9), search(&plain(0, &[]), &plain(0, &[]), 9));
}

#[test]
fn parallel_edges_share_and_self_loops_need_self_loops() {
    let double = plain(2, &[(0, 1), (0, 1)]);
    let single = plain(2, &[(0, 1)]);
    assert_eq!(sorted(&search(&double, &single, 9)), [[0, 1]]);
    assert_eq!(sorted(&search(&single, &double, 9)), [[0, 1]]);
    assert_eq!(sorted(&search(&plain(1, &[(0, 0)]), &plain(2, &[(0, 1), (1, 1)]), 9)), [[1]]);
}

#[test]
fn exactly_as_many_as_asked_for_is_not_truncated() {
    let (pattern, target) = (plain(2, &[]), plain(3, &[]));
    for (max, truncated) in [(0, true), (5, true), (6, false), (7, false)] {
        let found = search(&pattern, &target, max);
        assert_eq!((found.iter().len(), found.truncated), (max.min(6), truncated));
    }
}

/// Cancels itself at the hundredth question.
struct Impatient<'a>(u32, &'a Cancel);

impl Constraints for Impatient<'_> {
    type Error = Cancelled;

    fn node_fits(&mut self, _: u32, _: u32) -> Result<bool, Cancelled> {
        Ok(true)
    }

    fn edges_fit(&mut self, _: (u32, u32), _: (u32, u32)) -> Result<bool, Cancelled> {
        self.0 += 1;
        if self.0 == 100 {
            self.1.cancel();
        }
        assert!(self.0 <= 100);
        Ok(true)
    }
}

#[test]
fn an_endless_search_can_be_cancelled() {
    let side = |nodes: u32| (0..nodes).flat_map(move |s| (nodes..2 * nodes).map(move |t| (s, t)));
    let target = Topology::from_edges(60, &side(30).chain(side(30).map(|(s, t)| (t, s))).collect::<Vec<_>>());
    let odd_cycle: Vec<_> = (0..21).map(|node| (node, (node + 1) % 21)).collect();
    let cancel = Cancel::default();
    let pattern = Topology::from_edges(21, &odd_cycle);
    let ended = subgraph_matches(&pattern, &target, &mut Impatient(0, &cancel), usize::MAX, &cancel);
    assert_eq!(ended, Err(Cancelled));
}

fn graph(max_nodes: u32, max_edges: usize) -> impl Strategy<Value = Graph> {
    (0..=max_nodes).prop_flat_map(move |nodes| {
        let ends = 0..nodes.max(1);
        let edges =
            prop::collection::vec((ends.clone(), ends, 0..3_u8), 0..=max_edges * nodes.min(1) as usize);
        (prop::collection::vec(0..3_u8, nodes as usize), edges)
            .prop_map(|(nodes, edges)| Graph { nodes, edges })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn finds_what_trying_everything_finds(pattern in graph(4, 6), target in graph(6, 16)) {
        prop_assert_eq!(sorted(&search(&pattern, &target, usize::MAX)), brute_force(&pattern, &target));
    }

    #[test]
    fn finds_every_plain_structure(pattern in graph(4, 5), target in graph(6, 24)) {
        let (pattern, target) = (
            plain(pattern.nodes.len(), &pattern.edges.iter().map(|e| (e.0, e.1)).collect::<Vec<_>>()),
            plain(target.nodes.len(), &target.edges.iter().map(|e| (e.0, e.1)).collect::<Vec<_>>()),
        );
        prop_assert_eq!(sorted(&search(&pattern, &target, usize::MAX)), brute_force(&pattern, &target));
    }
}
