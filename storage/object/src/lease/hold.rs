//! Who has a lease: renews it, and knows how long it may trust it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread::JoinHandle,
    time::Duration,
};

use epistemic_storage::StoreError;
use parking_lot::Mutex;
use tokio::{
    runtime::Runtime,
    sync::{mpsc, watch},
    time::sleep,
};

use super::{
    AFTER_FAILURE, OWNER_TRUSTS, Owner, RENEWED_EVERY, Standby, clock,
    register::{Register, Version},
    standbys::{self, Roll},
};
use crate::Result;

/// A renewal may find that earlier ones were made whose answers were lost.
const ATTEMPTS: usize = 3;

/// What is renewed.
pub(super) struct Held {
    pub(super) register: Register,
    pub(super) term: Term,
}

/// The newest content of the lease that is known to be this process's.
pub(super) struct Term {
    pub(super) owner: Owner,
    /// None when somebody has deleted it.
    pub(super) version: Option<Version>,
}

/// The lease of this process, renewed by a thread of its own until it is released, lost or dropped.
pub struct Lease {
    shared: Arc<Shared>,
    tell: mpsc::UnboundedSender<Told>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// How a lease is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figures {
    /// Time since the beginning of the last renewal; nothing once it is released or lost.
    pub age: Option<Duration>,
    /// Renewals that were made.
    pub renewals: u64,
    /// Renewals that failed, each of which was tried again.
    pub failures: u64,
}

enum Told {
    Epoch(u64),
    Release,
}

type OnLost = Box<dyn FnOnce(StoreError) + Send>;

struct Shared {
    /// When the last renewal that was made began; nothing when the lease is not this process's any more.
    began: watch::Sender<Option<Duration>>,
    owner: Mutex<Owner>,
    standbys: Mutex<Vec<Standby>>,
    renewals: AtomicU64,
    failures: AtomicU64,
    failure: Mutex<Option<String>>,
    lost: Mutex<Lost>,
}

enum Lost {
    No(Option<OnLost>),
    Yes(StoreError),
}

impl Lease {
    /// Keeps a lease whose last renewal began at that time.
    pub(super) fn keep(runtime: Runtime, held: Held, began: Duration) -> Self {
        let shared = Arc::new(Shared {
            began: watch::Sender::new(Some(began)),
            owner: Mutex::new(held.term.owner.clone()),
            standbys: Mutex::default(),
            renewals: AtomicU64::new(1),
            failures: AtomicU64::new(0),
            failure: Mutex::default(),
            lost: Mutex::new(Lost::No(None)),
        });
        let (tell, told) = mpsc::unbounded_channel();
        let keeper = Keeper { held, shared: Arc::clone(&shared), roll: Roll::default(), called: None };
        let keeping = std::thread::Builder::new()
            .name("lease".into())
            .spawn(move || runtime.block_on(keeper.run(began, told)));
        let thread = keeping
            .inspect_err(|error| tracing::error!(%error, "no thread to renew the lease: it runs out"))
            .ok();
        Self { shared, tell, thread: Mutex::new(thread) }
    }

    /// Whether nobody else can have taken the lease yet. What was read before that call is as new as anybody can have it.
    pub fn holds(&self) -> bool {
        self.shared.holds()
    }

