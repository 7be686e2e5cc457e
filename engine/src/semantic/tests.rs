//! Searches against a plain float64 loop over all embeddings.

use std::sync::Arc;

use epistemic_storage::{
    GraphStore, MemoryStore, Mutation,
    graph::{Graph, GraphReader, GraphType, Op},
};
use proptest::prelude::*;

use super::*;
use crate::analytics::Cancel;

type Rows = Vec<(String, Vec<f32>)>;

fn graphs() -> (GraphStore, Arc<Graph>) {
    let graphs = GraphStore::open(MemoryStore::new()).unwrap();
    graphs.write("g", Op::Create { kind: GraphType::Agent, owner: None, tenant: None }).unwrap();
    let graph = graphs.graph("g").unwrap();
    (graphs, graph)
}

fn add(graphs: &GraphStore, id: &str, components: &[f32]) {
    graphs.write("g", Op::One(Mutation::AddNode { id: id.into(), properties: Vec::new() })).unwrap();
    let components = components.iter().flat_map(|component| component.to_le_bytes()).collect();
    graphs.write("g", Op::One(Mutation::AddEmbedding { node: id.into(), components })).unwrap();
}

fn remove(graphs: &GraphStore, id: &str) {
    graphs.write("g", Op::One(Mutation::RemoveNode { id: id.into() })).unwrap();
}

fn stored(graphs: &GraphStore, graph: &Graph) -> Rows {
    let mut rows = Vec::new();
    let read = graphs.latest(graph).for_each_embedding(|id, stored| {
        rows.push((id.to_owned(), kernel::components(stored).collect()));
        Ok::<_, epistemic_storage::StoreError>(())
    });
    read.unwrap();
    rows
}

fn cosine(a: &[f32], b: &[f32]) -> Option<f32> {
    if a.len() != b.len() {
        return None;
    }
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    let norms = dot(a, a).sqrt() * dot(b, b).sqrt();
    (norms > 0.0).then(|| (dot(a, b) / norms) as f32)
}

fn expected(rows: &Rows, query: &[f32], count: usize) -> Vec<(String, f32)> {
    let scored = rows.iter().filter_map(|(id, row)| Some((id.clone(), cosine(row, query)?)));
    let mut found: Vec<_> = scored.collect();
    found.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    found.truncate(count);
    found
}

fn owned<I: AsRef<str>>(found: &[Match<I>]) -> Vec<(String, f32)> {
    found.iter().map(|found| (found.id.as_ref().to_owned(), found.score)).collect()
}

/// The same scores in the same order; ids may differ where scores are as good as equal.
fn assert_same(found: &[(String, f32)], expected: &[(String, f32)], rows: &Rows, query: &[f32]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found.1 - expected.1).abs() <= 1e-6, "{found:?} for {expected:?}");
        let own = rows.iter().find(|(id, _)| *id == found.0).and_then(|(_, row)| cosine(row, query));
        assert!((own.unwrap() - found.1).abs() <= 1e-6, "{found:?} has the cosine {own:?}");
    }
    assert!(found.is_sorted_by(|a, b| a.1 > b.1 || (a.1 == b.1 && a.0 < b.0)), "{found:?}");
}

fn check(graphs: &GraphStore, graph: &Arc<Graph>, indexes: &Indexes, query: &[f32], count: usize) {
    let cancel = Cancel::default();
    let rows = stored(graphs, graph);
    let expected = expected(&rows, query, count);
    let index = indexes.get(graphs, graph, &cancel).unwrap();
    assert_same(&owned(&index.search(query, count, &cancel).unwrap()), &expected, &rows, query);
    let view = graphs.read_view();
    let (found, passed_over) =
        search_stored(&GraphReader::new(&*view, graph), query, count, &cancel).unwrap();
    assert_same(&owned(&found), &expected, &rows, query);
    assert_eq!(passed_over, rows.iter().filter(|(_, row)| row.len() != query.len()).count() as u64);
}

fn component() -> impl Strategy<Value = f32> + Clone {
    prop_oneof![
        4 => (-4_i8..=4).prop_map(f32::from),
        4 => -1.0_f32..1.0,
        1 => prop::sample::select(vec![0.0, -0.0, 1e-45, -1e-30, 3e38, -3e38, 1e20, f32::MIN_POSITIVE]),
    ]
}

