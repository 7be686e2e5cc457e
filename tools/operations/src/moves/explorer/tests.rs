//! The protocol holds under all that is tried, and each protocol without one of its proofs does not.

use super::{
    COMMONS, GRAPH,
    actor::{Script, Task},
    message::Protocol,
    schedule::Cast,
    search::{Found, exhaustive, random},
    world::{Deed, Place},
};

const fn script(task: Task, move_id: &'static str, from: Place, directory: usize) -> Script {
    Script { task, move_id, from, directory }
}

/// A mover, an operator who gives its move up, and a second mover of the same move.
const THREE: [Script; 3] = [
    script(Task::Move, "m", Place::First, 0),
    script(Task::Abort, "m", Place::First, 1),
    script(Task::Move, "m", Place::First, 2),
];

/// Besides these, another abort, another move of the same graph, one back, and aborts of these.
const MANY: [Script; 8] = [
    THREE[0],
    THREE[1],
    THREE[2],
    script(Task::Abort, "m", Place::First, 3),
    script(Task::Move, "n", Place::First, 4),
    script(Task::Abort, "n", Place::First, 5),
    script(Task::Move, "back", Place::Second, 6),
    script(Task::Abort, "back", Place::Second, 7),
];

const DEEDS: [Deed; 4] = [Deed::Write, Deed::Clear, Deed::Delete, Deed::Recreate];

fn cast(scripts: &'static [Script], protocol: Protocol) -> Cast {
    Cast { graph: GRAPH, scripts, deeds: &DEEDS, protocol }
}

/// It is deleted by nobody, and each place has one.
fn commons(scripts: &'static [Script]) -> Cast {
    Cast { graph: COMMONS, scripts, deeds: &DEEDS[..2], protocol: Protocol::Real }
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable)
        .map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{variable}={text}")))
}

fn told(found: &Found) -> String {
    format!("{}, after\n{}", found.violation, found.events.join("\n"))
}

/// Every single fault, and behind one in `EG_EXPLORE_ONE_IN` of them (4) every further one, others by another `EG_SEED`;
/// docs/torture.md has the figures of all pairs. `EG_EXPLORE_DEPTH` is the number of faults (2).
#[test]
fn no_two_faults_break_a_move() {
    let (depth, one_in) = (number("EG_EXPLORE_DEPTH", 2) as usize, number("EG_EXPLORE_ONE_IN", 4));
    let seed = number("EG_SEED", rand::random());
    eprintln!("repeat with EG_SEED={seed}");
    let runs = exhaustive(&cast(&THREE, Protocol::Real), depth, one_in, seed)
        .unwrap_or_else(|found| panic!("{}", told(&found)));
    eprintln!("figures: explored={runs}");
    assert!(runs > 100, "{runs}");
}

/// `EG_EXPLORE_RUNS` is their number (200), `EG_SEED` the first seed.
#[test]
fn no_random_faults_break_moves_and_aborts() {
    let (seed, runs) = (number("EG_SEED", rand::random()), number("EG_EXPLORE_RUNS", 200) as usize);
    eprintln!("repeat with EG_SEED={seed}");
    let runs =
        random(&cast(&MANY, Protocol::Real), seed, runs).unwrap_or_else(|found| panic!("{}", told(&found)));
    eprintln!("figures: random={runs}");
}

/// The same of `__commons__`, which is in the way of no move while it is empty.
#[test]
fn no_faults_break_moves_of_the_commons() {
    let seed = number("EG_SEED", rand::random());
    eprintln!("repeat with EG_SEED={seed}");
    let all = exhaustive(&commons(&THREE), 2, number("EG_EXPLORE_ONE_IN", 8), seed);
    let all = all.unwrap_or_else(|found| panic!("{}", told(&found)));
    let runs = number("EG_EXPLORE_RUNS", 100) as usize;
    let random = random(&commons(&MANY), seed, runs).unwrap_or_else(|found| panic!("{}", told(&found)));
    eprintln!("figures: commons={all} commons_random={random}");
    assert!(all > 100, "{all}");
}

/// The explorer sees what it is made to see: what comes of a proof that is left out.
#[test]
fn without_one_of_its_proofs_a_move_breaks() {
    for protocol in [Protocol::SequenceOnly, Protocol::ForgetfulSource, Protocol::NameLetGo] {
        let found = exhaustive(&cast(&THREE, protocol), 2, 1, 0).expect_err(&format!("{protocol:?} holds"));
        eprintln!("{protocol:?}: {}", found.violation);
    }
}
