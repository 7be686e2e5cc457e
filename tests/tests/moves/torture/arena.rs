//! Two shards behind proxies that disturb the graphs they are told to.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use epistemic_tests::ServerProcess;
use epistemic_tests::frames::{Fate, FrameProxy};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tempfile::TempDir;

use crate::Place;

/// The longest time for which a frame is held up.
const LATEST_MS: u64 = 400;

/// Shared by all moves of a run.
pub(super) struct Arena {
    _servers: [ServerProcess; 2],
    proxies: [FrameProxy; 2],
    places: [Place; 2],
    weather: Arc<Weather>,
    /// Journals, a folder for each graph.
    pub(super) work: TempDir,
}

#[derive(Default)]
struct Weather {
    /// The generators of the graphs that are disturbed.
    disturbed: Mutex<HashMap<String, StdRng>>,
    lost: AtomicUsize,
    held: AtomicUsize,
    doubled: AtomicUsize,
}

impl Arena {
    pub(super) fn start() -> Result<Self> {
        let servers = [ServerProcess::ours().tcp().start()?, ServerProcess::ours().tcp().start()?];
        let weather = Arc::<Weather>::default();
        let before = |server: &ServerProcess| {
            let weather = Arc::clone(&weather);
            let fates = move |graph: &str, method: &str| weather.fate(graph, method);
            FrameProxy::before(server.tcp_addr(), Box::new(fates))
        };
        let proxies = [before(&servers[0])?, before(&servers[1])?];
        // The shards know each other by the addresses of the proxies; clients go past these.
        let place = |index: usize| {
            let name = format!("tcp://{}", proxies[index].addr());
            Place { name, endpoint: servers[index].unix_endpoint() }
        };
        let places = [place(0), place(1)];
        Ok(Self { _servers: servers, proxies, places, weather, work: tempfile::tempdir()? })
    }

    pub(super) fn places(&self) -> [Place; 2] {
        self.places.clone()
    }

    pub(super) fn names(&self) -> [&str; 2] {
        [&self.places[0].name, &self.places[1].name]
    }

    /// Disturbs what concerns the graph from now on.
    pub(super) fn disturb(&self, graph: &str, seed: u64) {
        self.weather.disturbed().insert(graph.to_owned(), StdRng::seed_from_u64(seed));
    }

    /// Disturbs it no more.
    pub(super) fn calm(&self, graph: &str) {
        self.weather.disturbed().remove(graph);
    }

    /// Whether frames of the graph are held up.
    pub(super) fn holds(&self, graph: &str) -> bool {
        self.proxies.iter().any(|proxy| proxy.holds(graph))
    }

    /// Frames that were lost, held up, and doubled.
    pub(super) fn disturbances(&self) -> [usize; 3] {
        let Weather { lost, held, doubled, .. } = &*self.weather;
        [lost, held, doubled].map(|count| count.load(Ordering::Relaxed))
    }
}

impl Weather {
    fn disturbed(&self) -> std::sync::MutexGuard<'_, HashMap<String, StdRng>> {
        self.disturbed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fate(&self, graph: &str, method: &str) -> Fate {
        let mut disturbed = self.disturbed();
        let Some(random) = disturbed.get_mut(graph) else { return Fate::Pass };
        // The steps of the move are what matters when it comes.
        let often = if method.starts_with("Move") { 0.12 } else { 0.03 };
        if !random.random_bool(often) {
            return Fate::Pass;
        }
        let late = Duration::from_millis(random.random_range(0..LATEST_MS));
        let (fate, count) = match random.random_range(0..6) {
            0 => (Fate::LoseRequest, &self.lost),
            1 => (Fate::LoseAnswer, &self.lost),
            2 | 3 => (Fate::Hold(late), &self.held),
            _ => (Fate::Double(late), &self.doubled),
        };
        count.fetch_add(1, Ordering::Relaxed);
        fate
    }
}
