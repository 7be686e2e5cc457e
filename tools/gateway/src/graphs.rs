//! `GET /api/dashboard/graphs`: a page of the graphs of all shards. Searching and sorting happen here, so that a tier
//! of a hundred thousand graphs costs a viewer fifty rows.

use std::cmp::Reverse;

use epistemic_router::owners::Kind;
use epistemic_router::status::{BaseNames, GraphStats};
use serde::{Deserialize, Serialize};

use super::Gateway;
use super::watch::Graphs;

/// Rows of a page, at most.
const MAX_ROWS: usize = 200;

/// What a viewer wants to see: the query of the request.
#[derive(Debug, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    /// Part of the name, the owner or the type, in any case.
    search: String,
    sort: Sort,
    /// Rows that come before the page.
    offset: usize,
    /// Rows of the page, from 1 to [`MAX_ROWS`]; others are taken for the nearest of these.
    limit: usize,
}

impl Default for Wanted {
    fn default() -> Self {
        Self { search: String::new(), sort: Sort::Name, offset: 0, limit: 50 }
    }
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Sort {
    Name,
    Nodes,
    Edges,
}

/// A page.
#[derive(Debug, Serialize)]
pub(super) struct Page {
    /// Graphs on the shards that answered.
    total: usize,
    /// Those that the search found.
    matched: usize,
    offset: usize,
    graphs: Vec<Row>,
    /// Of all graphs, not of this page.
    #[serde(flatten)]
    base_names: BaseNames,
    /// Shards whose graphs are not in these numbers.
    missing: Vec<Missing>,
}

#[derive(Debug, Serialize)]
struct Row {
    #[serde(flatten)]
    stats: GraphStats,
    shard: String,
    /// The shard that clients go to for it, when that is another one.
    belongs_to: Option<String>,
    /// The base name that it stands under, when it has content and the gateway uses another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    other_base: Option<&'static str>,
    /// That another shard serves it too: `two_owners`.
    #[serde(skip_serializing_if = "Option::is_none")]
    conflict: Option<Kind>,
}

#[derive(Debug, Serialize)]
struct Missing {
    endpoint: String,
    reason: String,
}

/// Whether a part of the name, the owner or the type is `search`, which is in lower case.
fn finds(search: &str, graph: &GraphStats) -> bool {
    let has = |text: &str| text.to_lowercase().contains(search);
    search.is_empty() || has(&graph.name) || has(&graph.kind) || graph.owner.as_deref().is_some_and(has)
}

impl Gateway {
    /// The graphs of every shard, all asked at once.
    pub(super) async fn all_graphs(&self) -> Vec<Graphs> {
        let asked: Vec<_> = self
            .shards
            .iter()
            .cloned()
            .map(|shard| tokio::spawn(async move { shard.graphs().await }))
            .collect();
        let mut answers = Vec::with_capacity(asked.len());
        for task in asked {
            answers.push(task.await.unwrap_or_else(|error| Err(error.to_string())));
        }
        answers
    }

