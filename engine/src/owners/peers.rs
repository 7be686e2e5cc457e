//! The other shards: what they said when they were last asked, and what follows from it here.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use epistemic_protocol::{ErrorCode, placement::Endpoint};
use epistemic_router::{
    ClientTls, ConfigError, ConnectOptions, MinAuth, Secret,
    owners::{Conflict, Kind, Scope, Survey, Unasked, survey},
    tls_from,
};
use epistemic_storage::{GraphStore, clock, graph::Superseded};
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::claims::Own;
use crate::{config::AuthChoice, metrics::Metrics, ownership::Ownership};

/// For a connection to another shard, and for each of its answers.
const CONNECT: Duration = Duration::from_secs(2);
const ANSWER: Duration = Duration::from_secs(10);
/// Conflicts that are told one by one: in the log each time, and in `ShardStatus`.
const TOLD: usize = 20;

/// The shards of the list that this one was told, itself included.
pub(crate) struct Peers {
    own: Endpoint,
    all: Vec<Endpoint>,
    secret: Secret,
    tls: Option<ClientTls>,
    min_auth: MinAuth,
    state: Mutex<State>,
}

/// What is known.
#[derive(Default)]
struct State {
    /// When the others were asked last, Unix milliseconds.
    checked_ms: Option<u64>,
    /// Those that concern this shard, by name.
    conflicts: Vec<Conflict>,
    unasked: Vec<Unasked>,
    /// Graphs that are kept from clients here, and the shards that serve them.
    superseded: HashMap<String, Endpoint>,
}

impl State {
    /// Conflicts of one kind.
    fn count(&self, kind: Kind) -> usize {
        self.conflicts.iter().filter(|conflict| conflict.kind == kind).count()
    }
}

impl Peers {
    /// The others in the list of a shard that knows its own place; none when it is alone. They are reached as the environment
    /// says, like by any client.
    ///
    /// # Errors
    /// As [`tls_from`].
    pub(crate) fn of(ownership: Option<&Ownership>, auth: &AuthChoice) -> Result<Option<Self>, ConfigError> {
        let Some((own, all)) = ownership.map(Ownership::places).filter(|(_, all)| all.len() > 1) else {
            return Ok(None);
        };
        let variable = |name: &str| std::env::var(name).ok();
        let (tls, min_auth) = (tls_from(variable)?, MinAuth::resolve(variable)?);
        let secret = match auth {
            AuthChoice::Secret(secret) => Secret::with_claims(secret).unwrap_or_else(|error| {
                tracing::warn!(%error, "requests to other shards are not signed");
                Secret::new(secret)
            }),
            AuthChoice::Keys => {
                tracing::warn!("shards cannot ask each other who serves what: that takes the shared secret");
                Secret::none()
            }
            AuthChoice::Insecure => Secret::none(),
        };
        Ok(Some(Self { own: own.clone(), all: all.to_vec(), secret, tls, min_auth, state: Mutex::default() }))
    }

    /// Asks the others once, as an identity that may list names; takes in what they say.
    pub(super) async fn ask(&self, system: Option<String>, graphs: &GraphStore, metrics: &Metrics) {
        let options = ConnectOptions {
            connect_timeout: CONNECT,
            deadline: ANSWER,
            agent_id: system,
            tls: self.tls.clone(),
            min_auth: self.min_auth,
            ..ConnectOptions::default()
        };
        let own = Own(graphs);
        let found = survey(&self.all, Some((&self.own, &own)), &self.secret, &options, Scope::Moved).await;
        self.take_in(graphs, found);
        self.show(metrics);
    }

    fn take_in(&self, graphs: &GraphStore, found: Survey) {
        let Survey { mut conflicts, unasked } = found;
        conflicts.retain(|conflict| conflict.concerns(&self.own));
        let mut state = self.state.lock();
        let now: HashSet<String> = conflicts.iter().map(|conflict| conflict.graph.clone()).collect();
        // Of a shard that does not answer what it said before is the best there is.
        let silent = |conflict: &Conflict| unasked.iter().any(|silent| conflict.concerns(&silent.endpoint));
        let before = std::mem::take(&mut state.conflicts);
        let known: HashSet<String> = before.iter().map(|conflict| conflict.graph.clone()).collect();
        conflicts.extend(before.into_iter().filter(|known| !now.contains(&known.graph) && silent(known)));
        let mut superseded = HashMap::new();
        for conflict in &conflicts {
            let Some(newest) = conflict.newest_owner().filter(|newest| newest.endpoint != self.own) else {
                continue;
            };
            let Ok(graph) = graphs.graph_in_any_state(&conflict.graph) else { continue };
            let (by, epoch) = (newest.endpoint.to_string(), newest.claim.epoch);
            graph.supersede(Some(Superseded { by, epoch }));
            superseded.insert(conflict.graph.clone(), newest.endpoint.clone());
        }
        for name in state.superseded.keys().filter(|name| !superseded.contains_key(*name)) {
            let Ok(graph) = graphs.graph_in_any_state(name) else { continue };
            graph.supersede(None);
            if graph.served().is_ok() {
                tracing::info!(
                    graph = name,
                    "no other shard serves it by a higher term any more: it is served here"
                );
            }
        }
        tell(&conflicts, &known);
        *state = State { checked_ms: Some(clock::unix_ms()), conflicts, unasked, superseded };
    }

