//! Operations of the service: what neither reads nor writes one graph. They may block, so they run on threads that may.

use std::sync::Arc;

use super::{
    error::OpError,
    incoming::Request,
    off_thread::{Job, Threads},
    pending::PendingResponse,
    response,
};
use crate::{memory::Body, shard::Shard, transfer::Transfers, wire::NoParams};

/// Appends the result of what needs neither disk nor graph, nor parameters.
pub(crate) type InlineFn = fn(&Shard, &mut Vec<u8>);
/// Appends the result of an operation of the service. Blocks.
pub(crate) type ServiceFn = fn(&ServiceCall<'_>, &mut Vec<u8>) -> Result<(), OpError>;

/// What an operation of the service works with.
pub(crate) struct ServiceCall<'a> {
    pub(crate) shard: &'a Arc<Shard>,
    /// Those of its connection.
    pub(crate) transfers: &'a Arc<Transfers>,
    pub(crate) request: Request<'a>,
}

/// Answers into the outbox.
pub(crate) fn inline(shard: &Shard, request: &Request<'_>, run: InlineFn, outbox: &mut Vec<u8>) {
    response::result(outbox, request.reply_to(), |out| {
        let NoParams = request.params()?;
        run(shard, out);
        Ok(())
    });
}

/// Promises the response.
pub(crate) fn spawn(
    shard: &Arc<Shard>,
    transfers: &Arc<Transfers>,
    request: &Request<'_>,
    body: &Body,
    run: ServiceFn,
) -> PendingResponse {
    let account = request.account(&Arc::from(request.envelope.graph), None);
    let transfers = Arc::clone(transfers);
    Job::new(shard, request, body, account).run(Threads::Blocking, None, move |running, out| {
        let (shard, request) = (running.shard, running.request);
        run(&ServiceCall { shard, transfers: &transfers, request }, out)
    })
}
