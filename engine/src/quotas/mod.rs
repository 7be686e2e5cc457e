//! Quotas: what each tenant may have and use at most (docs/decisions/0039-quotas.md).
//!
//! Rules come from a file (`--quotas`) and from `QuotaSet`, and give each tenant its limits. What is counted exactly,
//! graphs to embeddings, the storage enforces; rates, connections, cursors and stored bytes are counted here. Without
//! rules nothing is counted and a request costs one load.

mod bucket;
mod charge;
mod class;
mod kind;
mod pattern;
mod refusal;
mod rules;
mod status;
mod tenant;

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use epistemic_storage::{
    GraphStore,
    datadir::{read_sealed, write_sealed},
    graph::Graph,
    limits::MAX_NAME_BYTES,
};
use parking_lot::{Mutex, RwLock};
use serde::{Deserialize, Serialize};

pub(crate) use self::{
    charge::{Load, WriteCharge},
    class::Class,
    kind::Kind,
    pattern::Pattern,
    refusal::Refusal,
    status::{show, summary},
    tenant::{Place, Tenant},
};
use self::{
    rules::{Overrides, Rules, limits_of},
    tenant::{Refused, Usage},
};

/// Name of the file in the persist dir with what was set.
pub(crate) const STORED_FILE: &str = "quotas.json";

/// So many tenants are remembered without a look whether they do anything.
const FEW_TENANTS: usize = 1024;

/// The quotas of a shard.
pub(crate) struct Quotas {
    /// There are rules.
    on: AtomicBool,
    active: RwLock<Option<Arc<Active>>>,
    /// Held while rules change.
    settings: Mutex<Settings>,
    /// `--quotas`.
    file: Option<PathBuf>,
    /// Where what was set is kept; none in memory.
    stored: Option<PathBuf>,
    refused: Arc<Refused>,
}

#[derive(Default)]
struct Settings {
    rules: Rules,
    overrides: Overrides,
}

/// What was set, as it is stored.
#[derive(Default, Serialize, Deserialize)]
struct Stored {
    rules: Vec<(String, Vec<String>)>,
}

/// The rules in force and the tenants under them.
pub(crate) struct Active {
    rules: Rules,
    overrides: Overrides,
    tenants: RwLock<HashMap<Arc<str>, Arc<Tenant>>>,
    /// With so many tenants those that do nothing are forgotten.
    full_at: AtomicUsize,
    refused: Arc<Refused>,
}

impl Quotas {
    /// Reads the rules. They are in force after [`Quotas::apply`].
    ///
    /// # Errors
    /// What is wrong with the file, or with what was set.
    pub(crate) fn open(file: Option<PathBuf>, directory: Option<&std::path::Path>) -> anyhow::Result<Self> {
        let stored = directory.map(|directory| directory.join(STORED_FILE));
        let mut settings = Settings::default();
        if let Some(file) = &file {
            settings.rules = Rules::read(file).map_err(|error| anyhow::anyhow!("--quotas: {error}"))?;
        }
        if let Some(path) = &stored {
            settings.overrides = read_stored(path).map_err(|error| {
                let path = path.display();
                anyhow::anyhow!(
                    "'{path}', which holds what egctl quota set has set, cannot be read: {error}. Mend it, or remove it and \
                     set the quotas again"
                )
            })?;
        }
        let (on, active, refused) = (AtomicBool::new(false), RwLock::default(), Arc::default());
        Ok(Self { on, active, settings: Mutex::new(settings), file, stored, refused })
    }

    /// The rules, if there are any.
    pub(crate) fn active(&self) -> Option<Arc<Active>> {
        if !self.on.load(Ordering::Relaxed) {
            return None;
        }
        self.active.read().clone()
    }

    /// Puts the rules in force that were read at the start.
    pub(crate) fn apply(&self, graphs: &GraphStore) {
        self.put_in_force(&self.settings.lock(), graphs);
    }

    fn put_in_force(&self, settings: &Settings, graphs: &GraphStore) {
        let before = self.active.read().clone();
        if settings.rules.len() == 0 && settings.overrides.is_empty() {
            self.on.store(false, Ordering::Relaxed);
            *self.active.write() = None;
            graphs.limit_tenants(None);
            return;
        }
        let active = Arc::new(Active {
            rules: settings.rules.clone(),
            overrides: settings.overrides.clone(),
            tenants: RwLock::default(),
            full_at: AtomicUsize::new(FEW_TENANTS),
            refused: Arc::clone(&self.refused),
        });
        // What tenants use goes on under the new rules.
        for (name, tenant) in before.iter().flat_map(|before| before.tenants.read().clone()) {
            let tenant = active.make(&name, Arc::clone(&tenant.usage));
            active.tenants.write().insert(name, Arc::new(tenant));
        }
        let limits = Arc::clone(&active);
        graphs.limit_tenants(Some(Box::new(move |tenant: &str| {
            limits_of(&limits.rules, &limits.overrides, tenant).limits.counts()
        })));
        *self.active.write() = Some(active);
        self.on.store(true, Ordering::Relaxed);
    }