    /// Waits until [`Lease::holds`]; for ever, when it was released.
    ///
    /// # Errors
    /// [`StoreError::Fenced`]: another process has it.
    pub async fn held(&self) -> Result<()> {
        let mut began = self.shared.began.subscribe();
        loop {
            if self.holds() {
                return Ok(());
            }
            if let Lost::Yes(error) = &*self.shared.lost.lock() {
                return Err(error.clone());
            }
            if began.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Calls `told` with [`StoreError::Fenced`] when another process is found to have the lease; at once, if that was found
    /// already.
    pub fn on_lost(&self, told: impl FnOnce(StoreError) + Send + 'static) {
        let mut lost = self.shared.lost.lock();
        match &mut *lost {
            Lost::No(on_lost) => *on_lost = Some(Box::new(told)),
            Lost::Yes(error) => {
                let error = error.clone();
                drop(lost);
                told(error);
            }
        }
    }

    /// Why the last renewal failed, if it did.
    pub fn failure(&self) -> Option<String> {
        self.shared.failure.lock().clone()
    }

    /// What it says of this process.
    pub fn owner(&self) -> Owner {
        self.shared.owner.lock().clone()
    }

    /// The stand-bys that run.
    pub fn standbys(&self) -> Vec<Standby> {
        self.shared.standbys.lock().clone()
    }

    /// How it is kept.
    pub fn figures(&self) -> Figures {
        let age = self.shared.began.borrow().map(|began| clock::now().saturating_sub(began));
        let (renewals, failures) = (self.shared.renewals.load(Relaxed), self.shared.failures.load(Relaxed));
        Figures { age, renewals, failures }
    }

    /// From the next renewal on it says that this process has claimed that epoch.
    pub fn has_epoch(&self, epoch: u64) {
        // The thread ends when the lease is lost.
        let _ = self.tell.send(Told::Epoch(epoch));
    }

    /// Gives it back: others need not wait then. From now on it does not hold. Blocks for the answer of the object store, some
    /// seconds at most.
    pub fn release(&self) {
        self.shared.began.send_replace(None);
        let _ = self.tell.send(Told::Release);
        if let Some(thread) = self.thread.lock().take() {
            // What went wrong it has said.
            let _ = thread.join();
        }
    }

    /// Waits until an owner that this lease was taken from sends no answers any more.
    pub(super) fn outlast_former(&self) {
        let until = clock::now() + OWNER_TRUSTS;
        #[expect(clippy::disallowed_methods, reason = "nothing tells of it: the time is what makes it true")]
        while let Some(rest) = until.checked_sub(clock::now()).filter(|rest| !rest.is_zero()) {
            std::thread::sleep(rest);
        }
    }
}

impl Shared {
    fn holds(&self) -> bool {
        self.began.borrow().is_some_and(|began| clock::now().saturating_sub(began) < OWNER_TRUSTS)
    }

    fn lose(&self, to: &Owner) {
        let error = StoreError::Fenced { detail: format!("its lease is that of {to} now") };
        let before = std::mem::replace(&mut *self.lost.lock(), Lost::Yes(error.clone()));
        // Who waits looks at what was lost when this changes.
        self.began.send_replace(None);
        if let Lost::No(Some(told)) = before {
            told(error);
        }
    }
}

/// The thread.
struct Keeper {
    held: Held,
    shared: Arc<Shared>,
    roll: Roll,
    called: Option<Duration>,
}

/// What came of a renewal.
enum Renewed {
    Yes,
    /// It is another one's.
    Lost(Owner),
}

impl Keeper {
    async fn run(mut self, began: Duration, mut told: mpsc::UnboundedReceiver<Told>) {
        let mut next = began + RENEWED_EVERY;
        loop {
            let due = next.saturating_sub(clock::now());
            tokio::select! {
                told = told.recv() => match told {
                    Some(Told::Epoch(epoch)) => self.held.term.owner.epoch = Some(epoch),
                    Some(Told::Release) => return self.release().await,
                    // Dropped: it runs out.
                    None => return,
                },
                () = sleep(due) => {
                    let Some(again) = self.renew_at(clock::now()).await else { return };
                    next = again;
                    self.call_standbys().await;
                }
            }
        }
    }

    /// Renews once, and tells when to do so again; never, when the lease is lost.
    async fn renew_at(&mut self, began: Duration) -> Option<Duration> {
        match self.renew().await {
            Ok(Renewed::Yes) => {
                self.shared.renewals.fetch_add(1, Relaxed);
                *self.shared.failure.lock() = None;
                *self.shared.owner.lock() = self.held.term.owner.clone();
                // One that was released meanwhile stays released.
                self.shared.began.send_if_modified(|last| last.as_mut().map(|last| *last = began).is_some());
                Some(began + RENEWED_EVERY)
            }
            Ok(Renewed::Lost(owner)) => {
                tracing::error!("the lease was taken over by {owner}");
                self.shared.lose(&owner);
                None
            }
            Err(error) => {
                self.shared.failures.fetch_add(1, Relaxed);
                *self.shared.failure.lock() = Some(error.to_string());
                tracing::warn!(%error, "the lease could not be renewed: it is tried again");
                Some(clock::now() + AFTER_FAILURE)
            }
        }
    }

    async fn renew(&mut self) -> Result<Renewed> {
        for _ in 0..ATTEMPTS {
            let next = Owner { counter: self.held.term.owner.counter + 1, ..self.held.term.owner.clone() };
            let seen = self.held.term.version.as_ref();
            if let Some(version) = self.held.register.swap(seen, &next).await? {
                self.held.term = Term { owner: next, version: Some(version) };
                return Ok(Renewed::Yes);
            }
            match self.held.register.read().await? {
                // An earlier attempt whose answer was lost.
                Some((owner, version)) if owner.id == self.held.term.owner.id => {
                    self.held.term.version = Some(version);
                    self.held.term.owner.counter = owner.counter.max(next.counter);
                }
                Some((owner, _)) => return Ok(Renewed::Lost(owner)),
                None => {
                    tracing::error!(
                        "the object of the lease was deleted, which nobody may do: it is made anew"
                    );
                    self.held.term.version = None;
                }
            }
        }
        Err(StoreError::other("the object of the lease reads as an older one than it is"))
    }

    async fn release(mut self) {
        self.held.term.owner.released = true;
        match self.renew().await {
            Ok(Renewed::Yes) => {}
            Ok(Renewed::Lost(owner)) => tracing::warn!("the lease was taken over by {owner}"),
            Err(error) => {
                tracing::warn!(%error, "the lease could not be released: others wait until it runs out")
            }
        }
    }

    async fn call_standbys(&mut self) {
        let now = clock::now();
        if self.called.is_some_and(|called| now.saturating_sub(called) < standbys::EVERY) {
            return;
        }
        if self.called.is_none() {
            // It may have been one until now.
            let gone = standbys::withdraw(self.held.register.location(), &self.held.term.owner.id);
            let _ = tokio::time::timeout(standbys::LOOK_PATIENCE, gone).await;
        }
        self.called = Some(now);
        let call = self.roll.call(self.held.register.location());
        match tokio::time::timeout(standbys::LOOK_PATIENCE, call).await {
            Ok(Ok(running)) => *self.shared.standbys.lock() = running,
            Ok(Err(error)) => tracing::warn!(%error, "the stand-bys cannot be looked for"),
            Err(_) => tracing::warn!("the stand-bys cannot be looked for: no answer"),
        }
    }
}
