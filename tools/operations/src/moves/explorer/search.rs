//! Which runs there are: all with few deviations from the undisturbed one, and random ones with many.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
};

use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::{
    Violation,
    schedule::{Cast, Event, Run},
    world::World,
};

/// The moves of all programs.
pub(super) const MOVES: [&str; 3] = ["m", "n", "back"];

/// Steps behind which a random run is not disturbed any more.
const DISTURBED: usize = 300;
/// Deviations of a random run at most.
const MOST_DEVIATIONS: usize = 8;

/// At this step of the run, the event of this index happens instead of the first.
type Deviation = (usize, usize);

/// What a search has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// What must not be.
    pub(super) violation: Violation,
    /// The events that led there.
    pub(super) events: Vec<String>,
}

/// How the next event is chosen from so many, at a step of this number.
type Choice<'c> = dyn FnMut(usize, usize) -> usize + 'c;

/// Runs until all is quiet, and settles. Tells how many events could have been next at each step.
fn run(
    base: &World,
    cast: &Cast,
    choose: &mut Choice<'_>,
    told: &mut Vec<String>,
) -> Result<Vec<usize>, Violation> {
    let (mut run, mut counts, mut events) = (Run::new(base.fork(), cast)?, Vec::new(), Vec::new());
    loop {
        run.events(&mut events);
        let event = events[choose(counts.len(), events.len())];
        counts.push(events.len());
        told.push(format!("{:3} {}", counts.len() - 1, run.tell(event)));
        if event == Event::Quiet {
            break;
        }
        run.apply(event)?;
    }
    run.settle()?;
    Ok(counts)
}

fn run_deviating(base: &World, cast: &Cast, deviations: &[Deviation]) -> Result<Vec<usize>, Box<Found>> {
    let mut told = Vec::new();
    let mut choose = |step, _| deviations.iter().find(|(at, _)| *at == step).map_or(0, |(_, index)| *index);
    let done = run(base, cast, &mut choose, &mut told);
    done.map_err(|violation| Box::new(Found { violation, events: told }))
}

/// What is shared by the threads of a search.
struct Search<'s> {
    cast: &'s Cast,
    runs: AtomicU64,
    is_over: AtomicBool,
    found: Mutex<Option<Box<Found>>>,
}

impl Search<'_> {
    /// All runs with these deviations and at most `depth` more behind them.
    fn explore(&self, base: &World, deviations: &mut Vec<Deviation>, depth: usize) -> Result<(), Box<Found>> {
        if self.is_over.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.runs.fetch_add(1, Ordering::Relaxed);
        let counts = run_deviating(base, self.cast, deviations)?;
        if depth == 0 {
            return Ok(());
        }
        let from = deviations.last().map_or(0, |(step, _)| step + 1);
        for (step, count) in counts.into_iter().enumerate().skip(from) {
            for index in 1..count {
                deviations.push((step, index));
                self.explore(base, deviations, depth - 1)?;
                deviations.pop();
            }
        }
        Ok(())
    }

    fn keep(&self, found: Result<(), Box<Found>>) {
        if let Err(found) = found {
            self.is_over.store(true, Ordering::Relaxed);
            self.found.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(found);
        }
    }

    /// Does pieces of work of these numbers, on all cores, until something is found. Returns the number of runs.
    fn share(
        self,
        pieces: usize,
        work: impl Fn(&Self, &World, usize) -> Result<(), Box<Found>> + Sync,
    ) -> Result<u64, Box<Found>> {
        let next = AtomicUsize::new(0);
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    let base = World::new(self.cast.graph);
                    loop {
                        let piece = next.fetch_add(1, Ordering::Relaxed);
                        if piece >= pieces || self.is_over.load(Ordering::Relaxed) {
                            return;
                        }
                        self.keep(work(&self, &base, piece));
                    }
                });
            }
        });
        match self.found.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(found) => Err(found),
            None => Ok(self.runs.into_inner()),
        }
    }
}

fn search(cast: &Cast) -> Search<'_> {
    Search { cast, runs: AtomicU64::new(0), is_over: AtomicBool::new(false), found: Mutex::new(None) }
}

/// Every run with at most `depth` deviations, but goes beyond the first one only for one in `one_in` of them, others by
/// another seed; returns how many runs there were.
pub(super) fn exhaustive(cast: &Cast, depth: usize, one_in: u64, seed: u64) -> Result<u64, Box<Found>> {
    let counts = run_deviating(&World::new(cast.graph), cast, &[])?;
    let first: Vec<Deviation> = counts
        .iter()
        .enumerate()
        .flat_map(|(step, count)| (1..*count).map(move |index| (step, index)))
        .collect();
    // The last ones first: most of what breaks does so around the handover.
    let runs = search(cast).share(first.len(), |search, base, piece| {
        let deeper = (piece as u64).wrapping_add(seed).is_multiple_of(one_in);
        let more = if deeper { depth - 1 } else { 0 };
        search.explore(base, &mut vec![first[first.len() - 1 - piece]], more)
    })?;
    Ok(runs + 1)
}

/// Random runs of the seeds from `seed` on; returns how many there were.
pub(super) fn random(cast: &Cast, seed: u64, runs: usize) -> Result<u64, Box<Found>> {
    search(cast).share(runs, |search, base, piece| {
        let seed = seed.wrapping_add(piece as u64);
        let mut random = StdRng::seed_from_u64(seed);
        let (mut left, often) = (MOST_DEVIATIONS, random.random_range(0.02..0.3));
        let mut choose = |step: usize, count: usize| {
            if count == 1 || left == 0 || step > DISTURBED || !random.random_bool(often) {
                return 0;
            }
            left -= 1;
            random.random_range(1..count)
        };
        search.runs.fetch_add(1, Ordering::Relaxed);
        let mut told = vec![format!("seed {seed}")];
        let done = run(base, search.cast, &mut choose, &mut told);
        done.map(drop).map_err(|violation| Box::new(Found { violation, events: told }))
    })
}
