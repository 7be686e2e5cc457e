//! The runtime that all work on the object store is done on.

use std::{future::Future, sync::mpsc};

use epistemic_storage::StoreError;

use crate::Result;

/// Threads of it. They wait for the network most of the time; what they compute is decompression and merging.
const THREADS: usize = 2;

/// A runtime of the store's own. SlateDB is asynchronous, its callers here are not, and some of them stand on a thread of
/// another runtime, where waiting for a future panics, or hangs for good once that task's share of polls is used up.
pub(crate) struct Runtime {
    inner: Option<tokio::runtime::Runtime>,
}

impl Runtime {
    pub(crate) fn start() -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("object-store")
            .enable_all()
            .build()?;
        Ok(Self { inner: Some(runtime) })
    }

    /// Runs `work` and waits for it, from any thread but its own ones.
    pub(crate) fn wait<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T> {
        self.start_work(work).recv().map_err(|_| ended())
    }

    /// Runs `work`; the receiver gets what it comes to.
    pub(crate) fn start_work<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> mpsc::Receiver<T> {
        // Room for one: sending does not block.
        let (done, receiver) = mpsc::sync_channel(1);
        if let Some(runtime) = &self.inner {
            runtime.spawn(async move {
                // Nobody may wait any more.
                let _ = done.send(work.await);
            });
        }
        receiver
    }
}

fn ended() -> StoreError {
    StoreError::other("a task of the object store panicked; the server's log tells more")
}

impl Drop for Runtime {
    fn drop(&mut self) {
        if let Some(runtime) = self.inner.take() {
            // It may be dropped on a thread of another runtime, where waiting is not allowed.
            runtime.shutdown_background();
        }
    }
}
