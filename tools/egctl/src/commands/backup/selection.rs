//! What a restore is of: graphs of one store, of several, or of all stores of a tier.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Result;
use epistemic_operations::backup::{
    BackupError, Choice, Entries, GraphEntry, Listed, Manifest, Objects, Point, Route, ShardRun, load_tier,
    load_tiers, matching, several,
};
use epistemic_router::tenant_graph_name;

use super::restore::RestoreArgs;
use super::target::shard_dir;

/// Items that are read one by one.
type Each<'s, T> = Box<dyn Iterator<Item = Result<T>> + 's>;

/// Whose graphs are meant.
#[derive(Clone)]
struct Tenant {
    id: String,
    /// How the names of its graphs begin.
    prefix: String,
}

impl Tenant {
    fn new(id: &str) -> Result<Self> {
        Ok(Self { id: id.to_owned(), prefix: tenant_graph_name(Some(id), "")? })
    }

    /// Graphs of clients that tell no tenant are known by their names.
    fn owns(&self, entry: &GraphEntry) -> bool {
        match &entry.tenant {
            Some(tenant) => *tenant == self.id,
            None => entry.name.starts_with(&self.prefix),
        }
    }
}

/// Graphs of one store and where they go.
pub(super) struct Job<'o> {
    objects: &'o Objects,
    choice: Choice<'o>,
    graph: Option<String>,
    tenant: Option<Tenant>,
    point: Point,
    /// Every shard has a `__commons__`, and one owns that name: an empty one is not brought there.
    but_empty_commons: bool,
    /// The directory that they go to; none for running shards.
    pub(super) to_dir: Option<PathBuf>,
}

impl Job<'_> {
    /// The run whose graphs are meant.
    pub(super) fn manifest(&self) -> Result<&Manifest> {
        match &self.graph {
            Some(graph) => self
                .choice
                .newest()
                .ok_or_else(|| BackupError::NotFound(format!("no run has graph {graph:?}")).into()),
            None => self.choice.of_all_graphs(self.point),
        }
    }

    fn is_meant(&self, entry: &GraphEntry) -> bool {
        let is_left_out = self.but_empty_commons && entry.is_empty_commons();
        !is_left_out && self.tenant.as_ref().is_none_or(|tenant| tenant.owns(entry))
    }

    /// The names of the graphs in the backup, each with the bytes of its chain.
    pub(super) fn graphs(&self) -> Result<Each<'_, (String, u64)>> {
        if let Some(graph) = &self.graph {
            let bytes = self.choice.route(graph, self.point)?.bytes();
            return Ok(Box::new(std::iter::once(Ok((graph.clone(), bytes)))));
        }
        let entries = Entries::open(self.objects, self.manifest()?)?;
        let meant = entries.filter(|entry| entry.as_ref().map_or(true, |entry| self.is_meant(entry)));
        Ok(Box::new(meant.map(|entry| {
            entry.map(|entry| (entry.name, entry.chain.iter().map(|piece| piece.stored.bytes).sum()))
        })))
    }

    /// The ways to them; an inner error is of a graph that no run has at the point that is asked for.
    pub(super) fn routes(&self) -> Result<Each<'_, Result<Route>>> {
        if let Some(graph) = &self.graph {
            return Ok(Box::new(std::iter::once(self.choice.route(graph, self.point).map(Ok))));
        }
        Ok(Box::new(self.choice.routes(self.manifest()?, self.point, |entry| self.is_meant(entry))?))
    }
}