    /// One page. Takes long for very many graphs: not for an async thread.
    fn page_of(&self, wanted: &Wanted, answers: &[Graphs]) -> Page {
        let (mut total, mut found, mut missing) = (0, Vec::new(), Vec::new());
        let search = wanted.search.to_lowercase();
        for (shard, answer) in self.shards.iter().zip(answers) {
            match answer {
                Ok(graphs) => {
                    total += graphs.len();
                    found.extend(
                        graphs.iter().filter(|graph| finds(&search, graph)).map(|graph| (graph, shard)),
                    );
                }
                Err(reason) => {
                    missing.push(Missing { endpoint: shard.endpoint.to_string(), reason: reason.clone() });
                }
            }
        }
        match wanted.sort {
            Sort::Name => found.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name)),
            Sort::Nodes => found.sort_by_key(|(graph, _)| Reverse(graph.nodes)),
            Sort::Edges => found.sort_by_key(|(graph, _)| Reverse(graph.edges)),
        }
        let owners = self.owners.latest();
        let conflict = |graph: &str| {
            let conflicts = &owners.as_ref()?.conflicts;
            let at = conflicts.binary_search_by(|conflict| conflict.graph.as_str().cmp(graph)).ok()?;
            Some(conflicts[at].kind)
        };
        let graphs =
            found.iter().skip(wanted.offset).take(wanted.limit.clamp(1, MAX_ROWS)).map(|(stats, shard)| {
                let owner = self.placement.owner(&stats.name);
                let elsewhere = *owner != shard.endpoint && !stats.is_empty_commons();
                Row {
                    stats: (*stats).clone(),
                    shard: shard.endpoint.to_string(),
                    belongs_to: elsewhere.then(|| owner.to_string()),
                    other_base: stats.other_base(&self.default_graph),
                    conflict: conflict(&stats.name),
                }
            });
        let all = answers.iter().flatten().flat_map(|graphs| graphs.iter());
        let base_names = BaseNames::of(all, &self.default_graph);
        let (matched, offset) = (found.len(), wanted.offset);
        Page { total, matched, offset, graphs: graphs.collect(), base_names, missing }
    }

    /// The page that a viewer wants.
    pub(super) async fn graphs(self: std::sync::Arc<Self>, wanted: Wanted) -> Result<Page, String> {
        let answers = self.all_graphs().await;
        let page = tokio::task::spawn_blocking(move || self.page_of(&wanted, &answers)).await;
        page.map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::extract::{Query, rejection::QueryRejection};

    use super::*;
    use crate::tests::gateway;

    fn graph(name: String, nodes: u64) -> GraphStats {
        let owner = Some("Ann".to_owned());
        let kind = "Agent".into();
        GraphStats {
            name,
            kind,
            owner,
            tenant: None,
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

    fn wanted(query: &str) -> Result<Wanted, QueryRejection> {
        let uri = format!("/?{query}").parse().unwrap();
        Query::try_from_uri(&uri).map(|Query(wanted)| wanted)
    }

    fn page(query: &str) -> Page {
        let gateway = gateway(&["tcp://localhost:9101", "tcp://localhost:9102"]);
        let many = (0..10_000).map(|index| graph(format!("g{index:05}"), index)).collect();
        gateway.page_of(&wanted(query).unwrap(), &[Ok(Arc::new(many)), Err("it is down".into())])
    }

    #[test]
    fn a_page_of_many_graphs_is_found_sorted_and_cut() {
        let first = page("");
        assert_eq!((first.total, first.matched, first.graphs.len()), (10_000, 10_000, 50));
        assert_eq!(first.graphs[0].stats.name, "g00000");
        assert_eq!(
            (first.missing[0].endpoint.as_str(), first.missing[0].reason.as_str()),
            ("tcp://localhost:9102", "it is down")
        );
        let found = page("search=G0999&sort=nodes&limit=3&offset=1");
        assert_eq!((found.matched, found.graphs.len()), (10, 3));
        assert_eq!(found.graphs[0].stats.name, "g09998");
        assert_eq!(page("search=ann&limit=9999").graphs.len(), MAX_ROWS);
        assert_eq!(page("limit=0").graphs.len(), 1);
        assert_eq!(page("offset=18446744073709551615").graphs.len(), 0);
    }

    #[test]
    fn what_is_not_understood_is_refused_and_named() {
        for (query, field) in [("offset=-1", "offset"), ("limit=x", "limit"), ("sort=size", "sort")] {
            let refused = wanted(query).unwrap_err();
            assert_eq!(refused.status(), 400);
            assert!(refused.body_text().contains(field), "{}", refused.body_text());
        }
        assert!(wanted("of=another&page=1").is_ok());
    }

    #[test]
    fn data_under_the_other_base_name_is_told_of_and_marked() {
        let gateway = gateway(&["tcp://localhost:9101"]);
        let names = [
            ("__commons__", 3),
            ("tenant__a____commons__", 1),
            ("tenant__b____commons__", 0),
            ("__bus__", 1),
        ];
        let graphs: Vec<_> = names.iter().map(|(name, nodes)| graph((*name).into(), *nodes)).collect();
        let page = gateway.page_of(&Wanted::default(), &[Ok(Arc::new(graphs))]);
        assert_eq!(page.base_names.default_graph, "__bus__");
        let [other] = &page.base_names.other_bases[..] else { panic!("{page:?}") };
        assert_eq!((other.base, other.graphs), ("__commons__", 2));
        let marked = page.graphs.iter().filter(|row| row.other_base.is_some());
        assert_eq!(
            marked.map(|row| &*row.stats.name).collect::<Vec<_>>(),
            ["__commons__", "tenant__a____commons__"]
        );
    }

    #[test]
    fn commons_with_content_are_marked_where_no_client_looks_and_empty_ones_are_not() {
        let gateway = gateway(&["tcp://localhost:9101", "tcp://localhost:9102"]);
        let marked = |nodes| {
            let graphs = || Ok(Arc::new(vec![graph("__commons__".into(), nodes)]));
            let page = gateway.page_of(&Wanted::default(), &[graphs(), graphs()]);
            page.graphs.iter().filter(|row| row.belongs_to.is_some()).count()
        };
        assert_eq!((marked(0), marked(1)), (0, 1));
    }

    #[test]
    fn a_graph_where_no_client_looks_is_marked() {
        let page = page("");
        let expected = gateway(&["tcp://localhost:9101", "tcp://localhost:9102"]);
        for row in &page.graphs {
            let owner = expected.placement.owner(&row.stats.name).to_string();
            assert_eq!(row.belongs_to, (owner != row.shard).then_some(owner));
        }
        assert!(page.graphs.iter().any(|row| row.belongs_to.is_some()));
    }
}
