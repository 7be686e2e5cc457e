//! Another client of the server, which must not notice what the tests do to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use epistemic_tests::wait::poll;
use epistemic_tests::{Client, ServerProcess, Value};

use crate::node;

const ROUNDS_AFTER: u64 = 20;
const LIMIT: Duration = Duration::from_secs(60);

/// A client that writes and reads on a connection and a graph of its own until [`Bystander::finish`].
pub(crate) struct Bystander {
    stop: Arc<AtomicBool>,
    rounds: Arc<AtomicU64>,
    thread: JoinHandle<Result<()>>,
}

impl Bystander {
    /// Starts it on the unix socket.
    pub(crate) fn start(server: &ServerProcess) -> Result<Bystander> {
        let mut client = server.client()?;
        client.create_graph("bystander")?;
        let (stop, rounds) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (until, count) = (Arc::clone(&stop), Arc::clone(&rounds));
        let thread = thread::Builder::new().name("bystander".into()).spawn(move || {
            while !until.load(Ordering::Relaxed) {
                let round = count.fetch_add(1, Ordering::Relaxed);
                work(&mut client, round)
                    .with_context(|| format!("the bystander noticed something in round {round}"))?;
            }
            Ok(())
        })?;
        Ok(Bystander { stop, rounds, thread })
    }

    /// Lets it work a little longer, stops it and demands that everything it did was answered rightly.
    pub(crate) fn finish(self) -> Result<()> {
        let end = self.rounds.load(Ordering::Relaxed) + ROUNDS_AFTER;
        let worked = poll(LIMIT, Duration::from_millis(1), || -> Result<_> {
            let done = self.rounds.load(Ordering::Relaxed) > end || self.thread.is_finished();
            Ok(done.then_some(()))
        })?;
        self.stop.store(true, Ordering::Relaxed);
        ensure!(worked.is_some(), "the bystander is no longer served");
        self.thread.join().expect("the bystander does not panic")
    }
}

fn work(client: &mut Client, round: u64) -> Result<()> {
    let (id, properties) = (format!("n{}", round % 50), round.to_be_bytes());
    client.add_node("bystander", &id, &properties)?;
    let read = client.node_properties("bystander", &id)?;
    ensure!(read.as_deref() == Some(&properties[..]), "it read {read:?}");
    let missing = client.call("bystander", "HasNode", node("missing"))?;
    ensure!(missing == Value::from(false));
    Ok(())
}