/// What is to be done, store by store.
///
/// # Errors
/// It is not said which of several stores is meant; there is no such run; one is encrypted, and not for an identity given.
pub(super) fn jobs<'o>(args: &RestoreArgs, objects: &'o Objects, listed: &Listed) -> Result<Vec<Job<'o>>> {
    let but_empty_commons =
        args.to_dir.is_none() && (args.tier.is_some() || args.shards.list()?.as_slice().len() > 1);
    let tenant = args.tenant.as_deref().map(Tenant::new).transpose()?;
    let job = |store: &str, run: Option<&str>, to_dir: Option<PathBuf>| {
        let choice = Choice::load(objects, listed, store, run)?;
        let (graph, tenant, point) = (args.graph.clone(), tenant.clone(), args.point());
        let job = Job { objects, choice, graph, tenant, point, but_empty_commons, to_dir };
        // Before any target is opened.
        job.manifest()?.must_open(objects)?;
        anyhow::Ok(job)
    };
    if let Some(tier) = &args.tier {
        let mut jobs = Vec::new();
        for (store, run) in &tier_runs(objects, tier.as_deref())? {
            // A time may be in a run before.
            let run = matches!(args.point(), Point::Newest).then_some(run.as_str());
            jobs.push(job(store, run, None)?);
        }
        for (number, job) in jobs.iter_mut().enumerate() {
            job.to_dir = args.to_dir.as_ref().map(|dir| shard_dir(dir, number)).transpose()?;
        }
        return Ok(jobs);
    }
    let stores = matching(objects, listed, &args.stores.wanted())?;
    let job = |store: &str| job(store, args.run.as_deref(), args.to_dir.clone());
    if let [store] = stores.keys().collect::<Vec<_>>().as_slice() {
        return Ok(vec![job(store)?]);
    }
    if args.tenant.is_some() {
        return stores.keys().map(|store| job(store)).collect();
    }
    let Some(graph) = &args.graph else { return Err(several(objects, &stores).into()) };
    let is_meant = |entry: &GraphEntry| !entry.is_empty_commons();
    let mut having =
        with_graph(&stores, &job, |choice| Ok(choice.now(graph)?.is_some_and(|now| is_meant(&now))))?;
    if having.is_empty() {
        having = with_graph(&stores, &job, |choice| Ok(choice.now(graph)?.is_some()))?;
    }
    if having.is_empty() {
        having = with_graph(&stores, &job, |choice| Ok(choice.route(graph, args.point()).is_ok()))?;
    }
    match having.len() {
        1 => Ok(having.into_values().collect()),
        0 => {
            Err(BackupError::NotFound(format!("no store has graph {graph:?} so in {}", objects.url())).into())
        }
        _ => {
            let named = stores.into_iter().filter(|(store, _)| having.contains_key(store)).collect();
            Err(several(objects, &named).into())
        }
    }
}

/// The stores whose runs have what is asked for. One whose run is not among them is none.
fn with_graph<'o>(
    stores: &BTreeMap<String, String>,
    job: &impl Fn(&str) -> Result<Job<'o>>,
    has: impl Fn(&Choice<'o>) -> Result<bool>,
) -> Result<BTreeMap<String, Job<'o>>> {
    let mut having = BTreeMap::new();
    for store in stores.keys() {
        let job = match job(store) {
            Err(error) if matches!(error.downcast_ref(), Some(BackupError::NotFound(_))) => continue,
            job => job?,
        };
        if has(&job.choice)? {
            having.insert(store.clone(), job);
        }
    }
    Ok(having)
}

/// Store and run of every shard of a tier: of the newest one, which must be complete, or of the one named.
fn tier_runs(objects: &Objects, name: Option<&str>) -> Result<Vec<(String, String)>> {
    let missing = |what: String| BackupError::NotFound(format!("{what} in {}", objects.url()));
    let tier = match name {
        Some(name) => {
            load_tier(objects, name)?.ok_or_else(|| missing(format!("there is no tier run '{name}'")))?
        }
        None => load_tiers(objects)?
            .pop()
            .ok_or_else(|| missing("there is no backup of a whole tier".to_owned()))?,
    };
    if name.is_none() && !tier.is_complete() {
        let lacking = tier.shards.iter().filter(|shard| shard.run.is_none());
        let lacking: Vec<&str> = lacking.map(|shard| shard.endpoint.as_str()).collect();
        let what = format!(
            "tier run {} lacks {}: name it with --tier {} to restore the others, or an earlier one; there is no complete newest one",
            tier.run,
            lacking.join(", "),
            tier.run
        );
        return Err(missing(what).into());
    }
    let runs = tier.shards.into_iter().filter_map(|ShardRun { store, run, .. }| Some((store?, run?)));
    Ok(runs.collect())
}
