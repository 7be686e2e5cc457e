//! Random programs through the real Python client into our server and the reference, side by side.
//!
//! `EG_SEED` repeats a run; `EG_DIFFERENTIAL` is the number of operations of each of two runs on memory (30000).

use anyhow::{Context, Result};
use epistemic_tests::{ServerProcess, python, seed};

const REFERENCE: &str = "0.31.0";

/// Fewer than in memory: every write is synced.
const OPERATIONS_ON_DISK: usize = 6_000;

/// Compares two servers and prints what the script says of itself.
fn judge<'a>(
    script: &str,
    ours: &'a ServerProcess,
    reference: &'a ServerProcess,
    more: &[&str],
    seed: u64,
) -> Result<()> {
    let seed = seed.to_string();
    let socket = |server: &'a ServerProcess| server.socket().to_str().context("path of a socket");
    let args = ["--ours", socket(ours)?, "--reference", socket(reference)?, "--seed", &seed];
    let said = python::judge(REFERENCE, script, &[&args[..], more].concat(), ours.secret())?;
    eprintln!("{script}: {said}");
    Ok(())
}

fn compare(ours: &ServerProcess, operations: usize, seed: u64) -> Result<()> {
    let reference = ServerProcess::reference(REFERENCE).in_memory().start()?;
    judge("differential.py", ours, &reference, &["--operations", &operations.to_string()], seed)
}

fn operations() -> usize {
    seed::number_from_env("EG_DIFFERENTIAL", 30_000)
}

#[test]
fn programs_on_memory_answer_as_the_reference() -> Result<()> {
    let seed = seed::seed("differential in memory");
    compare(&ServerProcess::ours().in_memory().start()?, operations(), seed)
}

#[test]
fn more_programs_on_memory_answer_as_the_reference() -> Result<()> {
    let seed = seed::seed("differential in memory, the second").wrapping_add(1);
    compare(&ServerProcess::ours().in_memory().start()?, operations(), seed)
}

#[test]
fn programs_on_a_persist_dir_answer_as_the_reference() -> Result<()> {
    let seed = seed::seed("differential on disk").wrapping_add(2);
    compare(&ServerProcess::ours().start()?, OPERATIONS_ON_DISK, seed)
}

/// Negative control: with one wrong answer of any method between two reference servers the comparison fails.
#[test]
fn a_wrong_answer_of_any_method_is_noticed() -> Result<()> {
    let reference = || ServerProcess::reference(REFERENCE).in_memory().start();
    judge("diff_selftest.py", &reference()?, &reference()?, &[], seed::seed("differential selftest"))
}
