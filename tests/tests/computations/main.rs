//! Computations: ended when their client is gone, fair between graphs, within their memory, never stale.

mod deadline;
mod disconnect;
mod endings;
mod fairness;
mod forks;
mod graphs;
mod half_close;
mod memory;
mod versions;

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use epistemic_tests::server::computations_of_one_graph as share;
use epistemic_tests::wait::poll;
use epistemic_tests::wire::params;
use epistemic_tests::{Client, ServerBuilder, ServerProcess, Value, http};

/// What takes milliseconds on a quiet machine may take this long on a busy one.
const SOON: Duration = Duration::from_secs(2);
/// For what has to be computed first.
const LATER: Duration = Duration::from_secs(30);

fn server() -> ServerBuilder {
    ServerProcess::ours().tcp().metrics()
}

/// The value of one of the server's series.
fn metric(server: &ServerProcess, name: &str) -> Result<f64> {
    let page = http::get(server.metrics_addr(), "/metrics")?;
    http::series(&page.body, &format!("epistemic_graph_{name}")).with_context(|| format!("no series {name}"))
}

/// Waits until a series has the value, and returns how long that took.
fn await_metric(server: &ServerProcess, name: &str, value: f64, limit: Duration) -> Result<Duration> {
    let begun = Instant::now();
    let mut last = f64::NAN;
    poll(limit, Duration::from_millis(1), || {
        last = metric(server, name)?;
        anyhow::Ok((last == value).then(|| begun.elapsed()))
    })?
    .with_context(|| format!("{name} is {last} after {limit:?}, not {value}"))
}

/// Waits until a series has at least the value.
fn await_at_least(server: &ServerProcess, name: &str, value: f64, limit: Duration) -> Result<()> {
    poll(limit, Duration::from_millis(5), || anyhow::Ok((metric(server, name)? >= value).then_some(())))?
        .with_context(|| format!("{name} stays below {value}"))
}

/// Something to compute that takes long.
#[derive(Debug, Clone, Copy)]
enum Long {
    PageRank,
    Betweenness,
    SubgraphMatch,
    SimilarityEdges,
    Communities,
    Reasoning,
}

impl Long {
    fn send(self, client: &mut Client) -> Result<u64> {
        Ok(match self {
            Long::PageRank => client.send("ring", "PageRank", endless_page_rank())?,
            Long::Betweenness => client.send("ring", "BetweennessCentrality", None)?,
            Long::SubgraphMatch => {
                let fields = params([("pattern_graph_name", "odd cycle".into())]);
                client.send("two sides", "Vf2SubgraphMatch", fields)?
            }
            Long::SimilarityEdges => {
                client.send("vectors", "ComputeSimilarityEdges", params([("threshold", 0.999.into())]))?
            }
            Long::Communities => {
                client.send("many", "CommunityDetection", params([("resolution", 1.0.into())]))?
            }
            Long::Reasoning => {
                let properties = Value::Array(vec!["before".into()]);
                client.send(
                    "order",
                    "RunDatalogReasoning",
                    params([("transitive_properties", properties)]),
                )?
            }
        })
    }
}

/// On [`graphs::ring`] these ranks never settle.
fn endless_page_rank() -> Option<Value> {
    params([("damping", 1.0.into()), ("iterations", 10_000.into())])
}

/// Occupies all the threads that a graph may have with computations that last, one connection each.
fn occupy(server: &ServerProcess) -> Result<Vec<Client>> {
    let before = metric(server, "computations_running")?;
    let occupied = (0..share())
        .map(|_| {
            let mut client = server.client()?;
            Long::Betweenness.send(&mut client)?;
            Ok(client)
        })
        .collect::<Result<Vec<_>>>()?;
    await_metric(server, "computations_running", before + share() as f64, LATER)?;
    Ok(occupied)
}
