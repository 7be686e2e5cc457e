//! What ends a conflict. Every step is one commit of one shard, so a run that is cut short leaves a conflict that the next
//! one ends, or none.

use anyhow::Result;
use epistemic_operations::hosts::{Admission, Party, Refusal};
use epistemic_operations::moves::abort;
use epistemic_router::Endpoint;
use epistemic_router::owners::{Conflict, Kind, Place};
use epistemic_storage::graph::name_aside;
use serde::Serialize;
use tokio::runtime::Runtime;

use crate::exit::{Exit, Failure};
use crate::shards::ShardArgs;

/// How a conflict ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub(super) enum Plan {
    /// One shard keeps the graph.
    Keep {
        /// Which one.
        serves: Place,
        /// Its ownership term from then on.
        term: u64,
        /// The others: each gets a signpost.
        give_way: Vec<Place>,
    },
    /// The shard that the graph left serves it again: it has the records still.
    TakeBack {
        /// Which one.
        serves: Place,
    },
    /// The copy that was to be opened is opened.
    Open {
        /// Where it is.
        serves: Place,
        /// Its ownership term from then on.
        term: u64,
    },
    /// No shard has the records. The name is free at the shard that is to serve it: restore the graph there.
    Restore {
        /// That shard.
        at: String,
        /// What holds the name there without any records.
        reserved: Option<Place>,
    },
}

/// The plan for a conflict; of two owners `keep` is the one that keeps the graph, by default the one with the newest term.
///
/// # Errors
/// [`Exit::Usage`] when there is no newest term and nobody was chosen, or one that does not serve it.
pub(super) fn plan(conflict: &Conflict, keep: Option<&Endpoint>) -> Result<Plan, Failure> {
    let usage = |what: String| Failure::new(Exit::Usage, format!("graph '{}': {what}", conflict.graph));
    match conflict.kind {
        Kind::TwoOwners => {
            let serves = match keep {
                Some(keep) => conflict
                    .owners
                    .iter()
                    .find(|owner| owner.endpoint == *keep)
                    .ok_or_else(|| usage(format!("'{keep}' does not serve it")))?,
                None => conflict.newest_owner().ok_or_else(|| {
                    usage(
                        "its owners have the same term: compare them (egctl diff) and give --keep ENDPOINT"
                            .into(),
                    )
                })?,
            };
            let give_way: Vec<Place> =
                conflict.owners.iter().filter(|owner| owner.endpoint != serves.endpoint).cloned().collect();
            let highest = give_way.iter().map(|other| other.claim.epoch).max().unwrap_or(0);
            let term = serves.claim.epoch.max(highest + 1);
            Ok(Plan::Keep { serves: serves.clone(), term, give_way })
        }
        Kind::NoOwner => {
            let none = || usage("no signpost tells where it is to be".into());
            if let Some(kept) = conflict.kept_at() {
                return Ok(Plan::TakeBack { serves: kept.clone() });
            }
            let newest = conflict.signposts.first().ok_or_else(none)?;
            let at = conflict.missing_at().ok_or_else(none)?.to_owned();
            let copy = conflict.copies.iter().find(|copy| copy.endpoint.as_str() == at).cloned();
            Ok(match copy {
                Some(copy) if copy.claim.sequence > 0 => {
                    Plan::Open { serves: copy, term: newest.claim.epoch }
                }
                reserved => Plan::Restore { at, reserved },
            })
        }
    }
}

/// Carries out plans.
pub(super) struct Steps<'s> {
    pub(super) shards: &'s ShardArgs,
    pub(super) runtime: &'s Runtime,
    /// Whether records of shards that give way are dropped.
    pub(super) drop: bool,
}

/// A graph that gave way, and the name that its records have now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Aside {
    /// The shard.
    endpoint: Endpoint,
    /// The name there; none when the records were dropped.
    kept_as: Option<String>,
}

