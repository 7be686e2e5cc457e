//! The task that owns a socket.
//!
//! Callers send it [`Job`]s. It writes them in the order received, remembers who waits, and gives every answer to
//! the job with its id. It ends when the socket fails, when the server breaks the protocol, or when no handle is
//! left. Then all waiting jobs are dropped, and their callers find the reason in the [`OnceLock`].

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use super::frame::{FrameError, read_frame};
use super::response::Response;
use super::transport::{Reader, Writer};
use crate::endpoint::Endpoint;
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
    pub(super) answer: oneshot::Sender<Result<Bytes, String>>,
    pub(super) _permit: OwnedSemaphorePermit,
}

/// Who waits, in the order of the requests on the wire.
type Waiters = Mutex<VecDeque<Waiter>>;

pub(super) async fn drive(
    endpoint: Endpoint,
    (reader, writer): (Reader, Writer),
    mut jobs: mpsc::UnboundedReceiver<Job>,
    max_response_bytes: u32,
    end: Arc<OnceLock<CallError>>,
) {
    let waiters = Waiters::default();
    let error = tokio::select! {
        error = read_answers(&endpoint, reader, max_response_bytes, &waiters) => error,
        error = write_requests(&endpoint, writer, &mut jobs, &waiters) => error,
    };
    tracing::debug!(%endpoint, %error, "connection ended");
    end.get_or_init(|| error);
}

async fn write_requests(
    endpoint: &Endpoint,
    mut writer: impl AsyncWrite + Unpin,
    jobs: &mut mpsc::UnboundedReceiver<Job>,
    waiters: &Waiters,
) -> CallError {
    let lost = |cause: String| CallError::ConnectionLost { endpoint: endpoint.clone(), cause };
    while let Some(Job { mut frame, waiter }) = jobs.recv().await {
        waiters.lock().push_back(waiter);
        while frame.len() < WRITE_BYTES
            && let Ok(next) = jobs.try_recv()
        {
            waiters.lock().push_back(next.waiter);
            frame.extend_from_slice(&next.frame);
        }
        if let Err(error) = writer.write_all(&frame).await {
            return lost(error.to_string());
        }
    }
    lost("closed by this client".to_owned())
}

async fn read_answers(
    endpoint: &Endpoint,
    reader: impl AsyncRead + Unpin,
    limit: u32,
    waiters: &Waiters,
) -> CallError {
    let mut reader = BufReader::with_capacity(READ_BYTES, reader);
    loop {
        let frame = match read_frame(&mut reader, limit).await {
            Ok(frame) => Bytes::from(frame),
            Err(FrameError::TooLarge(length)) => {
                return CallError::ResponseTooLarge { endpoint: endpoint.clone(), length, limit };
            }
            Err(FrameError::Closed) => {
                return CallError::ConnectionLost {
                    endpoint: endpoint.clone(),
                    cause: "closed by the server".into(),
                };
            }
            Err(FrameError::Io(error)) => {
                return CallError::ConnectionLost { endpoint: endpoint.clone(), cause: error.to_string() };
            }
        };
        match Response::parse(&frame) {
            Ok(response) => deliver(endpoint, response, waiters),
            Err(reason) => {
                return CallError::BadResponse { endpoint: endpoint.clone(), reason: reason.to_owned() };
            }
        }
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
        Some(waiter) => drop(waiter.answer.send(response.outcome)),
        None => tracing::warn!(%endpoint, id = response.id, "answer to no request"),
    }
}
