//! A request over TCP costs about what one over the unix socket does: fault 12.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use epistemic_tests::wire::params;
use epistemic_tests::{Client, ServerBuilder, ServerProcess};

/// Slack for a machine that is busy with other tests; the fault is 44 ms.
const SLACK: Duration = Duration::from_micros(200);

fn tcp_is_as_fast_as_unix(server: ServerBuilder, samples: usize) -> Result<()> {
    let server = server.tcp().start()?;
    let (mut unix, mut tcp) = (server.client()?, server.tcp_client()?);
    unix.create_graph("g")?;
    unix.add_node("g", "n", b"\x81\xa1k\x05")?;
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..samples {
        // In turn, so that both meet the same load.
        for (client, times) in [&mut unix, &mut tcp].into_iter().zip(&mut times) {
            times.push(time_of_a_read(client)?);
        }
    }
    let [unix, tcp] = times.map(median);
    eprintln!("median of {samples} reads: unix {unix:?}, tcp {tcp:?}");
    ensure!(tcp <= 2 * unix + SLACK, "tcp takes {tcp:?}, the unix socket {unix:?}");
    Ok(())
}

fn time_of_a_read(client: &mut Client) -> Result<Duration> {
    let begun = Instant::now();
    client.call("g", "GetNodeProperties", params([("node_id", "n".into())]))?;
    Ok(begun.elapsed())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

#[test]
fn fault_12_tcp_is_about_as_fast_as_the_unix_socket() -> Result<()> {
    tcp_is_as_fast_as_unix(ServerProcess::ours(), 5_000)
}

#[test]
fn fault_12_is_found_in_reference_0_31() -> Result<()> {
    super::goes_red(tcp_is_as_fast_as_unix(ServerProcess::reference("0.31.0"), 51), "tcp takes")
}
