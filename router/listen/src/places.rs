//! Places for connections, so that strangers cannot use up the file descriptors of the process.
//!
//! Everybody is let in. When no place is left, or one origin has more than its share of connections without a request that
//! counts, the one of them that has waited longest is pushed out; when all are at work, newcomers wait.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::Origin;

/// A number of places.
pub struct Places {
    free: Arc<Semaphore>,
    most: usize,
    /// Idle connections of one origin at most.
    of_one: usize,
    idle: Mutex<Idle>,
    next: AtomicU64,
    pushed_out: AtomicU64,
}

/// One connection's place, given back when it is dropped. It begins idle.
pub struct Place {
    places: Arc<Places>,
    origin: Origin,
    number: u64,
    told: Arc<Notify>,
    _permit: OwnedSemaphorePermit,
}

/// Connections that may be pushed out.
#[derive(Default)]
struct Idle {
    /// Those of each origin, oldest first.
    of: HashMap<Origin, BTreeMap<u64, Arc<Notify>>>,
    /// The origins by how many they have, and of those with as many the one with the oldest last.
    ranks: BTreeSet<(usize, Reverse<u64>, Origin)>,
    count: usize,
}

impl Idle {
    fn change<T>(&mut self, origin: Origin, change: impl FnOnce(&mut BTreeMap<u64, Arc<Notify>>) -> T) -> T {
        let connections = self.of.entry(origin).or_default();
        if let Some((&oldest, _)) = connections.first_key_value() {
            self.ranks.remove(&(connections.len(), Reverse(oldest), origin));
        }
        let before = connections.len();
        let result = change(connections);
        self.count = self.count + connections.len() - before;
        match connections.first_key_value() {
            Some((&oldest, _)) => {
                self.ranks.insert((connections.len(), Reverse(oldest), origin));
            }
            None => {
                self.of.remove(&origin);
            }
        }
        result
    }

    fn of(&self, origin: &Origin) -> usize {
        self.of.get(origin).map_or(0, BTreeMap::len)
    }

    /// Takes out the oldest connection of `origin`.
    fn pop(&mut self, origin: Origin) -> Option<Arc<Notify>> {
        self.change(origin, BTreeMap::pop_first).map(|(_, oldest)| oldest)
    }

    /// The origin with the most connections.
    fn fullest(&self) -> Option<Origin> {
        self.ranks.last().map(|(_, _, origin)| *origin)
    }
}

impl Places {
    /// `most` places; of one origin `of_one` idle connections at most.
    pub fn new(most: usize, of_one: usize) -> Arc<Self> {
        Arc::new(Self {
            free: Arc::new(Semaphore::new(most)),
            most,
            of_one,
            idle: Mutex::default(),
            next: AtomicU64::new(0),
            pushed_out: AtomicU64::new(0),
        })
    }

    /// Takes a place. When there is none left, the oldest idle connection of the origin with the most of them is pushed
    /// out; when `origin` has its share of idle ones, its oldest. Waits while all are at work.
    pub async fn take(self: &Arc<Self>, origin: Origin) -> Place {
        let permit = match Arc::clone(&self.free).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => {
                self.make_room();
                Arc::clone(&self.free).acquire_owned().await.expect("it is never closed")
            }
        };
        self.push_out(|idle| (idle.of(&origin) >= self.of_one).then_some(origin));
        let place = Place {
            places: Arc::clone(self),
            origin,
            number: self.next.fetch_add(1, Ordering::Relaxed),
            told: Arc::default(),
            _permit: permit,
        };
        place.rest();
        place
    }

    fn push_out(&self, whose: impl FnOnce(&Idle) -> Option<Origin>) {
        let mut idle = self.idle.lock();
        if let Some(origin) = whose(&idle)
            && let Some(oldest) = idle.pop(origin)
        {
            oldest.notify_one();
            self.pushed_out.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Pushes out the oldest idle connection of the origin with the most of them: something else than places is scarce.
    pub fn make_room(&self) {
        self.push_out(Idle::fullest);
    }

    /// Connections that there may be.
    pub fn most(&self) -> usize {
        self.most
    }

    /// Connections that there are now.
    pub fn taken(&self) -> usize {
        self.most - self.free.available_permits()
    }

    /// Whether connections that wait for their first request that counts have more than a quarter of the places.
    pub fn crowded(&self) -> bool {
        self.idle.lock().count > self.most / 4
    }

    /// Connections that were pushed out so far.
    pub fn pushed_out(&self) -> u64 {
        self.pushed_out.load(Ordering::Relaxed)
    }
}

impl Place {
    /// The connection has a request that counts: it is not pushed out until it [rests](Place::rest).
    pub fn work(&self) {
        self.places.idle.lock().change(self.origin, |connections| connections.remove(&self.number));
    }

    /// The connection waits for a request: it may be pushed out.
    pub fn rest(&self) {
        let told = Arc::clone(&self.told);
        self.places.idle.lock().change(self.origin, |connections| connections.insert(self.number, told));
    }

    /// Where the connection comes from.
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// Waits until the connection has to go.
    pub async fn pushed_out(&self) {
        self.told.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.work();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    async fn is_pushed_out(place: &Place) -> bool {
        timeout(Duration::from_millis(1), place.pushed_out()).await.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn the_oldest_idle_connection_makes_room_and_those_at_work_do_not() {
        let places = Places::new(3, 3);
        let one = Origin::User(1);
        let (worker, first, second) =
            (places.take(one).await, places.take(one).await, places.take(one).await);
        worker.work();
        assert_eq!(places.taken(), 3);
        assert!(places.crowded(), "two of three wait");
        let newcomer = tokio::spawn({
            let places = Arc::clone(&places);
            async move { places.take(one).await }
        });
        assert!(is_pushed_out(&first).await);
        assert!(!is_pushed_out(&second).await && !is_pushed_out(&worker).await);
        assert!(!newcomer.is_finished(), "its place is still taken");
        drop(first);
        let newcomer = newcomer.await.unwrap();
        assert_eq!((places.taken(), places.pushed_out()), (3, 1));
        for place in [&second, &newcomer] {
            place.work();
        }
        assert!(timeout(Duration::from_secs(60), places.take(one)).await.is_err(), "all are at work");
        assert!(!places.crowded());
        drop(worker);
        timeout(Duration::from_secs(60), places.take(one)).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn an_origin_pushes_out_its_own_connections_only() {
        let places = Places::new(8, 3);
        let [friend, crowd] = [Origin::User(1), Origin::Address([127, 0, 0, 1].into())];
        let quiet = places.take(friend).await;
        let mut flood = Vec::new();
        for _ in 0..3 {
            flood.push(places.take(crowd).await);
        }
        let newest = places.take(crowd).await;
        assert!(is_pushed_out(&flood[0]).await, "it has its share");
        assert!(
            !is_pushed_out(&flood[1]).await && !is_pushed_out(&newest).await && !is_pushed_out(&quiet).await
        );
        // Those at work are no part of it.
        flood.iter().for_each(Place::work);
        for _ in 0..3 {
            flood.push(places.take(crowd).await);
        }
        assert_eq!((places.taken(), places.pushed_out()), (8, 2));
        // All places are taken, and the oldest idle connection is not of the crowd.
        let late = tokio::spawn({
            let places = Arc::clone(&places);
            async move { places.take(friend).await }
        });
        assert!(is_pushed_out(&flood[3]).await && !is_pushed_out(&quiet).await);
        drop(flood);
        late.await.unwrap();
        assert!(!is_pushed_out(&quiet).await);
    }
}
