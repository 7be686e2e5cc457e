//! Identities: who an agent is to access control. Kept in memory and in the catalog, read by one scan at start.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};

use parking_lot::{Mutex, RwLock};
use serde::{Deserialize, Serialize};

use crate::{
    batch::WriteBatch,
    clock,
    error::{Result, StoreError},
    graph::{GraphError, GraphStore},
    keys,
    limits::{self, MAX_IDENTITIES, MAX_RELATIONS, OverLimit},
    space::Space,
    store::{Direction, Durability},
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

    fn subordinates(&self) -> &[String] {
        match &self.role {
            Role::Manager { subordinates } => subordinates,
            Role::System | Role::Agent => &[],
        }
    }

    /// Bytes in memory of the identity of `agent`, an estimate.
    fn bytes(&self, agent: &str) -> usize {
        let names = self.teams.iter().chain(self.subordinates());
        limits::name_bytes(agent)
            + size_of::<Self>()
            + names.map(|name| limits::name_bytes(name)).sum::<usize>()
    }

    fn check_limits(&self) -> Result<(), OverLimit> {
        let subordinates = self.subordinates();
        for (of, one, names) in
            [("subordinates", "subordinate", subordinates), ("teams", "team", &self.teams)]
        {
            limits::check_count(of, names.len(), MAX_RELATIONS)?;
            names.iter().try_for_each(|name| limits::check_name(one, name))?;
        }
        Ok(())
    }
}

/// All identities of a shard.
#[derive(Debug)]
pub struct Identities {
    known: RwLock<HashMap<Box<str>, Identity>>,
    any: AtomicBool,
    /// How many are [`Role::System`].
    systems: AtomicUsize,
    durability: Durability,
    /// Bytes in memory, and how many there may be.
    bytes: AtomicUsize,
    most_bytes: AtomicUsize,
    /// Held from the check of a registration or removal to its end.
    registrations: Mutex<()>,
}

impl Identities {
    /// Reads all identities.
    ///
    /// # Errors
    /// Also when one of them is damaged: without it, rules would be other than agreed.
    pub fn open(graphs: &GraphStore, durability: Durability) -> Result<Self> {
        let mut known: HashMap<Box<str>, Identity> = HashMap::new();
        let mut cursor = graphs.store().scan(Space::Catalog, keys::identities(), Direction::Forward)?;
        while let Some((key, value)) = cursor.next()? {
            let agent = keys::name_of(key).ok_or_else(|| corrupt("identity key"))?;
            let identity = rmp_serde::from_slice(value)
                .map_err(|error| corrupt(&format!("identity of agent '{agent}': {error}")))?;
            known.insert(agent.into(), identity);
        }
        let bytes = known.iter().map(|(agent, identity)| identity.bytes(agent)).sum();
        let (bytes, most_bytes) = (AtomicUsize::new(bytes), AtomicUsize::new(usize::MAX));
        let any = AtomicBool::new(!known.is_empty());
        let systems =
            AtomicUsize::new(known.values().filter(|identity: &&Identity| identity.is_system()).count());
        let (known, registrations) = (RwLock::new(known), Mutex::new(()));
        Ok(Self { known, any, systems, durability, bytes, most_bytes, registrations })
    }

    /// No registration makes them take more than `most` bytes of memory. What is there stays.
    pub fn limit_bytes(&self, most: usize) {
        self.most_bytes.store(most, Ordering::Relaxed);
    }

    /// Bytes in memory, an estimate.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed) as u64
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
        graphs: &GraphStore,
        agent: &str,
        identity: Identity,
        check: impl FnOnce() -> Result<(), E>,
    ) -> Result<(), E> {
        let _one_at_a_time = self.registrations.lock();
        check()?;
        self.check_limits(agent, &identity).map_err(GraphError::from)?;
        let value = rmp_serde::to_vec_named(&identity).expect("plain fields always encode");
        let mut batch = WriteBatch::new();
        batch.put(Space::Catalog, keys::identity(agent), value);
        graphs.commit_service(batch, self.durability).map_err(GraphError::from)?;
        let mut known = self.known.write();
        let is_system = identity.is_system();
        self.bytes.fetch_add(identity.bytes(agent), Ordering::Relaxed);
        let before = known.insert(agent.into(), identity);
        self.gone(agent, before.as_ref());
        let was_system = before.is_some_and(|before| before.is_system());
        // The new one first: at no moment is there none between two.
        self.systems.fetch_add(usize::from(is_system), Ordering::Release);
        self.systems.fetch_sub(usize::from(was_system), Ordering::Release);
        self.any.store(true, Ordering::Release);
        Ok(())
    }

    /// Removes an agent; false when it is not registered. Durable on return as configured.
    ///
    /// # Errors
    /// The commit fails; nothing has changed then.
    pub fn unregister(&self, graphs: &GraphStore, agent: &str) -> Result<bool, GraphError> {
        let _one_at_a_time = self.registrations.lock();
        if !self.known.read().contains_key(agent) {
            return Ok(false);
        }
        let mut batch = WriteBatch::new();
        batch.delete(Space::Catalog, keys::identity(agent));
        graphs.commit_service(batch, self.durability)?;
        let mut known = self.known.write();
        let before = known.remove(agent);
        self.gone(agent, before.as_ref());
        let was_system = before.is_some_and(|before| before.is_system());
        self.systems.fetch_sub(usize::from(was_system), Ordering::Release);
        self.any.store(!known.is_empty(), Ordering::Release);
        Ok(true)
    }

    fn gone(&self, agent: &str, before: Option<&Identity>) {
        let bytes = before.map_or(0, |before| before.bytes(agent));
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    fn check_limits(&self, agent: &str, identity: &Identity) -> Result<(), OverLimit> {
        limits::check_name("agent_id", agent)?;
        identity.check_limits()?;
        let known = self.known.read();
        let before = known.get(agent).map_or(0, |before| before.bytes(agent));
        limits::check_memory(
            "identities",
            self.bytes.load(Ordering::Relaxed),
            (before, identity.bytes(agent)),
            self.most_bytes.load(Ordering::Relaxed),
        )?;
        let new = usize::from(!known.contains_key(agent));
        limits::check_count("identities", known.len() + new, MAX_IDENTITIES)
    }
}

fn corrupt(detail: &str) -> StoreError {
    StoreError::corrupt(Space::Catalog, detail)
}
