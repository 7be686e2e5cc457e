//! The algorithms of our server against networkx and plain formulas, on random graphs.
//!
//! `EG_SEED` repeats a run; `EG_NETWORKX` is the number of graphs of each run (200).

use anyhow::{Result, ensure};
use epistemic_tests::{ServerProcess, python, seed};

fn check(server: &ServerProcess, graphs: usize, seed: u64, more: &[&str]) -> Result<()> {
    let endpoint = format!("unix://{}", server.socket().display());
    let (seed, graphs) = (seed.to_string(), graphs.to_string());
    let args = [&[&*endpoint, "--seed", &seed, "--graphs", &graphs], more].concat();
    let said = python::judge(python::NETWORKX, "networkx_check.py", &args, server.secret())?;
    eprintln!("networkx_check.py: {said}");
    Ok(())
}

fn graphs() -> usize {
    seed::number_from_env("EG_NETWORKX", 200)
}

#[test]
fn algorithms_agree_with_networkx() -> Result<()> {
    let seed = seed::seed("networkx");
    check(&ServerProcess::ours().in_memory().start()?, graphs(), seed, &[])
}

#[test]
fn algorithms_agree_with_networkx_on_a_persist_dir() -> Result<()> {
    let seed = seed::seed("networkx on disk").wrapping_add(1);
    check(&ServerProcess::ours().start()?, graphs() / 4, seed, &[])
}

/// The check itself: the reference passes without what it is known to get wrong, and fails with it.
#[test]
fn the_reference_fails_only_by_its_known_faults() -> Result<()> {
    let seed = seed::seed("networkx on the reference");
    let reference = ServerProcess::reference("0.31.0").in_memory().start()?;
    check(&reference, graphs() / 4, seed, &["--reference-quirks"])?;
    ensure!(check(&reference, graphs() / 4, seed, &[]).is_err(), "its faults went unnoticed");
    Ok(())
}
