//! A server in a container of 512 MiB, with all defaults, lives through whatever is asked of it.

mod attacks;
mod slow_readers;
mod victim;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use epistemic_tests::cgroup::MemoryCgroup;
use epistemic_tests::wait::poll;
use epistemic_tests::{ServerProcess, http, memory};

use victim::Victim;

const MIB: u64 = 1 << 20;
const CONTAINER: u64 = 512 * MIB;
/// The default part of it.
const BUDGET: u64 = CONTAINER / 100 * 60;

/// A server in a container, or with its budget where this process may make none.
fn start() -> Result<(Option<MemoryCgroup>, ServerProcess)> {
    let group = MemoryCgroup::new(CONTAINER)?;
    let server = ServerProcess::ours().tcp().metrics();
    let server = match &group {
        Some(group) => server.in_cgroup(group),
        None => {
            eprintln!("no cgroup can be made here: --memory-budget instead of a limit");
            server.arg("--memory-budget").arg(BUDGET.to_string())
        }
    };
    Ok((group, server.start()?))
}

/// Security finding 4: one request took gigabytes, and the process was gone.
#[test]
fn all_attacks_together_stay_inside_the_budget() -> Result<()> {
    // The server ends before its cgroup is removed.
    let (group, server) = start()?;
    attacks::prepare(&server)?;
    let victim = Victim::start(&server)?;
    for (name, attack) in attacks::ALL {
        memory::reset_peak(server.pid())?;
        let before = memory::resident_bytes(server.pid())?;
        let done = attack(&server).with_context(|| format!("{name}: the server did not answer"));
        let killed = group.as_ref().map_or(Ok(0), MemoryCgroup::killed)?;
        ensure!(killed == 0, "{name}: the server was killed for want of memory: {done:?}");
        done?;
        let peak = memory::peak_resident_bytes(server.pid())?;
        let after = memory::resident_bytes(server.pid())?;
        eprintln!("{name}: {} MiB before, {} at most, {} after", before / MIB, peak / MIB, after / MIB);
        ensure!(peak <= BUDGET, "{name}: {} MiB resident, {} are the budget", peak / MIB, BUDGET / MIB);
    }
    victim.finish()?;
    // Nothing is held for those who are gone.
    for part in ["requests", "answers", "transfers", "transactions"] {
        let series = format!("epistemic_graph_memory_used_bytes{{part=\"{part}\"}}");
        let held = || -> Result<f64> {
            let page = http::get(server.metrics_addr(), "/metrics")?.body;
            http::series(&page, &series).with_context(|| format!("no {series}"))
        };
        let given_back = poll(Duration::from_secs(60), Duration::from_millis(50), || {
            Ok::<_, anyhow::Error>((held()? == 0.0).then_some(()))
        })?;
        ensure!(given_back.is_some(), "{part}: {} bytes are still held", held()?);
    }
    attacks::work_as_ever(&server)
}

#[test]
fn a_configuration_that_cannot_fit_is_refused_with_what_each_part_takes() -> Result<()> {
    let server = ServerProcess::ours()
        .arg("--memory-budget")
        .arg("200MiB")
        .arg("--block-cache-bytes")
        .arg("200000000");
    let (status, output) = server.start_expecting_exit()?;
    ensure!(status.code() == Some(2), "{status}: {output}");
    for line in [
        "the memory budget of 200 MiB is too little",
        "block_cache      191 MiB  --block-cache-bytes",
        "requests       16 MiB  at least",
    ] {
        ensure!(output.contains(line), "no {line:?} in {output}");
    }
    let server = ServerProcess::ours().arg("--memory-budget").arg("200MiB").start()?;
    ensure!(server.output().contains("Memory: 200 MiB: base 64, block_cache "), "{}", server.output());
    Ok(())
}
