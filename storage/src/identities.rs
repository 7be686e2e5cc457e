//! Identities: who an agent is to access control. Kept in memory and in the catalog, read by one scan at start.

use std::{
    collections::HashMap,
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use parking_lot::{Mutex, RwLock};
use serde::{Deserialize, Serialize};

use crate::{
    batch::WriteBatch,
    clock,
    error::{Result, StoreError},
    graph::{GraphError, GraphStore, Room},
    keys,
    limits::{self, MAX_IDENTITIES, MAX_NAMES, MAX_RELATIONS, OverLimit, name_bytes},
    space::Space,
    store::{Durability, Read, ScanOptions},
};

/// What an agent may do beyond what it owns. The order is that of the protocol's errors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// Everything.
    System,
    /// What its subordinates may do with the graphs they own, and writing the graphs of its teams.
    Manager {
        /// Agents whose graphs it may use.
        subordinates: Vec<String>,
    },
    /// Reading the graphs of its teams.
    Agent,
}

impl Role {
    /// The name on the wire.
    pub fn name(&self) -> &'static str {
        match self {
            Role::System => "System",
            Role::Manager { .. } => "Manager",
            Role::Agent => "Agent",
        }
    }
}

/// A registered agent, a MessagePack map in the store so that fields can be added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Its role.
    pub role: Role,
    /// Its teams.
    pub teams: Vec<String>,
    /// When it was registered last, Unix milliseconds.
    pub registered_ms: u64,
}

impl Identity {
    /// An agent registered now.
    pub fn new(role: Role, teams: Vec<String>) -> Self {
        Self { role, teams, registered_ms: clock::unix_ms() }
    }

    /// Whether its role is [`Role::System`].
    pub fn is_system(&self) -> bool {
        self.role == Role::System
    }

    /// What the names in it count, that of the agent too.
    pub(crate) fn names(&self, agent: &str) -> usize {
        let names = self.teams.iter().chain(self.subordinates());
        name_bytes(agent) + names.map(|name| name_bytes(name)).sum::<usize>()
    }

    pub(crate) fn subordinates(&self) -> &[String] {
        match &self.role {
            Role::Manager { subordinates } => subordinates,
            Role::System | Role::Agent => &[],
        }
    }

    fn check_limits(&self) -> Result<(), OverLimit> {
        let relations =
            [("subordinates", "subordinate", self.subordinates()), ("teams", "team", &self.teams)];
        for (of, one, names) in relations {
            limits::check_count(of, names.len(), MAX_RELATIONS)?;
            names.iter().try_for_each(|name| limits::check_name(one, name))?;
        }
        Ok(())
    }
}

/// All identities of a store, which they share or borrow.
pub struct Identities<S = Arc<GraphStore>> {
    graphs: S,
    known: RwLock<Known>,
    any: AtomicBool,
    /// How many are [`Role::System`].
    systems: AtomicUsize,
    /// What their names count, which changes while registrations are held, and may count.
    names: AtomicUsize,
    most_names: AtomicUsize,
    durability: Durability,
    /// Held from the check of a registration or removal to its end.
    registrations: Mutex<()>,
}

impl<S: Deref<Target = GraphStore>> Identities<S> {
    /// Reads all identities.
    ///
    /// # Errors
    /// Also when one of them is damaged: without it, rules would be other than agreed.
    pub fn open(graphs: S, durability: Durability) -> Result<Self> {
        let known = load(graphs.store())?;
        let any = AtomicBool::new(!known.is_empty());
        let systems = AtomicUsize::new(systems(&known));
        let names = known.iter().map(|(agent, identity)| identity.names(agent)).sum();
        let (names, most_names) = (AtomicUsize::new(names), AtomicUsize::new(MAX_NAMES));
        let (known, registrations) = (RwLock::new(known), Mutex::new(()));
        Ok(Self { graphs, known, any, systems, names, most_names, durability, registrations })
    }

    /// Goes on to a newer state of the store, which another process writes. Reads all identities of it; blocks.
    ///
    /// # Errors
    /// As [`Identities::open`]; nothing has changed then.
    pub fn follow(&self, newer: &dyn Read) -> Result<()> {
        let _one_at_a_time = self.registrations.lock();
        let found = load(newer)?;
        let mut known = self.known.write();
        if *known == found {
            return Ok(());
        }
        self.names
            .store(found.iter().map(|(agent, identity)| identity.names(agent)).sum(), Ordering::Relaxed);
        self.systems.store(systems(&found), Ordering::Release);
        self.any.store(!found.is_empty(), Ordering::Release);
        *known = found;
        Ok(())
    }

    /// Lets their names count at most `most`. What is there stays.
    pub fn limit_names(&self, most: usize) {
        self.most_names.store(most, Ordering::Relaxed);
    }

    /// What their names count, which is about what they take in memory.
    pub fn name_bytes(&self) -> u64 {
        self.names.load(Ordering::Relaxed) as u64
    }

