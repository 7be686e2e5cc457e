//! One printed seed for everything random in a test.

use rand::SeedableRng;
use rand::rngs::StdRng;

/// The seed of a test: `EG_SEED` if set, else random. Printed, so that a failure can be repeated.
pub fn seed(test: &str) -> u64 {
    let seed = match std::env::var("EG_SEED") {
        Ok(text) => text.parse().expect("EG_SEED must be an unsigned 64-bit integer"),
        Err(_) => rand::random(),
    };
    eprintln!("{test}: repeat with EG_SEED={seed}");
    seed
}

/// The generator number `stream` of a seed; different streams are independent.
pub fn generator(seed: u64, stream: u64) -> StdRng {
    StdRng::seed_from_u64(seed ^ stream.wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

/// The number in an environment variable, or `default` when it is not set.
pub fn number_from_env(name: &str, default: usize) -> usize {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text:?} is not a number")),
        Err(_) => default,
    }
}
