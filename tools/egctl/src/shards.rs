//! Running shards: which ones, and asking them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use epistemic_operations::error::message_of;
use epistemic_operations::hosts::{Credentials, ShardParty};
use epistemic_operations::remote;
use epistemic_router::owners::{Scope, Survey, survey};
use epistemic_router::{
    Affinity, Client, ClientTls, ConfigError, ConnectOptions, Endpoint, EndpointList, MinAuth, RouterError,
    Secret, ShardRouter, TLS_CA_VAR, TLS_CERT_VAR, TLS_KEY_VAR, TLS_VAR, must_have_schemes, tls_from,
};
use epistemic_storage::graph::COMMONS;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::runtime::Handle;

use super::exit::{Exit, Failure, exit_of};

/// For one answer of a shard that is asked who serves what.
const ANSWER: Duration = Duration::from_secs(30);

/// Which running shards to ask, and the secret to do it with.
#[derive(Args, Debug, Clone)]
pub(crate) struct ShardArgs {
    /// Ask this one shard: tcp://HOST:PORT or unix://PATH.
    #[arg(long, value_name = "E", conflicts_with = "endpoints")]
    endpoint: Option<Endpoint>,
    /// All shards, comma-separated or as a JSON list; a named graph goes to the one that owns it.
    /// Default: GRAPH_SERVICE_ENDPOINTS and the other variables (see egctl --help).
    #[arg(long, value_name = "LIST", value_parser = EndpointList::parse)]
    endpoints: Option<EndpointList>,
    #[command(flatten)]
    credentials: CredentialArgs,
}

/// How to be let in by a shard.
#[derive(Args, Debug, Clone)]
pub(crate) struct CredentialArgs {
    /// File of mode 0600 that holds the shared secret. Default: the variable GRAPH_SERVICE_AUTH_SECRET.
    #[arg(long, visible_alias = "auth-secret-file", value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// Ask as this agent, where access control is on; a System identity may see everything.
    #[arg(long, value_name = "NAME")]
    agent_id: Option<String>,
    /// The weakest token that requests carry: 1, over their id, which a listener can use again; 2, signed, whatever a server says.
    /// With --agent-id they are signed in any case where the server takes it. Default: EPISTEMIC_GRAPH_MIN_AUTH, else 1.
    #[arg(long, value_name = "VERSION", value_parser = MinAuth::parse)]
    min_auth: Option<MinAuth>,
    #[command(flatten)]
    tls: TlsArgs,
}

/// How tcp:// endpoints are reached. What is not given is as the environment says it.
#[derive(Args, Debug, Clone)]
pub(crate) struct TlsArgs {
    /// Use TLS for every tcp:// endpoint, and trust shards with a certificate of a CA in this PEM file. Default:
    /// EPISTEMIC_GRAPH_TLS_CA, if EPISTEMIC_GRAPH_TLS is require.
    #[arg(long, value_name = "FILE")]
    tls_ca: Option<String>,
    /// PEM file of a certificate to show to shards that ask for one. Default: EPISTEMIC_GRAPH_TLS_CERT.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<String>,
    /// PEM file of its private key, of mode 0600. Default: EPISTEMIC_GRAPH_TLS_KEY.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<String>,
}

impl TlsArgs {
    /// TLS as flags and environment describe it; none when it is off.
    pub(crate) fn client(&self) -> Result<Option<ClientTls>, ConfigError> {
        tls_from(|name| {
            let flag = match name {
                TLS_VAR => self.tls_ca.is_some().then(|| "require".to_owned()),
                TLS_CA_VAR => self.tls_ca.clone(),
                TLS_CERT_VAR => self.tls_cert.clone(),
                TLS_KEY_VAR => self.tls_key.clone(),
                _ => None,
            };
            flag.or_else(|| std::env::var(name).ok())
        })
    }
}

impl CredentialArgs {
    /// What they say.
    pub(crate) fn credentials(&self) -> Result<Credentials, ConfigError> {
        let (secret_file, agent_id) = (self.secret_file.clone(), self.agent_id.clone());
        let min_auth = self.min_auth.map_or_else(|| MinAuth::resolve(|name| std::env::var(name).ok()), Ok)?;
        Ok(Credentials { secret_file, agent_id, tls: self.tls.client()?, min_auth })
    }

    /// The secret; blocks when it is in a file.
    pub(crate) fn secret(&self) -> Result<Secret, ConfigError> {
        self.credentials()?.secret()
    }

    /// The defaults, with the identity to ask with, and TLS.
    pub(crate) fn options(&self) -> Result<ConnectOptions, ConfigError> {
        Ok(self.credentials()?.options())
    }
}

impl ShardArgs {
    /// The shards meant.
    pub(crate) fn list(&self) -> Result<EndpointList> {
        let list = match (&self.endpoint, &self.endpoints) {
            (Some(endpoint), _) => EndpointList::new(vec![endpoint.clone()])?,
            (None, Some(list)) => list.clone(),
            (None, None) => EndpointList::from_env()?,
        };
        must_have_schemes(&list)?;
        Ok(list)
    }

    /// The secret; blocks when it is in a file.
    pub(crate) fn secret(&self) -> Result<Secret, ConfigError> {
        self.credentials.secret()
    }

