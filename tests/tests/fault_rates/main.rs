//! System calls of the server and of `egctl` fail at random: EIO, ENOSPC, short writes, slow syncs, on every file that they
//! touch and on the log of the process. `EG_FAULT_ROUNDS` sets the number of rounds.

mod egctl;
mod load;
mod server;
mod single;

use epistemic_tests::faults::{Fault, Rate};
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

/// A rate of one to three kinds, so that each is met alone too.
fn rate(random: &mut StdRng, kinds: &[Fault], one_in: &[u32]) -> Rate {
    let count = random.random_range(1..=3);
    Rate {
        one_in: *one_in.choose(random).expect("not empty"),
        faults: kinds.sample(random, count).copied().collect(),
        slow_ms: random.random_range(20..400),
        most: 0,
        seed: random.random(),
    }
}
