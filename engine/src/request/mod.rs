//! What happens to any request, whatever its operation. What is done for which operation stands in `operations`.
//!
//! - [`dispatch`]: from a frame to a response, or to the promise of one; which requests wait for those before them
//! - [`authenticate`]: who sent it; [`strangers`]: large frames of those who have not shown that yet
//! - [`incoming`]: a request whose sender is known; [`operation`]: what is known of its operation
//! - [`access`]: whether its sender may do that; [`quota`]: for which tenant it counts, and whether that may
//! - [`graph_read`], [`union_read`], [`computation`], [`write`], [`service`]: how each kind of operation is run, and what its handlers get
//! - [`off_thread`]: how they run on other threads
//! - [`response`], [`pending`]: responses, written now or promised; [`error`], [`error_codes`]: those that tell of failures

pub(crate) mod access;
pub(crate) mod authenticate;
pub(crate) mod computation;
pub(crate) mod dispatch;
pub(crate) mod error;
mod error_codes;
pub(crate) mod graph_read;
pub(crate) mod incoming;
pub(crate) mod off_thread;
pub(crate) mod operation;
pub(crate) mod pending;
pub(crate) mod quota;
pub(crate) mod response;
pub(crate) mod service;
pub(crate) mod strangers;
pub(crate) mod union_read;
pub(crate) mod write;
