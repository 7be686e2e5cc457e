//! A server whose system calls fail: what it acknowledged is there after a restart, what it refused as not done is not, it
//! answers every request, and it ends only when told to.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use epistemic_tests::faults::{Fault, Faults};
use epistemic_tests::seed::{generator, number_from_env, seed};
use epistemic_tests::wait::pause;
use epistemic_tests::{Egctl, ServerProcess, scratch};
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

use crate::load::Writer;
use crate::rate;

const WRITERS: usize = 4;
const WRITES: usize = 150;

/// Kinds that a server is to outlive. What fails to be read counts as damaged until a restart, so that is a kind of its own.
const KINDS: [Fault; 9] = Fault::ALL;

/// What a round came to.
#[derive(Default)]
struct Sum {
    acknowledged: usize,
    refused: usize,
    faults: u64,
    starts_refused: usize,
}

#[test]
fn a_server_on_a_failing_disk_tells_the_truth() -> Result<()> {
    let seed = seed("a_server_on_a_failing_disk_tells_the_truth");
    let rounds = number_from_env("EG_FAULT_ROUNDS", 6);
    let mut sum = Sum::default();
    for number in 0..rounds {
        let mut random = generator(seed, number as u64);
        round(&mut random, &mut sum).with_context(|| format!("round {number}"))?;
    }
    let Sum { acknowledged, refused, faults, starts_refused } = sum;
    eprintln!(
        "figures: fault_rounds={rounds} faults={faults} acknowledged={acknowledged} kinds_of_refusal={refused} starts_refused={starts_refused}"
    );
    ensure!(faults > 0 && acknowledged > 0, "{faults} faults, {acknowledged} writes: nothing was tried");
    Ok(())
}

fn round(random: &mut StdRng, sum: &mut Sum) -> Result<()> {
    let folder = scratch::folder()?;
    let data = fs_err::canonicalize(folder.path())?.join("data");
    let log = data.with_file_name("log");
    let faults = Faults::below(&[&data, &log])?;
    let rate = rate(random, &KINDS, &[5, 30, 200]);
    let told = format!("{rate:?}, {}", scratch::told(folder.path()));
    let healthy = || ServerProcess::ours().persist_dir(&data).arg("--checkpoint-interval").arg("1");
    let failing = || -> Result<_> {
        let log = fs_err::OpenOptions::new().create(true).append(true).open(&log)?.into_file();
        Ok(healthy().envs(faults.environment()).log_to(log))
    };
    // Half of the rounds have faults from the first call of the first start on.
    if random.random_bool(0.5) {
        faults.set(&rate)?;
    }
    let mut server = failing()?.spawn()?;
    for _ in 0..5 {
        if server.wait_until_ready().is_ok() {
            break;
        }
        // The start may fail, with words and an exit code.
        let exit = server.has_exited()?.with_context(|| format!("neither ready nor ended: {told}"))?;
        ensure!(exit.code().is_some_and(|code| code != 101), "the start ended with {exit}: {told}");
        sum.starts_refused += 1;
        server = failing()?.spawn()?;
    }
    if server.wait_until_ready().is_err() {
        faults.stop()?;
        server.wait_for_exit(Duration::from_secs(30))?;
        server = failing()?.start().with_context(|| format!("without faults: {told}"))?;
    }
    faults.set(&rate)?;
    let mut writers: Vec<_> = (0..WRITERS).map(Writer::new).collect();
    load(&mut server, &mut writers, random).with_context(|| told.clone())?;
    sum.faults += faults.met()?;
    faults.stop()?;

    let log = || fs_err::read_to_string(&log).unwrap_or_default();
    let mut server = healthy().start().with_context(|| format!("{told}\n{}", log()))?;
    let mut client = server.client()?;
    for writer in &writers {
        sum.acknowledged += writer.acknowledged();
        sum.refused += writer.refusals.len();
        writer.check(&mut client).with_context(|| format!("{told}\n{:?}\n{}", writer.refusals, log()))?;
    }
    let stopped = server.terminate()?;
    ensure!(stopped.success(), "{stopped}: {told}\n{}", server.output());
    Egctl::new().verify(&data).with_context(|| told.clone())?;
    Ok(())
}

/// Writers until their writes are done or the server is killed under them. It must answer all of them and not end by itself.
fn load(server: &mut ServerProcess, writers: &mut [Writer], random: &mut StdRng) -> Result<()> {
    let killed = AtomicBool::new(false);
    let kill_after =
        [None, Some(Duration::from_millis(random.random_range(0..800)))].choose(random).copied().flatten();
    let seeds: Vec<u64> = writers.iter().map(|_| random.random()).collect();
    let (running, flag) = (&*server, &killed);
    let pid = running.pid();
    std::thread::scope(|scope| {
        let mut threads = Vec::new();
        for (writer, seed) in writers.iter_mut().zip(seeds) {
            threads.push(scope.spawn(move || writer.write(running, seed, flag, WRITES)));
        }
        if let Some(time) = kill_after {
            pause(time);
            flag.store(true, Ordering::SeqCst);
            let pid = rustix::process::Pid::from_raw(pid.cast_signed()).context("a process id")?;
            rustix::process::kill_process(pid, rustix::process::Signal::KILL)?;
        }
        threads.into_iter().try_for_each(|thread| thread.join().expect("a writer panicked"))
    })?;
    if kill_after.is_some() {
        return server.kill9();
    }
    if let Some(exit) = server.has_exited()? {
        anyhow::bail!("the server ended by itself: {exit}");
    }
    if random.random_bool(0.5) {
        return server.kill9();
    }
    // A stop may fail to write what it would; it ends all the same, and loses nothing.
    let stopped = server.terminate()?;
    ensure!(stopped.code().is_some_and(|code| code != 101), "SIGTERM: {stopped}");
    Ok(())
}
