use std::sync::Arc;

use super::*;
use crate::tests::gateway;

const LIST: [&str; 2] = ["tcp://localhost:9101", "tcp://localhost:9102"];

fn graph(name: &str, nodes: u64) -> GraphStats {
    GraphStats {
        name: name.to_owned(),
        kind: "Agent".to_owned(),
        owner: Some("Ann".to_owned()),
        tenant: Some("acme".to_owned()),
        nodes,
        edges: 0,
        sequence: 1,
        ledger_from: None,
        ledger_keep: None,
        quarantined: None,
        bytes: None,
        sizes: None,
        changed_ms: None,
    }
}

fn wanted(query: &str) -> Wanted {
    let uri = format!("/?{query}").parse().unwrap();
    axum::extract::Query::try_from_uri(&uri).map(|axum::extract::Query(wanted)| wanted).unwrap()
}

fn page(query: &str, answers: &[Graphs]) -> Page {
    gateway(&LIST).graph_page(&wanted(query), answers).unwrap().body
}

/// Every tenth is twice as large as others may be; names go up to 9999.
fn many() -> Vec<Graphs> {
    let graphs = (0..10_000).map(|index| graph(&format!("g{index:04}"), index / 10)).collect();
    vec![Ok(Arc::new(graphs)), Err("it is down".into())]
}

#[test]
fn pages_follow_each_other_whatever_they_are_sorted_by() {
    let answers = many();
    for sort in ["name", "-name", "nodes", "-nodes", "tenant", "-shard", "bytes"] {
        let (mut names, mut after) = (Vec::new(), String::new());
        loop {
            let page = page(&format!("sort={sort}&limit=199&q=g1{after}"), &answers);
            assert_eq!((page.total, page.matched), (10_000, 1_000), "{sort}");
            names.extend(page.rows.into_iter().map(|row| (row.nodes, row.name)));
            let Some(next) = page.next else { break };
            after = format!("&after={next}");
        }
        let mut expected: Vec<_> = (1000..2000).map(|index| (index / 10, format!("g{index}"))).collect();
        match sort {
            "-name" => expected.reverse(),
            "-nodes" => expected.sort_by(|(a, x), (b, y)| b.cmp(a).then_with(|| x.cmp(y))),
            _ => {}
        }
        assert_eq!(names, expected, "{sort}");
    }
}

#[test]
fn a_page_survives_graphs_that_come_and_go() {
    let with = |names: &[&str]| {
        vec![Ok(Arc::new(names.iter().map(|name| graph(name, 1)).collect())), Ok(Arc::default())]
    };
    let first = page("limit=2", &with(&["a", "b", "c", "d"]));
    let second = page(&format!("limit=2&after={}", first.next.unwrap()), &with(&["c", "d", "e"]));
    assert_eq!(second.rows.iter().map(|row| &*row.name).collect::<Vec<_>>(), ["c", "d"]);
}

#[test]
fn a_name_on_several_shards_is_one_row_and_a_shard_that_is_down_is_named() {
    let commons = || Ok(Arc::new(vec![graph("__commons__", 0)]));
    let both = page("", &[commons(), commons()]);
    assert_eq!((both.total, both.rows[0].also_on.len(), both.rows[0].state), (1, 1, Standing::Served));
    let page = page("limit=1", &many());
    assert_eq!((page.missing.len(), page.missing[0].shard, page.missing[0].graphs), (1, 2, None));
}

#[test]
fn a_graph_where_no_client_looks_is_misplaced() {
    let answers = many();
    let (all, misplaced) = (page("", &answers), page("state=misplaced&limit=200", &answers));
    assert!(0 < misplaced.matched && misplaced.matched < all.matched);
    assert!(misplaced.rows.iter().all(|row| row.shard == 1 && row.belongs_to == Some(2)));
    assert_eq!(page("state=served", &answers).matched, all.matched - misplaced.matched);
    assert_eq!(page("shard=2", &answers).matched + page("tenant=other", &answers).matched, 0);
}

#[test]
fn what_is_not_understood_is_refused() {
    let gateway = gateway(&LIST);
    let refused = gateway.graph_page(&wanted("after=zz"), &many());
    assert!(refused.is_err());
    let uri = "/?sort=size".parse().unwrap();
    let refused = axum::extract::Query::<Wanted>::try_from_uri(&uri).unwrap_err();
    assert!(refused.body_text().contains("size"), "{}", refused.body_text());
}

/// What tenants have is looked for under one base name; data under the well-known other one may be where nobody looks.
#[test]
fn data_under_the_other_base_name_is_told_of() {
    let names =
        [("__commons__", 3), ("tenant__a____commons__", 1), ("tenant__b____commons__", 0), ("__bus__", 1)];
    let mut graphs: Vec<_> = names.iter().map(|(name, nodes)| graph(name, *nodes)).collect();
    graphs.sort_by(|a, b| a.name.cmp(&b.name));
    let page = page("", &[Ok(Arc::new(graphs)), Err("it is down".into())]);
    assert_eq!(page.base_names.default_graph, "__bus__");
    let [other] = &page.base_names.other_bases[..] else { panic!("{page:?}") };
    assert_eq!((other.base, other.graphs), ("__commons__", 2));
}
