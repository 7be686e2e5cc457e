//! How one shard is, from what it answers or does not.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Error, Result};
use epistemic_operations::error::message_of;
use epistemic_operations::remote;
use epistemic_router::status::{DamageStatus, ShardStatus};
use epistemic_router::{
    CallError, Client, ConnectCause, ConnectError, ConnectOptions, Endpoint, EndpointList, Secret,
};
use epistemic_storage::graph::COMMONS;
use serde::Serialize;
use tokio::time::Instant;

use crate::exit::{Exit, Failure};

/// One shard, as it was when it was looked at.
#[derive(Debug, Serialize)]
pub(super) struct Shard {
    pub(super) endpoint: String,
    /// Whether it answered, be it with a refusal.
    reachable: bool,
    /// What is wrong with it; nothing when it is up.
    pub(super) state: Vec<State>,
    pub(super) status: Option<ShardStatus>,
    pub(super) error: Option<String>,
    #[serde(skip)]
    cause: Option<Error>,
}

/// What can be wrong with a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    /// Nobody listens.
    Refused,
    /// It takes connections and says nothing.
    Hung,
    /// There is no way to it.
    Unreachable,
    /// It does not know the secret.
    WrongSecret,
    /// It answered with another error.
    Failed,
    /// It takes no writes.
    ReadOnly,
    /// Records or tables are damaged.
    Damaged,
    /// It has another endpoint list.
    OtherList,
    /// It waits to take over from the owner, and has no records.
    StandsBy,
}

impl State {
    /// The word in the table.
    pub(super) fn word(self) -> &'static str {
        match self {
            State::Refused => "refused",
            State::Hung => "HUNG",
            State::Unreachable => "unreachable",
            State::WrongSecret => "wrong secret",
            State::Failed => "failed",
            State::ReadOnly => "read-only",
            State::Damaged => "DAMAGED",
            State::OtherList => "other list",
            State::StandsBy => "stand-by",
        }
    }

    fn of(error: &Error) -> Self {
        if let Some(ConnectError { cause: ConnectCause::Io(error), .. }) = error.downcast_ref() {
            use std::io::ErrorKind::{ConnectionRefused, NotFound};
            let nobody = matches!(error.kind(), ConnectionRefused | NotFound);
            return if nobody { State::Refused } else { State::Unreachable };
        }
        match error.downcast_ref::<CallError>() {
            Some(CallError::Deadline { .. }) => State::Hung,
            Some(error) if error.is_authentication() => State::WrongSecret,
            Some(CallError::ConnectionLost { .. } | CallError::NotSent { .. }) | None => State::Unreachable,
            Some(_) => State::Failed,
        }
    }
}

/// How to look.
#[derive(Debug, Clone)]
pub(super) struct Look {
    pub(super) secret: Secret,
    pub(super) options: ConnectOptions,
    pub(super) timeout: Duration,
    /// The list that each shard must have, where it was told one.
    pub(super) list: Option<EndpointList>,
}

impl Look {
    /// Asks a shard, for the time-out at most.
    pub(super) async fn at(&self, endpoint: &Endpoint) -> Shard {
        let (endpoint, answer) = (endpoint.to_string(), self.ask(endpoint).await);
        match answer {
            Ok(status) => {
                let (state, error) = self.judge(&status);
                let cause = error.clone().map(|text| Failure::new(Exit::Usage, text).into());
                Shard { endpoint, reachable: true, state, status: Some(status), error, cause }
            }
            Err(error) => {
                let state = State::of(&error);
                let reachable = matches!(state, State::WrongSecret | State::Failed);
                let mut text = message_of(&error);
                if state == State::WrongSecret {
                    text.push_str(" (it has another secret)");
                }
                Shard {
                    endpoint,
                    reachable,
                    state: vec![state],
                    status: None,
                    error: Some(text),
                    cause: Some(error),
                }
            }
        }
    }

    async fn ask(&self, endpoint: &Endpoint) -> Result<ShardStatus> {
        let begun = Instant::now();
        let options = ConnectOptions { connect_timeout: self.timeout, ..self.options.clone() };
        let client = Client::connect(endpoint, &self.secret, options).await?;
        let left = self.timeout.saturating_sub(begun.elapsed());
        Ok(remote::call(&client.with_deadline(left), COMMONS, "ShardStatus", &()).await?)
    }

    fn judge(&self, status: &ShardStatus) -> (Vec<State>, Option<String>) {
        let mut state = Vec::new();
        let other = self.other_list(status);
        if other.is_some() {
            state.push(State::OtherList);
        }
        if status.role.as_deref() == Some("standby") {
            state.push(State::StandsBy);
        } else if !status.writable {
            state.push(State::ReadOnly);
        }
        if status.damage.as_ref().is_some_and(DamageStatus::is_any) {
            state.push(State::Damaged);
        }
        (state, other)
    }

    fn other_list(&self, status: &ShardStatus) -> Option<String> {
        let (ours, theirs) = (self.list.as_ref()?, status.endpoints.as_ref()?);
        let own: BTreeSet<_> = ours.as_slice().iter().map(Endpoint::as_str).collect();
        let same = own == theirs.iter().map(String::as_str).collect();
        (!same).then(|| {
            format!(
                "it has the endpoint list [{}], here it is [{ours}]: give both the same one (GRAPH_SERVICE_ENDPOINTS)",
                theirs.join(",")
            )
        })
    }
}

impl Shard {
    /// Why the command fails because of it, the worst first: it does not answer, it refuses, it has another list.
    pub(super) fn failure(&self) -> Option<(&Error, &str)> {
        Some((self.cause.as_ref()?, self.error.as_deref()?))
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use super::*;

    #[test]
    fn errors_tell_refused_hung_and_wrong_secrets_apart() {
        let endpoint = Endpoint::parse("tcp://h:1").unwrap();
        let io = |kind: io::ErrorKind| -> Error {
            let cause = ConnectCause::Io(Arc::new(kind.into()));
            ConnectError { endpoint: endpoint.clone(), cause }.into()
        };
        let late = ConnectCause::Timeout { target: endpoint.target().clone(), after: Duration::from_secs(2) };
        let hung = CallError::Deadline {
            endpoint: endpoint.clone(),
            method: "ShardStatus".into(),
            after: Duration::from_secs(2),
        };
        let lost = CallError::ConnectionLost { endpoint: endpoint.clone(), cause: "gone".into() };
        let cases: [(Error, State); 8] = [
            (io(io::ErrorKind::ConnectionRefused), State::Refused),
            (io(io::ErrorKind::NotFound), State::Refused),
            (io(io::ErrorKind::HostUnreachable), State::Unreachable),
            (ConnectError { endpoint, cause: late }.into(), State::Unreachable),
            (hung.into(), State::Hung),
            (lost.into(), State::Unreachable),
            (CallError::Server("Authentication failed".into()).into(), State::WrongSecret),
            (CallError::Server("ACCESS_DENIED: no".into()).into(), State::Failed),
        ];
        for (error, expected) in cases {
            assert_eq!(State::of(&error), expected, "{error:#}");
        }
    }
}