/// Vectors, most of one length, and a query of that length.
fn vectors() -> impl Strategy<Value = (Vec<Vec<f32>>, Vec<f32>)> {
    (1_usize..40).prop_flat_map(|length| {
        let vector = prop::collection::vec(component(), length);
        let other = prop::collection::vec(component(), 1..5);
        (prop::collection::vec(prop_oneof![4 => vector.clone(), 1 => other], 0..40), vector)
    })
}

proptest! {
    #[test]
    fn searches_find_the_highest_cosines((vectors, query) in vectors(), count in 1_usize..50) {
        prop_assume!(query.iter().any(|component| *component != 0.0));
        let (graphs, graph) = graphs();
        for (number, vector) in vectors.iter().enumerate() {
            add(&graphs, &format!("n{}", number * 7 % 40), vector);
        }
        check(&graphs, &graph, &Indexes::new(1 << 20), &query, count);
    }

    #[test]
    fn an_index_follows_changes(
        (vectors, query) in vectors(),
        changes in prop::collection::vec((0_usize..12, 0_usize..6), 1..60),
    ) {
        prop_assume!(query.iter().any(|component| *component != 0.0) && !vectors.is_empty());
        let (graphs, graph) = graphs();
        let indexes = Indexes::new(1 << 20);
        for (step, (id, what)) in changes.into_iter().enumerate() {
            let id = format!("n{id}");
            match what {
                0 => remove(&graphs, &id),
                1 => { graphs.write("g", Op::ClearLedger).unwrap(); }
                2 => check(&graphs, &graph, &indexes, &query, 5),
                _ => add(&graphs, &id, &vectors[step % vectors.len()]),
            }
        }
        check(&graphs, &graph, &indexes, &query, 100);
    }

    #[test]
    fn pairs_are_those_at_or_above_the_threshold((vectors, _) in vectors(), threshold in -1.0_f32..=1.0) {
        let (graphs, graph) = graphs();
        for (number, vector) in vectors.iter().enumerate() {
            add(&graphs, &format!("n{}", number * 7 % 40), vector);
        }
        // Rows are not in the order of ids then.
        let indexes = Indexes::new(1 << 20);
        let cancel = Cancel::default();
        indexes.get(&graphs, &graph, &cancel).unwrap();
        remove(&graphs, "n0");
        let index = indexes.get(&graphs, &graph, &cancel).unwrap();
        let found = index.similar_pairs(threshold, 1 << 20, &cancel).unwrap();
        let found: Vec<_> = found
            .iter()
            .map(|pair| {
                let (first, second) = index.ids_of(pair);
                (first.to_owned(), second.to_owned(), pair.score)
            })
            .collect();
        prop_assert!(found.is_sorted_by(|a, b| (&a.0, &a.1) < (&b.0, &b.1)));
        let rows = stored(&graphs, &graph);
        for (first, (a, left)) in rows.iter().enumerate() {
            for (b, right) in &rows[first + 1..] {
                let score = found.iter().find(|found| found.0 == *a && found.1 == *b).map(|found| found.2);
                match cosine(left, right) {
                    None => prop_assert_eq!(score, None),
                    Some(exact) if (exact - threshold).abs() < 1e-6 => {}
                    Some(exact) if exact < threshold => prop_assert_eq!(score, None),
                    Some(exact) => prop_assert!((score.unwrap() - exact).abs() <= 1e-6),
                }
            }
        }
    }
}

#[test]
fn equal_vectors_have_the_cosine_one_and_equal_scores_the_order_of_ids() {
    let (graphs, graph) = graphs();
    for (id, factor) in [("c", 1.0), ("a", 3.0), ("b", 1e30), ("z", -1.0)] {
        add(&graphs, id, &[0.1 * factor, 0.7 * factor, 0.3 * factor]);
    }
    let (indexes, cancel) = (Indexes::new(1 << 20), Cancel::default());
    let index = indexes.get(&graphs, &graph, &cancel).unwrap();
    let found = owned(&index.search(&[0.1, 0.7, 0.3], 9, &cancel).unwrap());
    let expected = [("a", 1.0), ("b", 1.0), ("c", 1.0), ("z", -1.0)];
    assert_eq!(found, expected.map(|(id, score)| (id.to_owned(), score)));
    let pairs = index.similar_pairs(1.0, 1 << 20, &cancel).unwrap();
    let pairs: Vec<_> = pairs.iter().map(|pair| index.ids_of(pair)).collect();
    assert_eq!(pairs, [("a", "b"), ("a", "c"), ("b", "c")]);
    assert!(matches!(index.similar_pairs(1.0, 80, &cancel), Err(SemanticError::TooManyPairs { limit: 80 })));
}

