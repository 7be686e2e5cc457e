//! What a lease says.

use rustix::system::uname;
use serde::{Deserialize, Serialize};

/// The content of a lease: who has it. Fields of later versions are passed over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// Random UUID of the process, a new one at each start.
    pub id: String,
    /// Where clients reach the process.
    pub endpoint: String,
    /// Machine, for people.
    pub host: String,
    /// Process there, for people.
    pub pid: u32,
    /// The epoch that its opening of the store has claimed, once it has.
    pub epoch: Option<u64>,
    /// One more with each renewal: no two contents are the same.
    pub counter: u64,
    /// It has given the lease back.
    pub released: bool,
}

impl Owner {
    /// This process, as the owner that it is not yet.
    pub(super) fn this_process(endpoint: &str) -> Self {
        Self {
            id: uuid::Uuid::new_v4().to_string(),
            endpoint: endpoint.to_owned(),
            host: uname().nodename().to_string_lossy().into_owned(),
            pid: std::process::id(),
            epoch: None,
            counter: 0,
            released: false,
        }
    }
}

impl std::fmt::Display for Owner {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} (host {}, pid {})", self.endpoint, self.host, self.pid)
    }
}
