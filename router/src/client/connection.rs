//! The task that owns a socket.
//!
//! Callers send it [`Job`]s. It writes them in the order received, remembers who waits, and gives every answer to
//! the job with its id. It ends when the socket fails, when the server breaks the protocol, or when no handle is
//! left. Then it tells all who wait why, and whether their request had gone out.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use epistemic_protocol::placement::Endpoint;
use parking_lot::Mutex;
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use super::frame::{FrameError, read_frame};
use super::pulse::Pulse;
use super::response::Response;
use super::transport::{Reader, Writer};
use crate::error::CallError;

/// Frames that wait together go out in one write until they reach this size.
const WRITE_BYTES: usize = 64 << 10;
const READ_BYTES: usize = 64 << 10;

/// A request on its way. The permit is one place of the connection's bound on requests in flight; it is held until
/// the answer comes, also when the caller has given up.
pub(super) struct Job {
    pub(super) frame: Vec<u8>,
    pub(super) waiter: Waiter,
}

pub(super) struct Waiter {
    pub(super) id: u64,
    pub(super) answer: oneshot::Sender<Result<Bytes, CallError>>,
    pub(super) _permit: OwnedSemaphorePermit,
}

/// Who waits, in the order of the requests on the wire.
type Waiters = Mutex<VecDeque<Waiter>>;

/// What the task needs besides the socket and the jobs.
pub(super) struct Driver {
    pub(super) endpoint: Endpoint,
    pub(super) max_response_bytes: u32,
    pub(super) write_timeout: Duration,
    pub(super) pulse: Arc<Pulse>,
}

impl Driver {
    pub(super) async fn run(
        self,
        (reader, writer): (Reader, Writer),
        mut jobs: mpsc::UnboundedReceiver<Job>,
    ) {
        let waiters = Waiters::default();
        let error = tokio::select! {
            error = self.read_answers(reader, &waiters) => error,
            error = self.write_requests(writer, &mut jobs, &waiters) => error,
        };
        tracing::debug!(endpoint = %self.endpoint, %error, "connection ended");
        self.pulse.end(&error);
        jobs.close();
        // A caller that gave up needs no reason.
        for waiter in waiters.into_inner() {
            let _ = waiter.answer.send(Err(error.clone()));
        }
        while let Some(job) = jobs.recv().await {
            let _ = job.waiter.answer.send(Err(self.pulse.not_sent(&self.endpoint)));
        }
    }

    async fn write_requests(
        &self,
        mut writer: Writer,
        jobs: &mut mpsc::UnboundedReceiver<Job>,
        waiters: &Waiters,
    ) -> CallError {
        while let Some(Job { mut frame, waiter }) = jobs.recv().await {
            waiters.lock().push_back(waiter);
            while frame.len() < WRITE_BYTES
                && let Ok(next) = jobs.try_recv()
            {
                waiters.lock().push_back(next.waiter);
                frame.extend_from_slice(&next.frame);
            }
            if let Err(error) = self.write(&mut writer, &frame).await {
                return self.lost(error.to_string());
            }
        }
        self.lost("closed by this client".to_owned())
    }

    /// A server that takes nothing for the write timeout is wedged. A slow one may take its time.
    async fn write(&self, writer: &mut Writer, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let written = tokio::time::timeout(self.write_timeout, writer.write(bytes))
                .await
                .map_err(|_| self.wedged())??;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            bytes = &bytes[written..];
        }
        // What TLS has taken may still wait to be sent.
        tokio::time::timeout(self.write_timeout, writer.flush()).await.map_err(|_| self.wedged())?
    }

    fn wedged(&self) -> io::Error {
        let message = format!("the server took no data for {:?}", self.write_timeout);
        io::Error::new(io::ErrorKind::TimedOut, message)
    }

    async fn read_answers(&self, reader: Reader, waiters: &Waiters) -> CallError {
        let limit = self.max_response_bytes;
        let mut reader = BufReader::with_capacity(READ_BYTES, reader);
        loop {
            let frame = match read_frame(&mut reader, limit).await {
                Ok(frame) => Bytes::from(frame),
                Err(FrameError::TooLarge(length)) => {
                    return CallError::ResponseTooLarge { endpoint: self.endpoint.clone(), length, limit };
                }
                Err(FrameError::Closed) => return self.lost("closed by the server".to_owned()),
                Err(FrameError::Io(error)) => return self.lost(error.to_string()),
            };
            match Response::parse(&frame) {
                Ok(response) => {
                    self.pulse.beat();
                    deliver(&self.endpoint, response, waiters);
                }
                Err(reason) => {
                    let endpoint = self.endpoint.clone();
                    return CallError::BadResponse { endpoint, reason: reason.to_owned() };
                }
            }
        }
    }

    fn lost(&self, cause: String) -> CallError {
        CallError::ConnectionLost { endpoint: self.endpoint.clone(), cause }
    }
}

/// Hands an answer to the request with its id. The error of a request that the server could not decode carries id
/// 0; it belongs to the oldest request, for servers that answer in order (2.0 does not: there it may hit another).
fn deliver(endpoint: &Endpoint, response: Response, waiters: &Waiters) {
    let waiter = {
        let mut waiters = waiters.lock();
        match waiters.iter().position(|waiter| waiter.id == response.id) {
            Some(index) => waiters.remove(index),
            None if response.id == 0 && response.outcome.is_err() => waiters.pop_front(),
            None => None,
        }
    };
    match waiter {
        // A caller that gave up is no error: its answer goes nowhere.
        Some(waiter) => drop(waiter.answer.send(response.outcome.map_err(CallError::Server))),
        None => tracing::warn!(%endpoint, id = response.id, "answer to no request"),
    }
}
