//! Moves that are disturbed at random: two shards behind proxies that lose, hold up and double frames, movers and aborts from
//! directories of their own that are killed, a client that writes, deletes and creates again. Afterwards an operator finishes
//! what has begun or gives it up, and exactly one shard serves exactly what was acknowledged.
//!
//! `EG_MOVE_SEEDS` is the number of moves (200), `EG_SEED` repeats a run; each move has a graph and a generator of its own.

mod arena;
mod keeper;
mod operator;
mod program;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::Builder;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use epistemic_tests::seed::{generator, number_from_env, seed};
use epistemic_tests::wait::{pause, poll};
use rand::RngExt;
use rand::rngs::StdRng;

use arena::Arena;
use keeper::Keeper;
use program::{Program, Task};

/// Moves at the same time.
const BESIDE: usize = 8;
const LIMIT: Duration = Duration::from_secs(60);

/// What happened in how many moves.
#[derive(Debug, Default, Clone, Copy)]
struct Figures {
    moved: usize,
    given_up: usize,
    deleted: usize,
    killed: usize,
}

#[test]
fn moves_that_are_disturbed_at_random_end_with_one_owner_and_every_write() -> Result<()> {
    let (seed, moves) = (seed("disturbed moves"), number_from_env("EG_MOVE_SEEDS", 200));
    let arena = Arena::start()?;
    let (next, figures, failed) = (AtomicUsize::new(0), Mutex::new(Figures::default()), Mutex::new(None));
    let work = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= moves {
                return;
            }
            let of = move |error| anyhow!("move {number} of EG_SEED={seed}: {error:?}");
            match disturbed(&arena, number, generator(seed, number as u64)).map_err(of) {
                Ok(one) => figures.lock().unwrap_or_else(PoisonError::into_inner).add(one),
                Err(error) => {
                    next.store(moves, Ordering::Relaxed);
                    failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                }
            }
        }
    };
    std::thread::scope(|scope| (0..BESIDE).for_each(|_| drop(scope.spawn(work))));
    if let Some(error) = failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(error);
    }
    let Figures { moved, given_up, deleted, killed } =
        figures.into_inner().unwrap_or_else(PoisonError::into_inner);
    let [lost, held, doubled] = arena.disturbances();
    eprintln!(
        "figures: moves={moves} moved={moved} given_up={given_up} deleted={deleted} killed={killed} lost={lost} held={held} \
         doubled={doubled}"
    );
    ensure!(moves < 100 || [moved, given_up, killed, lost, held, doubled].iter().all(|count| *count > 0));
    Ok(())
}

impl Figures {
    fn add(&mut self, one: Figures) {
        self.moved += one.moved;
        self.given_up += one.given_up;
        self.deleted += one.deleted;
        self.killed += one.killed;
    }
}

/// One graph, from its creation to the last check.
fn disturbed(arena: &Arena, number: usize, mut random: StdRng) -> Result<Figures> {
    let graph = format!("graph {number}");
    let mut keeper = Keeper::create(&graph, arena.places(), random.random_range(0..12))?;
    let (client, stopper) = (random.random(), keeper.stopper());
    let work = arena.work.path().join(&graph);
    fs_err::create_dir(&work)?;
    arena.disturb(&graph, random.random());
    let mut programs = plan(arena, &graph, &mut random);
    let begun = Instant::now();
    let keeping = Builder::new().spawn(move || {
        let done = keeper.work(client);
        done.map(|()| keeper)
    })?;
    let mut reports = Vec::new();
    while !programs.is_empty() {
        let mut left = Vec::new();
        for mut program in programs {
            match program.step(begun.elapsed(), &work)? {
                Some(report) => reports.push(report),
                None => left.push(program),
            }
        }
        programs = left;
        ensure!(begun.elapsed() < LIMIT, "after {LIMIT:?} there are still {programs:?}");
        pause(Duration::from_millis(1));
    }
    stopper.store(true, Ordering::SeqCst);
    let mut keeper = keeping.join().map_err(|_| anyhow!("the client panicked"))?.context("client")?;
    arena.calm(&graph);
    poll(LIMIT, Duration::from_millis(5), || anyhow::Ok((!arena.holds(&graph)).then_some(())))?
        .context("frames are held up for ever")?;
    let aborts = random.random();
    reports.extend(operator::finish(arena, &graph, &work, aborts)?);
    operator::check(arena, &graph, &reports)?;
    let at = keeper.served_at()?;
    keeper.check()?;
    Ok(Figures {
        moved: usize::from(at == Some(1)),
        given_up: usize::from(at == Some(0)),
        deleted: usize::from(at.is_none()),
        killed: reports.iter().filter(|report| report.was_killed).count(),
    })
}

/// A mover, and others that begin in the midst of it.
fn plan(arena: &Arena, graph: &str, random: &mut StdRng) -> Vec<Program> {
    let mut programs = Vec::new();
    for (task, likely, latest) in [
        (Task::Move, 1.0, 1),
        (Task::Move, 0.6, 150),
        (Task::Abort, 0.5, 200),
        (Task::Abort, 0.2, 250),
        (Task::Move, 0.2, 250),
    ] {
        if random.random_bool(likely) {
            let begins = Duration::from_millis(random.random_range(0..latest));
            let dies = random.random_bool(0.4).then(|| Duration::from_millis(random.random_range(1..250)));
            let directory = programs.len();
            programs.push(Program::new(task, graph, arena.names(), directory, begins, dies));
        }
    }
    programs
}
