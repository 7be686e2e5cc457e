//! Asking all shards who serves what.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use epistemic_protocol::placement::{COMMONS, Endpoint};
use futures_util::future::join_all;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::time::sleep;

use super::claim::Claim;
use super::conflict::{Conflict, conflicts};
use crate::client::{Client, ConnectOptions};
use crate::secret::Secret;

/// Names in one question or answer.
const MAX_NAMES: usize = 1_000;
/// Bytes of names in one question.
const MAX_BYTES: usize = 1 << 20;
/// Between the two looks at what seems to be a conflict: longer than the steps of a move are apart.
const BETWEEN_LOOKS: Duration = Duration::from_millis(300);

/// Which names are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Those that a move, a hand-over or a restore has touched at one shard at least. Cheap.
    Moved,
    /// All. Also finds graphs that were created twice.
    All,
}

/// The parameters of `GraphOwners`.
#[derive(Debug, Default, Clone, Serialize)]
pub struct Asked<'a> {
    /// These names; without it, names in their order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub names: Option<&'a [String]>,
    /// Of all: those behind this name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<&'a str>,
    /// Of all: also those that no move has touched.
    pub all: bool,
}

/// The answer of `GraphOwners`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Page {
    /// There are more names behind the last one.
    pub more: bool,
    /// What the shard says of each name that it has.
    pub graphs: Vec<Claim>,
}

/// A shard in this process. Its methods may block for a moment.
pub trait Local: Sync {
    /// Answers `GraphOwners`.
    ///
    /// # Errors
    /// The words of the failure.
    fn page(&self, asked: &Asked<'_>) -> Result<Page, String>;
    /// Those of these moves by which this shard remembers to have come to serve a graph: it arrived, or was taken back when
    /// the move was given up.
    ///
    /// # Errors
    /// The words of the failure.
    fn admitted(&self, move_ids: &[String]) -> Result<Vec<String>, String>;
}

/// What the shards say together.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Survey {
    /// Names that two shards serve, or none, by name.
    pub conflicts: Vec<Conflict>,
    /// Shards that did not answer: what they have is not in this.
    pub unasked: Vec<Unasked>,
}

/// A shard that did not answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unasked {
    /// Which one.
    pub endpoint: Endpoint,
    /// Why.
    pub reason: String,
}

/// Asks the shards at `endpoints`, all at once, who serves what; `local` is the one of them that is in this process. A
/// conflict counts only if it is found twice with the same graphs, a moment apart. Takes no longer than the slowest shard, by
/// `options`. Must run on a tokio runtime.
pub async fn survey(
    endpoints: &[Endpoint],
    local: Option<(&Endpoint, &dyn Local)>,
    secret: &Secret,
    options: &ConnectOptions,
    scope: Scope,
) -> Survey {
    let connect = |endpoint: &Endpoint| {
        let (endpoint, options) = (endpoint.clone(), options.clone());
        async move {
            let way = match local.filter(|(own, _)| **own == endpoint) {
                Some((_, local)) => Ok(Way::Here(local)),
                None => Client::connect(&endpoint, secret, options).await.map(Way::There),
            };
            Shard { endpoint, way: way.map_err(|error| error.to_string()), claims: Vec::new() }
        }
    };
    let mut shards = join_all(endpoints.iter().map(connect)).await;
    join_all(shards.iter_mut().map(|shard| shard.list(scope == Scope::All))).await;
    if scope == Scope::Moved {
        let names: BTreeSet<String> =
            shards.iter().flat_map(|shard| &shard.claims).map(|claim| claim.name.clone()).collect();
        join_all(shards.iter_mut().map(|shard| shard.add(&names))).await;
    }
    let first = found(&shards);
    let confirmed = if first.is_empty() { first } else { confirm(&mut shards, &first).await };
    let unasked = shards
        .into_iter()
        .filter_map(|shard| Some(Unasked { reason: shard.way.err()?, endpoint: shard.endpoint }));
    Survey { conflicts: confirmed, unasked: unasked.collect() }
}

