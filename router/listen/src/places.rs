//! Places for connections, so that strangers cannot use up the file descriptors of the process.
//!
//! Everybody is let in. When no place is left, the connection that has waited longest without a request that counts is
//! pushed out; when all are at work, newcomers wait.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// A number of places.
pub struct Places {
    free: Arc<Semaphore>,
    most: usize,
    /// Connections that may be pushed out, oldest first.
    idle: Mutex<BTreeMap<u64, Arc<Notify>>>,
    next: AtomicU64,
    pushed_out: AtomicU64,
}

/// One connection's place, given back when it is dropped. It begins idle.
pub struct Place {
    places: Arc<Places>,
    number: u64,
    told: Arc<Notify>,
    _permit: OwnedSemaphorePermit,
}

impl Places {
    /// `most` places.
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            free: Arc::new(Semaphore::new(most)),
            most,
            idle: Mutex::default(),
            next: AtomicU64::new(0),
            pushed_out: AtomicU64::new(0),
        })
    }

    /// Takes a place, pushing the oldest idle connection out when there is none left. Waits while all are at work.
    pub async fn take(self: &Arc<Self>) -> Place {
        let permit = match Arc::clone(&self.free).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => {
                self.push_out();
                Arc::clone(&self.free).acquire_owned().await.expect("it is never closed")
            }
        };
        let place = Place {
            places: Arc::clone(self),
            number: self.next.fetch_add(1, Ordering::Relaxed),
            told: Arc::default(),
            _permit: permit,
        };
        place.rest();
        place
    }

    fn push_out(&self) {
        if let Some((_, oldest)) = self.idle.lock().pop_first() {
            oldest.notify_one();
            self.pushed_out.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Connections that there are now.
    pub fn taken(&self) -> usize {
        self.most - self.free.available_permits()
    }

    /// Whether connections that wait for their first request that counts have more than a quarter of the places.
    pub fn crowded(&self) -> bool {
        self.idle.lock().len() > self.most / 4
    }

    /// Connections that were pushed out so far.
    pub fn pushed_out(&self) -> u64 {
        self.pushed_out.load(Ordering::Relaxed)
    }
}

impl Place {
    /// The connection has a request that counts: it is not pushed out until it [rests](Place::rest).
    pub fn work(&self) {
        self.places.idle.lock().remove(&self.number);
    }

    /// The connection waits for a request: it may be pushed out.
    pub fn rest(&self) {
        self.places.idle.lock().insert(self.number, Arc::clone(&self.told));
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
        let places = Places::new(3);
        let (worker, first, second) = (places.take().await, places.take().await, places.take().await);
        worker.work();
        assert_eq!(places.taken(), 3);
        assert!(places.crowded(), "two of three wait");
        let newcomer = tokio::spawn({
            let places = Arc::clone(&places);
            async move { places.take().await }
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
        assert!(timeout(Duration::from_secs(60), places.take()).await.is_err(), "all are at work");
        assert!(!places.crowded());
        drop(worker);
        timeout(Duration::from_secs(60), places.take()).await.unwrap();
    }
}