    /// Brings the series up to date. Before the first answers nobody was asked.
    pub(super) fn show(&self, metrics: &Metrics) {
        let state = self.state.lock();
        for kind in Kind::ALL {
            metrics.ownership_conflicts(kind.name(), state.count(kind));
        }
        let unchecked = if state.checked_ms.is_some() { state.unasked.len() } else { self.all.len() - 1 };
        metrics.ownership_unchecked(unchecked);
    }

    /// The shards that did not answer when they were asked last.
    pub(super) fn unasked(&self) -> Vec<Unasked> {
        self.state.lock().unasked.clone()
    }

    /// Whether all answered, and nothing was found.
    pub(super) fn is_settled(&self) -> bool {
        let state = self.state.lock();
        state.checked_ms.is_some() && state.unasked.is_empty() && state.conflicts.is_empty()
    }

    /// Whether anything was found.
    pub(super) fn has_conflicts(&self) -> bool {
        !self.state.lock().conflicts.is_empty()
    }

    /// Whether a graph may be created under the name: not while one of that name was handed over to this shard and is
    /// missing.
    ///
    /// # Errors
    /// What its creator is told.
    pub(crate) fn may_create(&self, graph: &str) -> Result<(), String> {
        let state = self.state.lock();
        let missing = state
            .conflicts
            .iter()
            .find(|conflict| conflict.graph == graph && conflict.missing_at() == Some(self.own.as_str()));
        let Some(from) = missing.and_then(|conflict| conflict.signposts.first()) else { return Ok(()) };
        let code = ErrorCode::GraphMissing;
        Err(format!(
            "{code}: graph '{graph}' moved here from '{}' and is not here any more: this shard was set back to an earlier \
             state; nothing was created. Restore it, or give it up, with egctl owners ({code:#})",
            from.endpoint
        ))
    }

    /// For `ShardStatus`.
    pub(crate) fn status(&self) -> Value {
        let state = self.state.lock();
        json!({
            "checked_ms": state.checked_ms,
            "unchecked": state.unasked,
            "two_owners": state.count(Kind::TwoOwners),
            "no_owner": state.count(Kind::NoOwner),
            "graphs": state.conflicts.iter().take(TOLD).map(|conflict| &conflict.graph).collect::<Vec<_>>(),
        })
    }
}

/// Logs the conflicts that were not known before.
fn tell(conflicts: &[Conflict], known: &HashSet<String>) {
    let mut new = conflicts.iter().filter(|conflict| !known.contains(&conflict.graph));
    for conflict in new.by_ref().take(TOLD) {
        let (graph, owners) = (&conflict.graph, places(conflict));
        match conflict.kind {
            Kind::TwoOwners => tracing::warn!(
                graph,
                owners,
                "two shards serve a graph, one was set back to an earlier state: egctl owners resolve \
                 (docs/errors/moved.md)"
            ),
            Kind::NoOwner => tracing::warn!(
                graph,
                missing_at = conflict.missing_at(),
                "no shard serves a graph, the one it moved to was set back to an earlier state: egctl owners resolve \
                 (docs/errors/graph-missing.md)"
            ),
        }
    }
    let more = new.count();
    if more > 0 {
        tracing::warn!(more, "and further graphs have two owners or none: egctl owners check lists them");
    }
}

fn places(conflict: &Conflict) -> String {
    let place = |place: &epistemic_router::owners::Place| {
        format!("{} (term {}, sequence {})", place.endpoint, place.claim.epoch, place.claim.sequence)
    };
    conflict.owners.iter().map(place).collect::<Vec<_>>().join(", ")
}
