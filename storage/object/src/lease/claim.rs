//! Who wants a lease: looks at it, and takes it when it may.

use std::time::Duration;

use epistemic_storage::StoreError;
use tokio::runtime::Runtime;

use super::{
    LASTS, Lease, Owner, PATIENCE, clock,
    hold::{Held, Term},
    register::{Register, Version},
    standbys,
};
use crate::{Result, location::Location};

/// A process that wants the lease of a store. Its calls block, for some seconds at most when the object store does not answer.
pub struct Claim {
    runtime: Runtime,
    register: Register,
    me: Owner,
    first: Option<Version>,
    seen: Option<Sighting>,
}

/// A content, and since when it is known to be the newest, on the clock of this process.
struct Sighting {
    owner: Owner,
    version: Version,
    since: Duration,
}

/// What a lease is found to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look {
    /// It may be taken: there was no owner yet, the last one has released it, or has not renewed it for [`LASTS`].
    Free(Option<Owner>),
    /// Another process has it.
    Held {
        /// That process.
        by: Owner,
        /// It has renewed it since this claim first looked: it runs.
        renewed: bool,
    },
}

/// What came of taking a lease.
pub enum Taken {
    /// It is this process's.
    Yes(Lease),
    /// Another one was faster.
    No(Claim),
    /// The object store does not answer: it is open whether the lease was taken, the next look tells.
    Open(Claim, StoreError),
}

impl Claim {
    /// A claim of this process, which clients reach at `endpoint`, to the store at `location`. Asks nothing of the object store.
    ///
    /// # Errors
    /// The system gives no descriptor.
    pub fn new(location: &Location, endpoint: &str) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (register, me) = (Register::new(location.apart()?), Owner::this_process(endpoint));
        Ok(Self { runtime, register, me, first: None, seen: None })
    }

    /// This process.
    pub fn me(&self) -> &Owner {
        &self.me
    }

    /// Looks at the lease once.
    ///
    /// # Errors
    /// The object store does not answer, or the object is damaged.
    pub fn look(&mut self) -> Result<Look> {
        let found = self.runtime.block_on(self.register.read())?;
        // Counted from the answer on: the renewal that it shows began before.
        let now = clock::now();
        let Some((owner, version)) = found else {
            self.seen = None;
            return Ok(Look::Free(None));
        };
        let same = self.seen.take().filter(|seen| seen.version == version);
        let since = same.map_or(now, |seen| seen.since);
        let renewed = *self.first.get_or_insert_with(|| version.clone()) != version;
        let mine = owner.id == self.me.id;
        self.seen = Some(Sighting { owner: owner.clone(), version, since });
        if owner.released || mine || now.saturating_sub(since) >= LASTS {
            return Ok(Look::Free(Some(owner)));
        }
        Ok(Look::Held { by: owner, renewed })
    }

    /// Waits for the end of `time`.
    pub fn pause(&self, time: Duration) {
        self.runtime.block_on(async { tokio::time::sleep(time).await });
    }

    /// Takes the lease as it was last looked at, and keeps it from then on. Whether that look said that it may be taken is the
    /// caller's matter.
    pub fn take(mut self) -> Taken {
        let (version, counter) = match &self.seen {
            Some(seen) => (Some(&seen.version), seen.owner.counter),
            None => (None, 0),
        };
        let owner = Owner { counter: counter + 1, ..self.me.clone() };
        let began = clock::now();
        match self.runtime.block_on(self.register.swap(version, &owner)) {
            Ok(Some(version)) => {
                let held = Held { register: self.register, term: Term { owner, version: Some(version) } };
                Taken::Yes(Lease::keep(self.runtime, held, began))
            }
            Ok(None) => {
                self.seen = None;
                Taken::No(self)
            }
            Err(error) => Taken::Open(self, error),
        }
    }

    /// Takes the lease whoever has it, and returns when the owner that it was taken from sends no answers any more.
    ///
    /// # Errors
    /// The object store does not answer.
    pub fn take_over(mut self) -> Result<Lease> {
        loop {
            let look = self.look()?;
            match self.take() {
                Taken::Yes(lease) => {
                    if let Look::Held { .. } = look {
                        lease.outlast_former();
                    }
                    return Ok(lease);
                }
                // Its owner has renewed it meanwhile.
                Taken::No(claim) => self = claim,
                Taken::Open(_, error) => return Err(error),
            }
        }
    }

    /// Makes itself known as a stand-by, again and again while it is one.
    ///
    /// # Errors
    /// The object store does not answer.
    pub fn stand_by(&mut self) -> Result<()> {
        self.me.counter += 1;
        let announced = standbys::announce(self.register.location(), &self.me);
        self.in_time(announced)
    }

    /// It is a stand-by no more.
    pub fn stand_down(&self) {
        // One that is left behind is removed by the owner.
        let _ = self.in_time(standbys::withdraw(self.register.location(), &self.me.id));
    }

    fn in_time(&self, work: impl Future<Output = Result<()>>) -> Result<()> {
        self.runtime.block_on(async {
            tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(|_| {
                Err(StoreError::Unreachable { detail: "no answer about the stand-bys".into() })
            })
        })
    }
}
