//! Every target with its seeds, changed at random: for some seconds each, which `EG_FUZZ_SECONDS` sets. `EG_SEED` repeats a run.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use epistemic_fuzzing::{TARGETS, Target};
use epistemic_tests::mutate::scramble;
use epistemic_tests::seed::{generator, number_from_env, seed};
use rand::RngExt;
use rand::rngs::StdRng;

/// Inputs that are tried whatever the time.
const LEAST: usize = 200;
/// Bytes of an input at most.
const LONGEST: usize = 16 << 10;

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("fuzz")
}

fn seeds_of(target: &str) -> Result<Vec<Vec<u8>>> {
    let folder = fuzz().join("corpus").join(target);
    let files = fs_err::read_dir(&folder)?.map(|entry| Ok(fs_err::read(entry?.path())?));
    let seeds = files.collect::<Result<Vec<_>>>()?;
    ensure!(!seeds.is_empty(), "no seeds in {}", folder.display());
    Ok(seeds)
}

/// A seed with some changes, now and then with the end of another one.
fn changed(seeds: &[Vec<u8>], random: &mut StdRng) -> Vec<u8> {
    let mut input = seeds[random.random_range(0..seeds.len())].clone();
    if random.random_bool(0.2) {
        let other = &seeds[random.random_range(0..seeds.len())];
        input.truncate(random.random_range(0..=input.len()));
        input.extend_from_slice(&other[random.random_range(0..=other.len())..]);
    }
    for _ in 0..random.random_range(1..4) {
        scramble(&mut input, 0, random);
    }
    input.truncate(LONGEST);
    input
}

/// How many inputs were tried, and how many of them were taken for something.
fn run(target: Target, seeds: &[Vec<u8>], time: Duration, mut random: StdRng) -> Result<(usize, usize)> {
    let (begun, mut tried, taken) = (Instant::now(), 0, Cell::new(0));
    while tried < LEAST || begun.elapsed() < time {
        let input = changed(seeds, &mut random);
        let call = || taken.set(taken.get() + usize::from(target(&input)));
        catch_unwind(AssertUnwindSafe(call))
            .map_err(|_| anyhow::anyhow!("it panicked, as told above, with {}", hex::encode(&input)))?;
        tried += 1;
    }
    Ok((tried, taken.get()))
}

#[test]
fn changed_seeds_do_no_harm() -> Result<()> {
    let (seed, seconds) = (seed("mutated"), number_from_env("EG_FUZZ_SECONDS", 2));
    let time = Duration::from_secs(seconds as u64);
    thread::scope(|scope| {
        let runs: Vec<_> = (0..)
            .zip(TARGETS)
            .map(|(number, (name, target))| {
                let random = generator(seed, number);
                (name, scope.spawn(move || run(target, &seeds_of(name)?, time, random)))
            })
            .collect();
        for (name, run) in runs {
            let (tried, taken) = run.join().expect("a loop panicked").context(name)?;
            eprintln!("figures: target={name} tried={tried} taken={taken}");
            // A harness whose inputs are all refused at once shows nothing.
            ensure!(taken > 0, "{name}: none of {tried} inputs was taken for anything");
        }
        Ok(())
    })
}

#[test]
fn every_seed_is_taken_and_nothing_that_is_empty() -> Result<()> {
    for (name, target) in TARGETS {
        for seed in seeds_of(name)? {
            ensure!(target(&seed), "{name}: {}", hex::encode(&seed));
        }
        ensure!(!target(&[]), "{name}");
    }
    Ok(())
}

/// libFuzzer is given the same targets, and nothing else.
#[test]
fn libfuzzer_calls_the_same_targets() -> Result<()> {
    let manifest = fs_err::read_to_string(fuzz().join("Cargo.toml"))?;
    for (name, _) in TARGETS {
        let source = fs_err::read_to_string(fuzz().join(format!("fuzz_targets/{name}.rs")))?;
        ensure!(source.contains(&format!("epistemic_fuzzing::{name}(data)")), "{source}");
        ensure!(
            manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")),
            "{name} is not in Cargo.toml"
        );
    }
    ensure!(fs_err::read_dir(fuzz().join("fuzz_targets"))?.count() == TARGETS.len());
    Ok(())
}