    /// The file of the secret, where one is given.
    pub(crate) fn secret_file(&self) -> Option<&Path> {
        self.credentials.secret_file.as_deref()
    }

    /// The identity to ask with.
    pub(crate) fn agent_id(&self) -> Option<&str> {
        self.credentials.agent_id.as_deref()
    }

    /// The defaults, with the identity to ask with, and TLS.
    pub(crate) fn options(&self) -> Result<ConnectOptions, ConfigError> {
        self.credentials.options()
    }

    /// The list that all its shards are to have; none where one shard is meant, whatever list it has.
    pub(super) fn list_to_compare(&self) -> Result<Option<EndpointList>> {
        if self.endpoint.is_some() { Ok(None) } else { self.list().map(Some) }
    }

    /// A connection to the shard that owns `graph`.
    pub(super) async fn owner_of(&self, graph: &str) -> Result<Client> {
        // `--endpoint` means that shard, whatever list it has: so graphs are moved.
        let options = ConnectOptions { compare_lists: self.endpoint.is_none(), ..self.options()? };
        let router = ShardRouter::new(self.list()?, self.secret()?, options).with_affinity(affinity()?);
        let client = router.client_for(graph).await;
        client.map_err(|error: RouterError| error.into())
    }

    /// A connection to this shard, whoever owns what.
    pub(super) async fn connect(&self, endpoint: &Endpoint) -> Result<Client> {
        self.credentials.connect(endpoint).await
    }

    /// What all shards say together of who serves what.
    pub(super) async fn survey(&self, scope: Scope) -> Result<Survey> {
        let (list, secret) = (self.list()?, self.secret()?);
        let options = ConnectOptions { compare_lists: false, deadline: ANSWER, ..self.options()? };
        Ok(survey(list.as_slice(), None, &secret, &options, scope).await)
    }

    /// One running shard as a party of moves.
    pub(super) fn party(&self, endpoint: &Endpoint, runtime: &Handle) -> Result<ShardParty, ConfigError> {
        Ok(ShardParty::new(runtime.clone(), endpoint.clone(), self.secret()?, self.options()?))
    }

    /// The answers of all shards to a method without parameters, in list order. All are asked at once.
    pub(super) async fn ask_all<T>(&self, method: &'static str) -> Result<Answers<T>>
    where
        T: DeserializeOwned + Send + 'static,
    {
        self.ask_all_with(method, ()).await
    }

    /// [`ShardArgs::ask_all`] with parameters.
    pub(super) async fn ask_all_with<T, P>(&self, method: &'static str, params: P) -> Result<Answers<T>>
    where
        T: DeserializeOwned + Send + 'static,
        P: Serialize + Clone + Send + Sync + 'static,
    {
        let (secret, options) = (self.secret()?, self.options()?);
        let mut asked = Vec::new();
        for endpoint in self.list()?.as_slice().iter().cloned() {
            let (secret, options) = (secret.clone(), options.clone());
            let task = tokio::spawn({
                let (endpoint, params) = (endpoint.clone(), params.clone());
                async move { ask(&endpoint, &secret, options, method, &params).await }
            });
            asked.push((endpoint, task));
        }
        let mut answers = Vec::with_capacity(asked.len());
        for (endpoint, task) in asked {
            answers.push((endpoint, task.await?));
        }
        Ok(Answers(answers))
    }
}

impl CredentialArgs {
    /// A connection to this shard.
    pub(super) async fn connect(&self, endpoint: &Endpoint) -> Result<Client> {
        Ok(Client::connect(endpoint, &self.secret()?, self.options()?).await?)
    }
}

async fn ask<T: DeserializeOwned, P: Serialize + Sync>(
    endpoint: &Endpoint,
    secret: &Secret,
    options: ConnectOptions,
    method: &str,
    params: &P,
) -> Result<T> {
    let client = Client::connect(endpoint, secret, options).await?;
    Ok(remote::call(&client, COMMONS, method, params).await?)
}

/// The groups of graphs that live together, as every client and shard has them: the default one and those of the
/// variable `GRAPH_AFFINITY_GROUPS`.
pub(super) fn affinity() -> Result<Affinity, ConfigError> {
    Affinity::resolve(|name| std::env::var(name).ok())
}

/// One answer or error per shard.
pub(super) struct Answers<T>(pub(super) Vec<(Endpoint, Result<T>)>);

impl<T> Answers<T> {
    /// The error of a command that has printed what it got: unreachable shards come before other errors.
    pub(super) fn failure(&self) -> Result<(), Failure> {
        let failed = self.0.iter().filter_map(|(endpoint, answer)| {
            let error = answer.as_ref().err()?;
            Some((exit_of(error), endpoint, message_of(error)))
        });
        let mut failed: Vec<_> = failed.collect();
        failed.sort_by_key(|(exit, ..)| *exit != Exit::Unreachable);
        let Some((exit, ..)) = failed.first() else {
            return Ok(());
        };
        let lines = failed.iter().map(|(_, endpoint, message)| {
            if message.contains(endpoint.as_str()) {
                message.clone()
            } else {
                format!("{endpoint}: {message}")
            }
        });
        Err(Failure::new(*exit, lines.collect::<Vec<_>>().join("\negctl: ")))
    }
}