impl Aside {
    /// In words.
    pub(super) fn told(&self) -> String {
        match &self.kept_as {
            Some(name) => format!("{} keeps what it had as {name:?}", self.endpoint),
            None => format!("{} has dropped what it had", self.endpoint),
        }
    }
}

impl Steps<'_> {
    /// Ends a conflict. On return one shard serves the graph, durably, but for [`Plan::Restore`].
    pub(super) fn carry_out(&self, conflict: &Conflict, plan: &Plan) -> Result<Vec<Aside>> {
        let graph = &conflict.graph;
        match plan {
            Plan::Keep { serves, term, give_way } => {
                let id = uuid::Uuid::new_v4().simple().to_string();
                // First the owner gets the highest term: from then on it is clear whose the graph is.
                self.hold(graph, &id, serves, give_way, *term)?;
                let give = |other: &Place| self.give_way(graph, &id, other, &serves.endpoint, *term);
                give_way.iter().map(give).collect()
            }
            Plan::TakeBack { serves } => {
                let (move_id, to) = moved(graph, serves)?;
                let (source, destination) =
                    (self.party(&serves.endpoint)?, self.party(&Endpoint::parse(to)?)?);
                abort(graph, move_id, &source, &destination, None)?;
                Ok(Vec::new())
            }
            Plan::Open { serves, term } => {
                let move_id = serves.claim.move_id.as_deref().unwrap_or_default();
                let (copy, sequence) = (Some(serves.claim.graph_id), serves.claim.sequence);
                let agreed = Admission { copy, sequence, epoch: Some(*term) };
                self.party(&serves.endpoint)?.admit(graph, move_id, &agreed)?;
                Ok(Vec::new())
            }
            Plan::Restore { reserved, .. } => {
                if let Some(reserved) = reserved {
                    let move_id = reserved.claim.move_id.as_deref().unwrap_or_default();
                    let place = self.party(&reserved.endpoint)?;
                    place.refuse(graph, move_id, Refusal::by_destination(""))?;
                }
                Ok(Vec::new())
            }
        }
    }

    fn party(&self, endpoint: &Endpoint) -> Result<impl Party + use<>> {
        Ok(self.shards.party(endpoint, self.runtime.handle())?)
    }

    fn hold(&self, graph: &str, id: &str, place: &Place, others: &[Place], term: u64) -> Result<()> {
        #[derive(Serialize)]
        struct Params<'a> {
            move_id: &'a str,
            peer: &'a str,
            graph_id: u64,
            term: u64,
        }
        let peers: Vec<&str> = others.iter().map(|other| other.endpoint.as_str()).collect();
        let params =
            Params { move_id: &move_id(id), peer: &peers.join(","), graph_id: place.claim.graph_id, term };
        self.call(&place.endpoint, graph, "OwnerHold", &params)
    }

    fn give_way(&self, graph: &str, id: &str, place: &Place, to: &Endpoint, term: u64) -> Result<Aside> {
        #[derive(Serialize)]
        struct Params<'a> {
            move_id: &'a str,
            to: &'a str,
            term: u64,
            graph_id: u64,
            #[serde(skip_serializing_if = "Option::is_none")]
            keep_as: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            sequence: Option<u64>,
        }
        let kept_as = (!self.drop).then(|| name_aside(graph, &id[..8]));
        let params = Params {
            move_id: &move_id(id),
            to: to.as_str(),
            term,
            graph_id: place.claim.graph_id,
            keep_as: kept_as.as_deref(),
            sequence: self.drop.then_some(place.claim.sequence),
        };
        self.call(&place.endpoint, graph, "OwnerGiveWay", &params)?;
        Ok(Aside { endpoint: place.endpoint.clone(), kept_as })
    }

    fn call(
        &self,
        endpoint: &Endpoint,
        graph: &str,
        method: &str,
        params: &(impl Serialize + Sync),
    ) -> Result<()> {
        self.runtime.block_on(async {
            let client = self.shards.connect(endpoint).await?;
            client.call(graph, method, params).await?;
            Ok(())
        })
    }
}

