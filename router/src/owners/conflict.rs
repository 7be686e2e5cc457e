//! What the claims of all shards come to.

use std::{cmp::Reverse, collections::BTreeMap, fmt};

use epistemic_protocol::placement::{COMMONS, Endpoint};
use serde::Serialize;

use super::claim::{Claim, Place, Stands};

/// How many shards serve a name, where it is not one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Two or more.
    TwoOwners,
    /// None, although it was handed over to one.
    NoOwner,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 2] = [Self::TwoOwners, Self::NoOwner];

    /// The name in JSON and in labels of metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::TwoOwners => "two_owners",
            Self::NoOwner => "no_owner",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TwoOwners => "two owners",
            Self::NoOwner => "no owner",
        })
    }
}

/// A name that two shards serve, or none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Conflict {
    /// Exact name.
    pub graph: String,
    /// How many serve it.
    pub kind: Kind,
    /// Those that serve it, the highest ownership term first.
    pub owners: Vec<Place>,
    /// The signposts to it, the highest term first.
    pub signposts: Vec<Place>,
    /// The copies of it that arrive somewhere.
    pub copies: Vec<Place>,
}

impl Conflict {
    /// The owner by the highest term, when no other has the same.
    #[must_use]
    pub fn newest_owner(&self) -> Option<&Place> {
        let [first, second, ..] = self.owners.as_slice() else { return None };
        (first.claim.epoch > second.claim.epoch).then_some(first)
    }

    /// The shard that was to serve a name that none does, by the newest signpost.
    #[must_use]
    pub fn missing_at(&self) -> Option<&str> {
        match self.kind {
            Kind::NoOwner => self.signposts.first()?.claim.to.as_deref(),
            Kind::TwoOwners => None,
        }
    }

    /// The signpost whose shard has the records still, of a name that nobody serves.
    #[must_use]
    pub fn kept_at(&self) -> Option<&Place> {
        match self.kind {
            Kind::NoOwner => self.signposts.first().filter(|post| !post.claim.dropped),
            Kind::TwoOwners => None,
        }
    }

    /// Whether the shard is one of its owners or signposts, or was to serve it.
    #[must_use]
    pub fn concerns(&self, endpoint: &Endpoint) -> bool {
        let mut places = self.owners.iter().chain(&self.signposts);
        places.any(|place| place.endpoint == *endpoint) || self.missing_at() == Some(endpoint.as_str())
    }

    /// Whether `later` is the same one: of the same graphs by the same terms. What a move has changed is another one.
    pub(super) fn is_still(&self, later: &Self) -> bool {
        let served = |conflict: &Self| -> Vec<_> {
            let key = |place: &Place| (place.endpoint.clone(), place.claim.graph_id, place.claim.epoch);
            conflict.owners.iter().map(key).collect()
        };
        let moved = |conflict: &Self| conflict.signposts.first().and_then(|post| post.claim.move_id.clone());
        self.kind == later.kind && served(self) == served(later) && moved(self) == moved(later)
    }
}

/// What shards answered; those that did not have no claims.
pub(super) type Answers = [(Endpoint, Option<Vec<Claim>>)];

/// The conflicts among the claims, by name.
pub(super) fn conflicts(answers: &Answers) -> Vec<Conflict> {
    let mut names: BTreeMap<&str, Vec<(&Endpoint, &Claim)>> = BTreeMap::new();
    for (endpoint, claims) in answers {
        for claim in claims.iter().flatten() {
            names.entry(&claim.name).or_default().push((endpoint, claim));
        }
    }
    if let Some(claims) = names.get_mut(COMMONS) {
        leave_out_stand_ins(claims);
    }
    names.into_iter().filter_map(|(graph, claims)| judge(graph, &claims, answers)).collect()
}

/// Leaves out the empty `__commons__` that every shard has; not the one to which the newest signpost leads, whose clients may
/// have emptied it.
fn leave_out_stand_ins(claims: &mut Vec<(&Endpoint, &Claim)>) {
    let posts = claims.iter().filter(|(_, claim)| claim.standing == Stands::Moved);
    let newest = posts.map(|(_, claim)| claim.epoch).max();
    claims.retain(|(_, claim)| {
        let is_empty = claim.standing == Stands::Served && claim.nodes == 0 && claim.edges == 0;
        !is_empty || newest.is_some_and(|newest| claim.epoch >= newest)
    });
}