    /// Reads the file again; with a mistake in it the rules stay as they were. Blocks.
    ///
    /// # Errors
    /// The mistake.
    pub(crate) fn reload(&self, graphs: &GraphStore) -> Result<usize, String> {
        let Some(file) = &self.file else { return Ok(0) };
        let rules = Rules::read(file)?;
        let count = rules.len();
        let mut settings = self.settings.lock();
        settings.rules = rules;
        self.put_in_force(&settings, graphs);
        drop(settings);
        self.sample(graphs, &|| true);
        Ok(count)
    }

    /// Sets limits of a tenant pattern ([`Overrides::set`]). Durable on return, where anything is; blocks.
    ///
    /// # Errors
    /// What cannot be understood or stored; nothing has changed.
    pub(crate) fn set(&self, graphs: &GraphStore, tenant: &str, limits: &[&str]) -> Result<(), String> {
        let mut settings = self.settings.lock();
        let mut overrides = settings.overrides.clone();
        overrides.set(tenant, limits)?;
        if let Some(path) = &self.stored {
            let stored = Stored { rules: overrides.texts() };
            write_sealed(path, &stored).map_err(|error| format!("'{}': {error}", path.display()))?;
        }
        settings.overrides = overrides;
        self.put_in_force(&settings, graphs);
        drop(settings);
        self.sample(graphs, &|| true);
        Ok(())
    }

    /// Looks how much the tenants store whose bytes are limited, and forgets those that do nothing. Blocks on disk; ends early
    /// when `go_on` says no.
    pub(crate) fn sample(&self, graphs: &GraphStore, go_on: &dyn Fn() -> bool) {
        let Some(active) = self.active() else { return };
        let mut stored: HashMap<Arc<str>, Vec<Arc<Graph>>> = HashMap::new();
        for graph in graphs.graphs() {
            let tenant = active.of(&graph);
            if tenant.limits().get(Kind::StoredBytes).is_some() {
                stored.entry(Arc::clone(&tenant.name)).or_default().push(graph);
            }
        }
        let known: Vec<_> = active.tenants.read().values().cloned().collect();
        for tenant in known {
            let found = stored.remove(&tenant.name).unwrap_or_default();
            // Damage that is found on the way shows as quarantine.
            let size = |graph: &Arc<Graph>| graphs.sizes_of(graph).map_or(0, |sizes| sizes.total());
            if !go_on() {
                return;
            }
            tenant.usage.sample(|| found.iter().take_while(|_| go_on()).map(size).sum());
        }
        active.forget_idle(&mut active.tenants.write());
    }
}

fn read_stored(path: &std::path::Path) -> Result<Overrides, String> {
    let stored: Option<Stored> = read_sealed(path)?;
    let mut overrides = Overrides::default();
    for (tenant, limits) in stored.unwrap_or_default().rules {
        overrides.set(&tenant, &limits)?;
    }
    Ok(overrides)
}

impl Active {
    /// The tenant of a graph.
    pub(crate) fn of(&self, graph: &Graph) -> Arc<Tenant> {
        graph.with_tenant(|tenant| self.tenant(tenant.unwrap_or_default()))
    }

    fn forget_idle(&self, tenants: &mut HashMap<Arc<str>, Arc<Tenant>>) {
        tenants.retain(|_, tenant| Arc::strong_count(tenant) > 1 || !tenant.is_idle());
        self.full_at.store((2 * tenants.len()).max(FEW_TENANTS), Ordering::Relaxed);
    }

    /// The tenant of this name, which loads a graph: all that it loads counts together.
    pub(crate) fn of_load(&self, name: &str) -> Arc<Tenant> {
        if name.len() > MAX_NAME_BYTES { self.known_or_new(name) } else { self.tenant(name) }
    }

    /// The tenant of this name, which has graphs; an empty one is that of graphs that belong to nobody.
    fn tenant(&self, name: &str) -> Arc<Tenant> {
        if let Some(tenant) = self.tenants.read().get(name) {
            return Arc::clone(tenant);
        }
        let mut tenants = self.tenants.write();
        if tenants.len() >= self.full_at.load(Ordering::Relaxed) {
            self.forget_idle(&mut tenants);
        }
        let make = || Arc::new(self.make(name, Arc::new(Usage::new(Arc::clone(&self.refused)))));
        Arc::clone(tenants.entry(name.into()).or_insert_with(make))
    }

    /// The tenant of this name. One that has no graph is made anew each time, so that made-up names are not remembered: what
    /// such a one uses is not counted.
    pub(crate) fn known_or_new(&self, name: &str) -> Arc<Tenant> {
        let known = self.tenants.read().get(name).cloned();
        known.unwrap_or_else(|| Arc::new(self.make(name, Arc::new(Usage::new(Arc::clone(&self.refused))))))
    }

    /// The tenant, for requests of a key of this class: what they use counts for both.
    pub(crate) fn in_class(&self, tenant: &Tenant, class: &Class) -> Arc<Tenant> {
        Arc::new(tenant.counted_with(self.tenant(class.account())))
    }

    fn make(&self, name: &str, usage: Arc<Usage>) -> Tenant {
        Tenant::new(name.into(), limits_of(&self.rules, &self.overrides, name), usage)
    }
}

#[cfg(test)]
mod tests;