#[test]
fn little_changes_are_followed_and_an_unchanged_index_is_shared() {
    let (graphs, graph) = graphs();
    let (indexes, cancel) = (Indexes::new(1 << 20), Cancel::default());
    assert_eq!(indexes.get(&graphs, &graph, &cancel).unwrap().len(), 0);
    (0..300).for_each(|number| add(&graphs, &format!("n{number}"), &[1.0, number as f32]));
    let first = indexes.get(&graphs, &graph, &cancel).unwrap();
    let bytes = indexes.bytes();
    assert!(bytes >= 300 * 8 && bytes <= 2 * index::Index::estimate(300, 600), "{bytes}");
    graphs.write("g", Op::One(Mutation::AddNode { id: "other".into(), properties: Vec::new() })).unwrap();
    assert!(Arc::ptr_eq(&first, &indexes.get(&graphs, &graph, &cancel).unwrap()), "no embedding changed");

    let state = graph.counters();
    assert!(update::can_follow(&first, &state));
    add(&graphs, "n3", &[0.0, 0.0]);
    add(&graphs, "new", &[0.0, 1.0]);
    remove(&graphs, "n0");
    let second = indexes.get(&graphs, &graph, &cancel).unwrap();
    assert_eq!((first.len(), second.len(), second.sequence), (300, 299, graph.counters().sequence));
    (300..500).for_each(|number| add(&graphs, &format!("n{number}"), &[1.0, number as f32]));
    assert!(!update::can_follow(&second, &graph.counters()), "reading all of it is less work");
    assert_eq!(indexes.get(&graphs, &graph, &cancel).unwrap().len(), 499);
}

#[test]
fn what_does_not_fit_is_searched_in_storage_and_other_lengths_are_passed_over() {
    let (graphs, graph) = graphs();
    (0..100).for_each(|number| add(&graphs, &format!("n{number}"), &[1.0, number as f32]));
    let (cancel, view) = (Cancel::default(), graphs.read_view());
    let small = Indexes::new(1000);
    assert!(matches!(small.get(&graphs, &graph, &cancel), Err(SemanticError::OverMemory { .. })));
    assert_eq!(small.bytes(), 0);
    let reader = GraphReader::new(&*view, &graph);
    let (found, passed_over) = search_stored(&reader, &[0.0, 2.0], 1, &cancel).unwrap();
    assert_eq!((found[0].id.as_str(), passed_over), ("n99", 0));
    assert_eq!(search_stored(&reader, &[1.0], 1, &cancel).unwrap(), (Vec::new(), 100));
    let index = Indexes::new(1 << 20).get(&graphs, &graph, &cancel).unwrap();
    assert!(index.search(&[1.0], 1, &cancel).unwrap().is_empty());
    assert_eq!((index.len(), index.len_of(2), index.len_of(1)), (100, 100, 0));
}

#[test]
fn nobody_waits_any_more() {
    let (graphs, graph) = graphs();
    (0..2000).for_each(|number| add(&graphs, &format!("n{number}"), &[1.0, number as f32]));
    let (indexes, cancel) = (Indexes::new(1 << 20), Cancel::default());
    let index = indexes.get(&graphs, &graph, &cancel).unwrap();
    cancel.cancel();
    let view = graphs.read_view();
    let reader = GraphReader::new(&*view, &graph);
    let cancelled = [
        index.search(&[1.0, 0.0], 1, &cancel).err(),
        index.similar_pairs(0.5, 1 << 20, &cancel).err(),
        search_stored(&reader, &[1.0, 0.0], 1, &cancel).err(),
        Indexes::new(1 << 20).get(&graphs, &graph, &cancel).err(),
    ];
    for error in cancelled {
        assert!(matches!(error, Some(SemanticError::Cancelled(_))), "{error:?}");
    }
}