    /// Whether anyone is registered. Costs one load.
    pub fn any(&self) -> bool {
        self.any.load(Ordering::Acquire)
    }

    /// Whether anyone is registered as [`Role::System`]. Costs one load.
    pub fn any_system(&self) -> bool {
        self.systems.load(Ordering::Acquire) > 0
    }

    /// Calls `look` with the identity of `agent`, if registered.
    pub fn with<T>(&self, agent: &str, look: impl FnOnce(Option<&Identity>) -> T) -> T {
        look(self.known.read().get(agent))
    }

    /// All agents with their identities, by id.
    pub fn list(&self) -> Vec<(Box<str>, Identity)> {
        let known = self.known.read();
        let mut list: Vec<_> =
            known.iter().map(|(agent, identity)| (agent.clone(), identity.clone())).collect();
        list.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        list
    }

    /// Registers an agent, in place of what it was before, if `check` agrees: no other registration comes between.
    ///
    /// # Errors
    /// Of `check`, over a limit, and when the commit fails; nothing has changed then.
    pub fn register<E: From<GraphError>>(
        &self,
        agent: &str,
        identity: Identity,
        check: impl FnOnce() -> Result<(), E>,
    ) -> Result<(), E> {
        let _one_at_a_time = self.registrations.lock();
        check()?;
        let names = self.check_limits(agent, &identity).map_err(GraphError::from)?;
        let value = rmp_serde::to_vec_named(&identity).expect("plain fields always encode");
        let key = keys::identity(agent);
        self.commit(move |batch| batch.put(Space::Catalog, key, value)).map_err(GraphError::from)?;
        let mut known = self.known.write();
        let is_system = identity.is_system();
        let was_system = known.insert(agent.into(), identity).is_some_and(|before| before.is_system());
        // The new one first: at no moment is there none between two.
        self.systems.fetch_add(usize::from(is_system), Ordering::Release);
        self.systems.fetch_sub(usize::from(was_system), Ordering::Release);
        self.any.store(true, Ordering::Release);
        self.names.store(names, Ordering::Relaxed);
        Ok(())
    }

    /// Removes an agent; false when it is not registered. Durable on return as configured.
    ///
    /// # Errors
    /// The commit fails; nothing has changed then.
    pub fn unregister(&self, agent: &str) -> Result<bool, GraphError> {
        let _one_at_a_time = self.registrations.lock();
        if !self.known.read().contains_key(agent) {
            return Ok(false);
        }
        let key = keys::identity(agent);
        self.commit(move |batch| batch.delete(Space::Catalog, key))?;
        let mut known = self.known.write();
        let removed = known.remove(agent);
        let names = removed.as_ref().map_or(0, |before| before.names(agent));
        self.names.fetch_sub(names, Ordering::Relaxed);
        let was_system = removed.is_some_and(|before| before.is_system());
        self.systems.fetch_sub(usize::from(was_system), Ordering::Release);
        self.any.store(!known.is_empty(), Ordering::Release);
        Ok(true)
    }

    /// Waits for it: a registration is checked against all that are there.
    fn commit(&self, build: impl FnOnce(&mut WriteBatch) + Send + 'static) -> Result<()> {
        self.graphs.commit_records(self.durability, Room::Takes, move |_, batch| build(batch))
    }

    /// What all names count with this identity in place of what the agent was before.
    fn check_limits(&self, agent: &str, identity: &Identity) -> Result<usize, OverLimit> {
        limits::check_name("agent_id", agent)?;
        identity.check_limits()?;
        let known = self.known.read();
        let before = known.get(agent);
        limits::check_count("identities", known.len() + usize::from(before.is_none()), MAX_IDENTITIES)?;
        let old = before.map_or(0, |before| before.names(agent));
        let (names, new) = (self.names.load(Ordering::Relaxed) - old, identity.names(agent));
        // Whoever becomes smaller may, however much there is.
        if new > old {
            let most = self.most_names.load(Ordering::Relaxed);
            limits::check_names("identities", names + new, most)?;
        }
        Ok(names + new)
    }
}

type Known = HashMap<Box<str>, Identity>;

fn load(read: &dyn Read) -> Result<Known> {
    let mut known = Known::new();
    let mut cursor = read.scan(Space::Catalog, keys::identities(), ScanOptions::FORWARD)?;
    while let Some((key, value)) = cursor.next()? {
        let agent = keys::name_of(key).ok_or_else(|| corrupt("identity key"))?;
        let identity = rmp_serde::from_slice(value)
            .map_err(|error| corrupt(&format!("identity of agent '{agent}': {error}")))?;
        known.insert(agent.into(), identity);
    }
    Ok(known)
}

fn systems(known: &Known) -> usize {
    known.values().filter(|identity| identity.is_system()).count()
}

fn corrupt(detail: &str) -> StoreError {
    StoreError::corrupt(Space::Catalog, detail)
}