/// Those of `first` that are there a moment later, and that no client has brought about.
async fn confirm(shards: &mut [Shard<'_>], first: &[Conflict]) -> Vec<Conflict> {
    sleep(BETWEEN_LOOKS).await;
    let names = first.iter().map(|conflict| conflict.graph.clone()).collect();
    let look = |shard: &mut Shard<'_>| shard.claims.clear();
    shards.iter_mut().for_each(look);
    join_all(shards.iter_mut().map(|shard| shard.add(&names))).await;
    let mut second = found(shards);
    second.retain(|conflict| first.iter().any(|before| before.is_still(conflict)));
    let mut deleted: HashSet<String> = HashSet::new();
    for shard in shards {
        let missing = second.iter().filter(|conflict| conflict.missing_at() == Some(shard.endpoint.as_str()));
        let moves: Vec<String> =
            missing.filter_map(|conflict| conflict.signposts.first()?.claim.move_id.clone()).collect();
        if !moves.is_empty() {
            deleted.extend(shard.admitted(&moves).await);
        }
    }
    // It was served there, and is remembered: clients have deleted it since.
    second.retain(|conflict| {
        let by = conflict.signposts.first().and_then(|post| post.claim.move_id.as_ref());
        conflict.missing_at().is_none() || by.is_none_or(|move_id| !deleted.contains(move_id))
    });
    second
}

fn found(shards: &[Shard<'_>]) -> Vec<Conflict> {
    let answer =
        |shard: &Shard<'_>| (shard.endpoint.clone(), shard.way.is_ok().then(|| shard.claims.clone()));
    conflicts(&shards.iter().map(answer).collect::<Vec<_>>())
}

/// How a shard is asked.
enum Way<'s> {
    Here(&'s dyn Local),
    There(Client),
}

/// A shard, and what it has said so far.
struct Shard<'s> {
    endpoint: Endpoint,
    /// Why it does not answer, from the first failure on.
    way: Result<Way<'s>, String>,
    claims: Vec<Claim>,
}

impl Shard<'_> {
    /// Asks for the names in their order.
    async fn list(&mut self, all: bool) {
        let mut after: Option<String> = None;
        loop {
            let page = self.page(&Asked { names: None, after: after.as_deref(), all }).await;
            let Some(Page { more, graphs }) = page else { return };
            let last = graphs.last().map(|claim| claim.name.clone());
            self.claims.extend(graphs);
            if !more {
                return;
            }
            if last <= after {
                let reason = "it lists its graphs and comes no further".to_owned();
                return self.fail(reason);
            }
            after = last;
        }
    }

    /// Asks for those of the names that it has not spoken of yet.
    async fn add(&mut self, names: &BTreeSet<String>) {
        let known: HashSet<&str> = self.claims.iter().map(|claim| claim.name.as_str()).collect();
        let wanted: Vec<String> =
            names.iter().filter(|name| !known.contains(name.as_str())).cloned().collect();
        for names in batches(&wanted) {
            let page = self.page(&Asked { names: Some(names), ..Asked::default() }).await;
            let Some(page) = page else { return };
            self.claims.extend(page.graphs);
        }
    }

    async fn page(&mut self, asked: &Asked<'_>) -> Option<Page> {
        let page = match &self.way {
            Ok(Way::Here(local)) => local.page(asked),
            Ok(Way::There(client)) => call(client, "GraphOwners", asked).await,
            Err(_) => return None,
        };
        page.map_err(|reason| self.fail(reason)).ok()
    }

    async fn admitted(&mut self, move_ids: &[String]) -> Vec<String> {
        #[derive(Serialize)]
        struct Params<'a> {
            move_ids: &'a [String],
        }
        #[derive(Deserialize)]
        struct Row {
            move_id: String,
            role: String,
            outcome: String,
        }
        let serves =
            |row: &Row| matches!((&*row.role, &*row.outcome), (_, "admitted") | ("source", "refused"));
        let mut admitted = Vec::new();
        for move_ids in batches(move_ids) {
            let rows = match &self.way {
                Ok(Way::Here(local)) => local.admitted(move_ids),
                Ok(Way::There(client)) => {
                    let rows = call::<Vec<Row>, _>(client, "MoveOutcomes", &Params { move_ids }).await;
                    rows.map(|rows| rows.into_iter().filter(serves).map(|row| row.move_id).collect())
                }
                Err(_) => return admitted,
            };
            match rows {
                Ok(rows) => admitted.extend(rows),
                Err(reason) => self.fail(reason),
            }
        }
        admitted
    }

    fn fail(&mut self, reason: String) {
        self.way = Err(reason);
    }
}

