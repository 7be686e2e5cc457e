//! A stand-by: looks at the lease again and again, and takes it once its owner has ended.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use epistemic_logging::Limit;
use epistemic_object_store::lease::{Claim, LASTS, LOOK_EVERY, Lease, Look, Taken};
use epistemic_storage::StoreError;
use tokio::sync::oneshot;

use crate::lease::Waiting;

/// Time between two announcements of a stand-by.
const ANNOUNCED_EVERY: Duration = Duration::from_secs(3);

/// The thread that waits for the lease.
pub(crate) struct Standby {
    pub(crate) waiting: Arc<Waiting>,
    /// Dropped to end it.
    stop: Sender<()>,
    thread: JoinHandle<()>,
    taken: oneshot::Receiver<Lease>,
}

/// How the time as a stand-by ended.
pub(crate) enum Ended {
    /// The lease is this process's.
    Owner(Lease),
    /// It was told to stop.
    Stopped,
}

impl Standby {
    /// Starts to wait.
    pub(crate) fn start(claim: Claim) -> std::io::Result<Self> {
        let waiting = Arc::<Waiting>::default();
        let ((stop, stopped), (give, taken)) = (channel(), oneshot::channel());
        let knows = Arc::clone(&waiting);
        let thread = std::thread::Builder::new()
            .name("standby".into())
            .spawn(move || wait(claim, &knows, &stopped, give))?;
        Ok(Self { waiting, stop, thread, taken })
    }

    /// Waits until the lease is taken, or until `told` comes.
    pub(crate) async fn until(mut self, told: impl Future<Output = ()>) -> Ended {
        tokio::select! {
            lease = &mut self.taken => return lease.map_or(Ended::Stopped, Ended::Owner),
            () = told => {}
        }
        let Self { stop, thread, mut taken, .. } = self;
        drop(stop);
        // It ends within seconds.
        let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        if let Ok(lease) = taken.try_recv() {
            // Dropped otherwise, it would have to run out.
            let _ = tokio::task::spawn_blocking(move || lease.release()).await;
        }
        Ended::Stopped
    }
}

fn wait(mut claim: Claim, waiting: &Waiting, stopped: &Receiver<()>, give: oneshot::Sender<Lease>) {
    let mut announced: Option<Instant> = None;
    loop {
        match claim.look() {
            Ok(Look::Free(former)) => {
                match &former {
                    Some(owner) if owner.released => tracing::info!("the lease was given back by {owner}"),
                    Some(owner) => tracing::warn!(
                        "{owner} has not renewed its lease for {} s: it is taken over",
                        LASTS.as_secs()
                    ),
                    None => tracing::info!("nobody has the lease yet: it is taken"),
                }
                match claim.take() {
                    Taken::Yes(lease) => {
                        // Nobody may wait for it any more: it runs out then.
                        let _ = give.send(lease);
                        return;
                    }
                    Taken::No(other) => {
                        tracing::info!("another stand-by was faster");
                        claim = other;
                        continue;
                    }
                    Taken::Open(other, error) => {
                        claim = other;
                        tell(&error);
                    }
                }
            }
            Ok(Look::Held { by, .. }) => {
                waiting.is_owned_by(by);
                if announced.is_none_or(|last| last.elapsed() >= ANNOUNCED_EVERY) {
                    match claim.stand_by() {
                        Ok(()) => announced = Some(Instant::now()),
                        Err(error) => tell(&error),
                    }
                }
            }
            Err(error) => tell(&error),
        }
        match stopped.recv_timeout(LOOK_EVERY) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => {
                claim.stand_down();
                return;
            }
        }
    }
}

fn tell(error: &StoreError) {
    static LINES: Limit = Limit::new(5, Duration::from_secs(60));
    if let Some(left_out) = LINES.admit() {
        tracing::warn!(%error, left_out, "the lease cannot be looked at");
    }
}
