//! Valid requests that ask for very much: bounded, refused clearly, and no other client waits for them.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use epistemic_tests::wire::{bin, map, pack, params};
use epistemic_tests::{Client, ServerProcess, Value};

use crate::{MIB, memory};

/// Runs `heavy` on a thread of its own and returns how long pings on another connection took at most meanwhile.
fn longest_ping_during(
    server: &ServerProcess,
    heavy: impl FnOnce(&mut Client) -> Result<()> + Send + 'static,
) -> Result<Duration> {
    let mut client = server.client()?;
    client.set_limit(Duration::from_secs(60))?;
    let thread = std::thread::Builder::new().spawn(move || heavy(&mut client))?;
    let mut bystander = server.client()?;
    let mut longest = Duration::ZERO;
    while !thread.is_finished() {
        let begun = Instant::now();
        bystander.call("", "Ping", None)?;
        longest = longest.max(begun.elapsed());
    }
    thread.join().ok().context("the heavy client panicked")??;
    Ok(longest)
}

/// Far below what these requests take, far above what a ping takes on a busy machine.
const NOTICED: Duration = Duration::from_millis(1500);

#[test]
fn batch_reads_are_bounded_and_others_do_not_wait() -> Result<()> {
    let server = ServerProcess::ours().in_memory().start()?;
    let mut client = server.client()?;
    client.create_graph("g")?;
    client.add_node("g", "big", &vec![0x55; MIB as usize])?;
    let read = |count: usize| params([("node_ids", Value::Array(vec!["big".into(); count]))]);
    ensure!(
        client.call("g", "GetNodePropertiesBatch", read(3))?.as_slice().is_some_and(|b| b.len() > 3 << 20)
    );
    let longest = longest_ping_during(&server, move |client| {
        let error = client.call("g", "GetNodePropertiesBatch", read(3000)).err();
        let text = error.as_ref().and_then(|error| error.server_text()).unwrap_or_default();
        ensure!(text.starts_with("RESULT_TOO_LARGE"), "{error:?}");
        let ids = Value::Array(vec!["".into(); 1_000_000]);
        let answer = client.call("g", "HasNodesBatch", params([("node_ids", ids)]))?;
        ensure!(answer.as_slice().is_some_and(|answer| answer.len() > 1_000_000), "one answer per id");
        Ok(())
    })?;
    ensure!(longest < NOTICED, "a ping took {longest:?}");
    ensure!(memory(&server, "VmHWM")? < 2048 * MIB, "{} bytes", memory(&server, "VmHWM")?);
    Ok(())
}

#[test]
fn pipelined_large_batches_take_bounded_memory() -> Result<()> {
    let server = ServerProcess::ours().start()?;
    let mut client = server.client()?;
    client.create_graph("g")?;
    client.create_graph("other")?;
    let longest = longest_ping_during(&server, move |client| {
        let node = |n: u32| {
            let properties = map([("text", bin(vec![0x55; MIB as usize]))]);
            map([("op", "add_node".into()), ("id", format!("n{n}").into()), ("properties", properties)])
        };
        let payload = pack(&Value::Array((0..20).map(node).collect()));
        let sender = {
            let mut sender = client.try_clone()?;
            let requests: Vec<_> = (0..20)
                .map(|_| {
                    client.request("g", "BatchUpdate", params([("operations_msgpack", bin(payload.clone()))]))
                })
                .collect();
            std::thread::Builder::new()
                .spawn(move || requests.iter().try_for_each(|request| sender.send_body(&request.body())))?
        };
        for _ in 0..20 {
            let answer = client.receive()?;
            ensure!(answer.outcome.is_ok(), "{answer:?}");
        }
        sender.join().ok().context("the sender panicked")??;
        Ok(())
    })?;
    ensure!(longest < NOTICED, "a ping took {longest:?}");
    ensure!(memory(&server, "VmHWM")? < 1024 * MIB, "{} bytes", memory(&server, "VmHWM")?);
    Ok(())
}

#[test]
fn a_batch_of_too_many_operations_is_refused() -> Result<()> {
    let server = ServerProcess::ours().in_memory().start()?;
    let mut client = server.client()?;
    client.create_graph("g")?;
    let mut payload = vec![0xdd];
    payload.extend_from_slice(&16_000_000u32.to_be_bytes());
    payload.resize(5 + 16_000_000, 0xc0);
    let refused = client.call("g", "BatchUpdate", params([("operations_msgpack", bin(payload))])).err();
    let text = refused.as_ref().and_then(|error| error.server_text()).unwrap_or_default();
    ensure!(text.contains("16000000 operations, 1000000 are the most"), "{refused:?}");
    let nils = pack(&Value::Array(vec![Value::Nil; 100_000]));
    let answer = client.call("g", "BatchUpdate", params([("operations_msgpack", bin(nils))]))?;
    let errors =
        epistemic_tests::wire::field(&answer, "errors").and_then(Value::as_array).context("errors")?;
    ensure!(
        errors.len() == 10_001 && errors.last() == Some(&"... and 90000 more".into()),
        "{}",
        errors.len()
    );
    ensure!(memory(&server, "VmHWM")? < 256 * MIB, "{} bytes", memory(&server, "VmHWM")?);
    Ok(())
}
