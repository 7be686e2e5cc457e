//! Random numbers that are the same for ever for one seed (SplitMix64).

/// A generator; a clone repeats what the original gives.
#[derive(Clone)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }
}

/// `EG_SEED`, or a seed of the clock; printed, so that a failed run can be repeated.
pub fn seed() -> u64 {
    let seed = match std::env::var("EG_SEED") {
        Ok(text) => text.parse().expect("EG_SEED is a number"),
        Err(_) => epistemic_storage::clock::unix_ms(),
    };
    eprintln!("EG_SEED={seed}");
    seed
}
