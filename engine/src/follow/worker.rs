//! The thread that follows: it looks for newer states, and has the shard go on to them.

use std::{
    io,
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use epistemic_logging::Limit;
use epistemic_object_store::{Follower, Identity, Location, Newer};
use epistemic_storage::{GraphStore, StoreError};
use parking_lot::Mutex;

use super::{Following, clock};
use crate::{
    config::Config,
    expected_store::Expected,
    memory::{Budget, Part},
    open_store::{Opened, Remote},
    shard::Shard,
};

/// Time between two looks at who the owner is.
const OWNER_EVERY: Duration = Duration::from_secs(2);
/// A state that took longer to open may lack what was removed from the log meanwhile.
const LONGEST: Duration = Duration::from_secs(40);

/// A store that is followed, before the thread has begun.
pub(crate) struct Followed {
    follower: Follower,
    interval: Duration,
    pub(crate) following: Arc<Following>,
}

/// Opens the newest state of the store at `url`. Blocks.
///
/// # Errors
/// There is no store, or another one than was expected.
pub(crate) fn open(
    url: &str,
    config: &Config,
    budget: &Budget,
    expected: &Expected,
) -> anyhow::Result<Opened> {
    let (begun, began) = (Instant::now(), clock::now());
    // Its connections end with the runtime that they were made on.
    let found = Identity::load(&Location::parse(url)?)?.map(|identity| identity.store_id);
    let location = Location::parse(url)?;
    expected.compare(found, location.url())?;
    let (follower, store) = Follower::open(&location, budget.bytes(Part::Blocks))?;
    let (store_id, url) = (follower.identity().store_id.clone(), location.url().to_owned());
    expected.note(&store_id)?;
    let graphs = GraphStore::open_read_only(store)?;
    let took_ms = begun.elapsed().as_millis();
    tracing::info!(took_ms, store_id, "Following {} graphs of {url}", graphs.graph_count());
    let max_staleness = Duration::from_secs(config.follow.max_staleness);
    let following = Arc::new(Following::new(max_staleness, began));
    let interval = Duration::from_millis(config.follow.follow_interval);
    let followed = Some(Followed { follower, interval, following });
    let remote = Remote { store_id, url, epoch: 0, restored: Mutex::default(), location };
    Ok(Opened { graphs, directory: None, remote: Some(remote), followed })
}

/// Starts to follow. The thread ends with the shard, some seconds later when the object store does not answer.
pub(crate) fn start(followed: Followed, shard: &Arc<Shard>) -> io::Result<()> {
    let shard = Arc::downgrade(shard);
    std::thread::Builder::new().name("follow".into()).spawn(move || run(followed, &shard))?;
    Ok(())
}

fn run(Followed { mut follower, interval, following }: Followed, shard: &Weak<Shard>) {
    let mut asked: Option<Instant> = None;
    loop {
        let (begun, began) = (Instant::now(), clock::now());
        // The shard is not held while the object store is waited for: it may end meanwhile.
        let looked = follower.look();
        let Some(shard) = shard.upgrade().filter(|shard| !shard.stop.is_cancelled()) else { return };
        match looked
            .and_then(|newer| newer.map_or(Ok(()), |newer| go_on_to(&newer, began, &shard, &following)))
        {
            Ok(()) => following.confirm(began),
            Err(error) => {
                tell(&error);
                following.failed(error.to_string());
            }
        }
        drop(shard);
        if asked.is_none_or(|asked| asked.elapsed() >= OWNER_EVERY) {
            asked = Some(Instant::now());
            match follower.owner() {
                Ok(owner) => following.is_owned_by(owner),
                // Whom it was is better than nobody.
                Err(error) => tell(&error),
            }
        }
        #[expect(clippy::disallowed_methods, reason = "it looks again at intervals, on a thread of its own")]
        std::thread::sleep(interval.saturating_sub(begun.elapsed()));
    }
}

/// Who may do what comes before what is read: nobody sees something that was written once he was shut out.
fn go_on_to(newer: &Newer, began: Duration, shard: &Shard, following: &Following) -> Result<(), StoreError> {
    if clock::now().saturating_sub(began) > LONGEST {
        return Err(StoreError::other("a newer state took too long to open; it is opened again"));
    }
    shard.access.identities.follow(newer.records())?;
    shard.channels.follow(newer.records())?;
    shard.graphs.follow(newer.records(), |gone| newer.publish(gone))?;
    following.took_on();
    Ok(())
}

fn tell(error: &StoreError) {
    static LINES: Limit = Limit::new(5, Duration::from_secs(60));
    if let Some(left_out) = LINES.admit() {
        tracing::warn!(%error, left_out, "the followed store cannot be looked at");
    }
}