async fn call<T: DeserializeOwned, P: Serialize + Sync>(
    client: &Client,
    method: &str,
    params: &P,
) -> Result<T, String> {
    let result = client.call_raw(COMMONS, method, params).await.map_err(|error| error.to_string())?;
    rmp_serde::from_slice(&result)
        .map_err(|error| format!("the result of {method} is not understood: {error}"))
}

/// Cuts names into questions.
fn batches(names: &[String]) -> impl Iterator<Item = &[String]> {
    let mut rest = names;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fit = rest.iter().take(MAX_NAMES).take_while(|name| {
            bytes += name.len();
            bytes <= MAX_BYTES
        });
        let count = fit.count().max(1).min(rest.len());
        let (batch, behind) = rest.split_at(count);
        rest = behind;
        (!batch.is_empty()).then_some(batch)
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::owners::{Kind, Stands};

    /// A shard that says what it is told to, and another thing from the second question on.
    struct Told {
        claims: Vec<Vec<Claim>>,
        admitted: Vec<String>,
        asked: AtomicUsize,
    }

    impl Local for Told {
        fn page(&self, asked: &Asked<'_>) -> Result<Page, String> {
            let turn = self.asked.fetch_add(1, Ordering::Relaxed).min(self.claims.len() - 1);
            let mut graphs = self.claims[turn].clone();
            graphs.retain(|claim| asked.names.is_none_or(|names| names.contains(&claim.name)));
            Ok(Page { more: false, graphs })
        }

        fn admitted(&self, move_ids: &[String]) -> Result<Vec<String>, String> {
            Ok(self.admitted.iter().filter(|id| move_ids.contains(id)).cloned().collect())
        }
    }

    fn post(move_id: &str, to: &str) -> Claim {
        Claim {
            name: "g".into(),
            standing: Stands::Moved,
            graph_id: 1,
            epoch: 1,
            sequence: 0,
            nodes: 0,
            edges: 0,
            changed_ms: None,
            move_id: Some(move_id.into()),
            to: Some(to.into()),
            dropped: true,
            superseded_by: None,
        }
    }

    async fn alone(claims: Vec<Vec<Claim>>, admitted: &[&str]) -> Survey {
        let own = Endpoint::parse("tcp://localhost:9").unwrap();
        let admitted = admitted.iter().map(|id| (*id).to_owned()).collect();
        let told = Told { claims, admitted, asked: AtomicUsize::new(0) };
        let (secret, options) = (Secret::none(), ConnectOptions::default());
        let local: (&Endpoint, &dyn Local) = (&own, &told);
        survey(std::slice::from_ref(&own), Some(local), &secret, &options, Scope::All).await
    }

    #[tokio::test(start_paused = true)]
    async fn a_conflict_counts_when_it_is_there_twice_and_no_client_made_it() {
        let nowhere = post("m", "tcp://localhost:9");
        let found = alone(vec![vec![nowhere.clone()]], &[]).await;
        assert_eq!(found.conflicts.iter().map(|conflict| conflict.kind).collect::<Vec<_>>(), [Kind::NoOwner]);
        let passing = alone(vec![vec![nowhere.clone()], Vec::new()], &[]).await;
        assert_eq!(passing.conflicts, []);
        let deleted = alone(vec![vec![nowhere]], &["m"]).await;
        assert_eq!((deleted.conflicts, deleted.unasked), (Vec::new(), Vec::new()));
    }

    #[test]
    fn questions_have_all_names_and_are_bounded() {
        let names: Vec<String> = (0..2_500).map(|n| format!("{n}{}", "x".repeat(n))).collect();
        let cut: Vec<_> = batches(&names).collect();
        assert_eq!(cut.concat(), names);
        let bytes = |batch: &&[String]| batch.iter().map(String::len).sum::<usize>();
        assert!(cut.iter().all(|batch| batch.len() <= MAX_NAMES && bytes(batch) <= MAX_BYTES));
        assert_eq!(batches(&[]).count(), 0);
        assert_eq!(batches(&["x".repeat(MAX_BYTES + 1)]).count(), 1);
    }
}