fn judge(graph: &str, claims: &[(&Endpoint, &Claim)], answers: &Answers) -> Option<Conflict> {
    let places = |standing: Stands| -> Vec<Place> {
        let found = claims.iter().filter(|(_, claim)| claim.standing == standing);
        let place = |(endpoint, claim): &(&Endpoint, &Claim)| Place {
            endpoint: (*endpoint).clone(),
            claim: (*claim).clone(),
        };
        let mut places: Vec<_> = found.map(place).collect();
        places.sort_by_key(|place| Reverse(place.claim.epoch));
        places
    };
    let (owners, signposts, copies) =
        (places(Stands::Served), places(Stands::Moved), places(Stands::Arriving));
    let kind = match owners.len() {
        0 if leads_nowhere(signposts.first()?, claims, answers) => Kind::NoOwner,
        0 | 1 => return None,
        _ => Kind::TwoOwners,
    };
    Some(Conflict { graph: graph.to_owned(), kind, owners, signposts, copies })
}

/// Whether the shard that the newest signpost names has nothing of the graph, not even a copy that is still to be opened. A
/// shard that did not answer, or is not among those asked, may have it.
fn leads_nowhere(newest: &Place, claims: &[(&Endpoint, &Claim)], answers: &Answers) -> bool {
    let Some(to) = newest.claim.to.as_deref() else { return false };
    let answered = answers.iter().any(|(endpoint, claims)| endpoint.as_str() == to && claims.is_some());
    let there = claims.iter().find(|(endpoint, _)| endpoint.as_str() == to).map(|(_, claim)| *claim);
    answered
        && there.is_none_or(|there| match there.standing {
            Stands::Served => false,
            // Records are dropped behind the proof that the graph is served there: a copy that still arrives by this very
            // move is of before.
            Stands::Arriving => newest.claim.dropped && there.move_id == newest.claim.move_id,
            Stands::Moved => true,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(port: u16) -> Endpoint {
        Endpoint::parse(&format!("tcp://h:{port}")).unwrap()
    }

    fn claim(standing: Stands, epoch: u64) -> Claim {
        let (graph_id, sequence, nodes, edges) = (7, 3, 2, 1);
        let name = "g".to_owned();
        Claim {
            name,
            standing,
            graph_id,
            epoch,
            sequence,
            nodes,
            edges,
            changed_ms: None,
            move_id: None,
            to: None,
            dropped: false,
            superseded_by: None,
        }
    }

    fn served(epoch: u64) -> Option<Claim> {
        Some(claim(Stands::Served, epoch))
    }

    fn moved(move_id: &str, to: u16, epoch: u64, dropped: bool) -> Option<Claim> {
        let (move_id, to) = (Some(move_id.to_owned()), Some(endpoint(to).to_string()));
        Some(Claim { move_id, to, dropped, ..claim(Stands::Moved, epoch) })
    }

    fn arriving(move_id: &str) -> Option<Claim> {
        Some(Claim { move_id: Some(move_id.to_owned()), ..claim(Stands::Arriving, 0) })
    }

    /// The shards 1, 2, ... with one claim each.
    fn tier<const N: usize>(claims: [Option<Claim>; N]) -> Vec<(Endpoint, Option<Vec<Claim>>)> {
        let shards = claims.into_iter().zip(1..);
        shards.map(|(claim, port)| (endpoint(port), Some(claim.into_iter().collect()))).collect()
    }

    fn kind(answers: &Answers) -> Option<Kind> {
        conflicts(answers).first().map(|conflict| conflict.kind)
    }

    #[test]
    fn a_move_is_no_conflict_at_any_of_its_steps() {
        for [source, destination] in [
            [served(0), None],
            [served(0), arriving("m")],
            [moved("m", 2, 1, false), arriving("m")],
            [moved("m", 2, 1, false), served(1)],
            [moved("m", 2, 1, true), served(1)],
            [served(2), None],
        ] {
            let answers = tier([source, destination]);
            assert_eq!(conflicts(&answers), [], "{answers:?}");
        }
        // On to a third one, and back again.
        assert_eq!(kind(&tier([moved("m", 2, 1, true), moved("n", 3, 2, true), served(2)])), None);
        assert_eq!(kind(&tier([served(2), moved("n", 1, 2, true)])), None);
        // It was given up, and another one has begun.
        assert_eq!(kind(&tier([moved("m", 2, 1, true), arriving("other")])), None);
    }

    #[test]
    fn a_source_that_was_set_back_makes_two_owners() {
        let found = conflicts(&tier([served(0), served(1), moved("x", 1, 0, true)]));
        let [conflict] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(
            (conflict.kind, conflict.newest_owner().unwrap().endpoint.clone()),
            (Kind::TwoOwners, endpoint(2))
        );
        assert!((1..4).all(|port| conflict.concerns(&endpoint(port))) && !conflict.concerns(&endpoint(4)));
        assert_eq!(conflict.missing_at(), None);
        let equal = conflicts(&tier([served(1), served(1)]));
        assert_eq!(equal[0].newest_owner(), None);
    }

    #[test]
    fn commons_with_content_have_one_owner_and_empty_ones_are_nobody_s() {
        let commons = |claim: Option<Claim>| claim.map(|claim| Claim { name: COMMONS.into(), ..claim });
        let empty = |epoch| commons(served(epoch)).map(|claim| Claim { nodes: 0, edges: 0, ..claim });
        let full = |epoch| commons(served(epoch));
        let post = |to, epoch| commons(moved("m", to, epoch, true));
        assert_eq!(kind(&tier([empty(0), full(0), empty(0)])), None);
        assert_eq!(kind(&tier([full(0), full(0)])), Some(Kind::TwoOwners));
        assert_eq!(kind(&tier([post(2, 1), full(1), empty(0)])), None);
        // Its clients emptied it there.
        assert_eq!(kind(&tier([post(2, 1), empty(1), empty(0)])), None);
        // The destination was set back to before the move.
        let found = conflicts(&tier([post(2, 1), empty(0), empty(0)]));
        assert_eq!((found[0].kind, found[0].missing_at()), (Kind::NoOwner, Some("tcp://h:2")));
        assert_eq!(kind(&tier([full(0), full(1), empty(0)])), Some(Kind::TwoOwners));
    }

    #[test]
    fn a_destination_that_was_set_back_leaves_none() {
        for there in [None, arriving("m"), moved("old", 1, 0, true)] {
            let answers = tier([moved("m", 2, 1, true), there]);
            let found = conflicts(&answers);
            assert_eq!(found.len(), 1, "{answers:?}");
            assert_eq!((found[0].kind, found[0].missing_at()), (Kind::NoOwner, Some("tcp://h:2")));
            assert!(found[0].concerns(&endpoint(2)) && found[0].kept_at().is_none());
        }
        let kept = conflicts(&tier([moved("m", 2, 1, false), None]));
        assert_eq!(kept[0].kept_at().unwrap().endpoint, endpoint(1));
        // The newest signpost counts: there and back again, and the source set back to between.
        let found = conflicts(&tier([moved("m", 2, 1, true), moved("n", 1, 2, true)]));
        assert_eq!(found[0].missing_at(), Some("tcp://h:1"));
    }

    #[test]
    fn who_did_not_answer_or_is_not_asked_may_have_it() {
        let silent =
            |claim: Option<Claim>| vec![(endpoint(1), Some(vec![claim.unwrap()])), (endpoint(2), None)];
        assert_eq!(conflicts(&silent(moved("m", 2, 1, true))), []);
        assert_eq!(conflicts(&silent(served(0))), []);
        assert_eq!(conflicts(&tier([moved("m", 9, 1, true), None])), []);
    }

    #[test]
    fn what_a_move_has_changed_meanwhile_is_not_the_same_conflict() {
        let before = &conflicts(&tier([served(0), served(1)]))[0];
        assert!(before.is_still(before));
        assert!(!before.is_still(&conflicts(&tier([served(2), served(1)]))[0]));
        let none = &conflicts(&tier([moved("m", 2, 1, true), None]))[0];
        assert!(none.is_still(none) && !none.is_still(before));
        assert!(!none.is_still(&conflicts(&tier([moved("n", 2, 3, true), None]))[0]));
    }
}
