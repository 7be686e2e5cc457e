//! Another tenant, who comes from elsewhere and must be served meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use epistemic_tests::ServerProcess;

/// Reads and writes of another tenant.
pub(crate) struct Victim {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<(u64, Duration)>>,
}

/// Far above what it takes on a busy machine, and far below for ever.
const LONGEST: Duration = Duration::from_secs(20);

impl Victim {
    /// Starts it on the unix socket; attackers come over TCP.
    pub(crate) fn start(server: &ServerProcess) -> Result<Self> {
        let mut client = server.client()?;
        client.create_graph("victim")?;
        let stop = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&stop);
        let thread = thread::Builder::new().name("victim".into()).spawn(move || {
            let (mut round, mut longest) = (0_u64, Duration::ZERO);
            while !until.load(Ordering::Relaxed) {
                round += 1;
                let begun = Instant::now();
                let (id, properties) = (format!("n{}", round % 50), round.to_be_bytes());
                client.add_node("victim", &id, &properties).with_context(|| format!("round {round}"))?;
                let read = client.node_properties("victim", &id)?;
                ensure!(read.as_deref() == Some(&properties[..]), "round {round}: it read {read:?}");
                longest = longest.max(begun.elapsed());
            }
            Ok((round, longest))
        })?;
        Ok(Self { stop, thread })
    }

    /// All it asked was answered, and in time.
    pub(crate) fn finish(self) -> Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        let (rounds, longest) = self.thread.join().expect("the victim does not panic")?;
        eprintln!("the victim: {rounds} writes and reads, the longest {longest:?}");
        ensure!(rounds > 100 && longest < LONGEST, "{rounds} rounds, the longest took {longest:?}");
        Ok(())
    }
}
