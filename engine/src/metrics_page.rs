//! The metrics page: rendered by a thread of its own, one at a time, so that whoever asks for it, however often, takes
//! neither the threads of requests nor more than one core.

use std::{
    io,
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use crate::{damage::Damage, metrics::Sources, shard::Shard};

/// A page of so many bytes is shown again for [`KEPT_FOR`]; a smaller one costs little and is always of now.
const KEPT_FROM: usize = 256 << 10;
const KEPT_FOR: Duration = Duration::from_secs(1);

type Rendered = Result<Bytes, String>;

/// The page of a shard.
#[derive(Clone)]
pub(crate) struct Page {
    readers: mpsc::UnboundedSender<oneshot::Sender<Rendered>>,
}

impl Page {
    /// Starts the thread, which ends with the last clone.
    pub(crate) fn start(shard: &Arc<Shard>) -> io::Result<Self> {
        let (readers, waiting) = mpsc::unbounded_channel();
        let shard = Arc::downgrade(shard);
        std::thread::Builder::new().name("metrics".into()).spawn(move || run(&shard, waiting))?;
        Ok(Self { readers })
    }

    /// The page as of a moment after the call, or of up to a second before when it is large.
    pub(crate) async fn read(&self) -> Rendered {
        let (reader, page) = oneshot::channel();
        let gone = || "the server stops".to_owned();
        self.readers.send(reader).map_err(|_| gone())?;
        page.await.unwrap_or_else(|_| Err(gone()))
    }
}

fn run(shard: &Weak<Shard>, mut waiting: mpsc::UnboundedReceiver<oneshot::Sender<Rendered>>) {
    let mut kept: Option<(Instant, Bytes)> = None;
    while let Some(first) = waiting.blocking_recv() {
        let mut readers = vec![first];
        // All who have asked by now get the same page.
        while let Ok(reader) = waiting.try_recv() {
            readers.push(reader);
        }
        let still_good = kept.take().filter(|(at, _)| at.elapsed() < KEPT_FOR);
        let page = match &still_good {
            Some((_, page)) => Ok(page.clone()),
            None => render(shard),
        };
        kept = still_good.or_else(|| {
            let page = page.as_ref().ok().filter(|page| page.len() >= KEPT_FROM)?;
            Some((Instant::now(), page.clone()))
        });
        for reader in readers {
            // Who asked may be gone.
            let _ = reader.send(page.clone());
        }
    }
}

fn render(shard: &Weak<Shard>) -> Rendered {
    let shard = shard.upgrade().ok_or("the server stops")?;
    let sources = Sources {
        graphs: &shard.graphs,
        admission: &shard.admission,
        neighbors: &shard.neighbors,
        projections: &shard.projections,
        vectors: &shard.vectors,
        compute: &shard.compute,
        reads: &shard.reads,
        damage: Damage::of(&shard.graphs, &shard.channels),
        scrub: shard.scrub.state(),
        budget: &shard.budget,
        memory: &shard.memory,
        spool: &shard.spool,
        usage: shard.memory_usage(),
        quotas: &shard.quotas,
        open_transfers: &shard.open_transfers,
        transactions: &shard.transactions,
        places: &shard.places,
        tls: &shard.tls,
        role: &shard.role,
    };
    shard.metrics.render(&sources).map(Bytes::from).map_err(|error| error.to_string())
}