/// Names what is done with a graph, as a move is named.
fn move_id(id: &str) -> String {
    format!("owners-{id}")
}

/// The move that a signpost is of, and where it points.
fn moved<'p>(graph: &str, post: &'p Place) -> Result<(&'p str, &'p str)> {
    let claim = &post.claim;
    claim.move_id.as_deref().zip(claim.to.as_deref()).ok_or_else(|| {
        let message = format!("graph '{graph}': '{}' does not say by which move it left", post.endpoint);
        Failure::new(Exit::Failed, message).into()
    })
}

#[cfg(test)]
mod tests {
    use epistemic_router::owners::{Claim, Stands};

    use super::*;

    fn place(port: u16, standing: Stands, epoch: u64) -> Place {
        let claim = Claim {
            name: "g".into(),
            standing,
            graph_id: u64::from(port),
            epoch,
            sequence: 5,
            nodes: 1,
            edges: 0,
            changed_ms: None,
            move_id: Some("m".into()),
            to: Some("tcp://h:2".into()),
            dropped: true,
            superseded_by: None,
        };
        Place { endpoint: Endpoint::parse(&format!("tcp://h:{port}")).unwrap(), claim }
    }

    fn two(first: u64, second: u64) -> Conflict {
        let owners = vec![place(2, Stands::Served, first), place(1, Stands::Served, second)];
        Conflict {
            graph: "g".into(),
            kind: Kind::TwoOwners,
            owners,
            signposts: Vec::new(),
            copies: Vec::new(),
        }
    }

    fn none(post: Place, copies: Vec<Place>) -> Conflict {
        let (graph, kind) = ("g".into(), Kind::NoOwner);
        Conflict { graph, kind, owners: Vec::new(), signposts: vec![post], copies }
    }

    #[test]
    fn the_newest_term_keeps_the_graph_unless_another_is_chosen() {
        let [newer, older] = two(3, 1).owners.try_into().unwrap();
        let give_way = vec![older.clone()];
        let expected = Plan::Keep { serves: newer.clone(), term: 3, give_way };
        assert_eq!(plan(&two(3, 1), None).unwrap(), expected);
        let expected = Plan::Keep { serves: older.clone(), term: 4, give_way: vec![newer] };
        assert_eq!(plan(&two(3, 1), Some(&older.endpoint)).unwrap(), expected);
        assert!(plan(&two(2, 2), None).is_err());
        assert!(matches!(plan(&two(2, 2), Some(&older.endpoint)), Ok(Plan::Keep { term: 3, .. })));
        let stranger = Endpoint::parse("tcp://h:9").unwrap();
        assert!(plan(&two(3, 1), Some(&stranger)).is_err());
    }

    #[test]
    fn what_nobody_serves_comes_from_where_its_records_are() {
        let post = |dropped| {
            let post = place(1, Stands::Moved, 4);
            Place { claim: Claim { dropped, ..post.claim.clone() }, ..post }
        };
        assert_eq!(
            plan(&none(post(false), Vec::new()), None).unwrap(),
            Plan::TakeBack { serves: post(false) }
        );
        let copy = place(2, Stands::Arriving, 0);
        let found = plan(&none(post(true), vec![copy.clone()]), None).unwrap();
        assert_eq!(found, Plan::Open { serves: copy.clone(), term: 4 });
        let at = "tcp://h:2".to_owned();
        let found = plan(&none(post(true), Vec::new()), None).unwrap();
        assert_eq!(found, Plan::Restore { at: at.clone(), reserved: None });
        let name_only = Place { claim: Claim { sequence: 0, ..copy.claim.clone() }, ..copy };
        let found = plan(&none(post(true), vec![name_only.clone()]), None).unwrap();
        assert_eq!(found, Plan::Restore { at, reserved: Some(name_only) });
    }
}
