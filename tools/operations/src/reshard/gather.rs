//! Reads what every shard of both lists holds.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use epistemic_router::status::{GraphStats, GraphStatsParams, ShardStatus};
use epistemic_router::{CallError, Client, ConnectOptions, Endpoint, EndpointList, Secret};
use epistemic_storage::datadir::{Identity, MANIFEST_FILE};
use epistemic_storage::graph::COMMONS;
use tokio::runtime::Runtime;

use super::error::ReshardError;
use super::inventory::{Change, Shard};
use super::refusal::{Code, Refusal};
use crate::error::{kind_of, message_of};
use crate::hosts::{Credentials, Directory, Status, must_exist, stats_of};
use crate::remote;

/// For a shard to look at the tables of all its graphs.
const DEADLINE: Duration = Duration::from_secs(600);
/// Graphs may be created and deleted between the two answers that are compared.
const ATTEMPTS: usize = 3;

/// Reads every shard of [`Change::endpoints`], in that order: from its directory where one is given, else over the
/// network, all of these at once. Blocks.
///
/// # Errors
/// A secret that cannot be used. The inner error has a refusal for each shard that cannot be read.
pub(super) fn gather(
    change: &Change,
    directories: &[(Endpoint, PathBuf)],
    credentials: &Credentials,
    runtime: &Runtime,
) -> Result<Result<Vec<Shard>, Vec<Refusal>>> {
    let directory_of = |endpoint: &Endpoint| directories.iter().find(|(named, _)| named == endpoint);
    let mut asked = Vec::new();
    for endpoint in change.endpoints() {
        let asking = if directory_of(endpoint).is_some() {
            None
        } else {
            let (endpoint, secret, options) =
                (endpoint.clone(), credentials.secret()?, credentials.options());
            Some(runtime.spawn(async move { running(&endpoint, &secret, options).await }))
        };
        asked.push((endpoint, asking));
    }
    let (mut shards, mut refusals) = (Vec::new(), Vec::new());
    for (endpoint, asking) in asked {
        let read = match (asking, directory_of(endpoint)) {
            (Some(asking), _) => runtime.block_on(asking)?,
            (None, Some((_, path))) => stopped(endpoint, path).map_err(|error| unreadable(endpoint, &error)),
            (None, None) => continue,
        };
        match read {
            Ok(shard) => shards.push(shard),
            Err(refusal) => refusals.push(refusal),
        }
    }
    Ok(if refusals.is_empty() { Ok(shards) } else { Err(refusals) })
}

fn unreadable(endpoint: &Endpoint, error: &anyhow::Error) -> Refusal {
    let remedy = "start it, or stop it and give --dir ENDPOINT=PATH; what it holds would be left behind";
    Refusal::new(Code::ShardUnreadable, format!("'{endpoint}': {}", message_of(error)), remedy)
        .because_of(kind_of(error))
}

async fn running(endpoint: &Endpoint, secret: &Secret, options: ConnectOptions) -> Result<Shard, Refusal> {
    let failed = |error| unreadable(endpoint, &error);
    let client = Client::connect(endpoint, secret, options).await.map_err(|error| failed(error.into()))?;
    let client = client.with_deadline(DEADLINE);
    let (status, graphs) = ask(&client).await.map_err(|error| failed(error.into()))?;
    if (graphs.len() as u64) < status.graphs {
        let remedy = "access control hides the others: give --agent-id of a System identity";
        let what = format!("'{endpoint}' shows {} of its {} graphs", graphs.len(), status.graphs);
        return Err(Refusal::new(Code::GraphsHidden, what, remedy));
    }
    let on_the_move = remote::call(&client, COMMONS, "MoveStatus", &BTreeMap::<(), ()>::new()).await;
    let refusal = status.refusal.or_else(|| (!status.writable).then(|| "read-only".to_owned()));
    let told = status.endpoints.map(|texts| {
        let endpoints = texts.iter().map(|text| Endpoint::parse(text)).collect::<Result<_, _>>();
        endpoints.and_then(EndpointList::new)
    });
    Ok(Shard {
        endpoint: endpoint.clone(),
        directory: None,
        checkpoint: false,
        store_id: status.store_id,
        free_bytes: status.free_bytes,
        refusal,
        told: told.transpose().map_err(|error| failed(error.into()))?,
        graphs,
        on_the_move: on_the_move.map_err(|error| failed(error.into()))?,
    })
}

/// Its status and all of its graphs.
async fn ask(client: &Client) -> Result<(ShardStatus, Vec<GraphStats>), CallError> {
    let mut attempt = 1;
    loop {
        let status: ShardStatus = remote::call(client, COMMONS, "ShardStatus", &()).await?;
        let wanted = GraphStatsParams { sizes: true };
        let graphs: Vec<GraphStats> = remote::call(client, COMMONS, "GraphStats", &wanted).await?;
        if graphs.len() as u64 >= status.graphs || attempt == ATTEMPTS {
            return Ok((status, graphs));
        }
        attempt += 1;
    }
}

/// Reads a stopped directory, an empty one that is to become a shard, or a checkpoint.
fn stopped(endpoint: &Endpoint, path: &Path) -> Result<Shard> {
    must_exist(path)?;
    let space = rustix::fs::statvfs(path).with_context(|| format!("free space of '{}'", path.display()))?;
    let mut shard = Shard {
        endpoint: endpoint.clone(),
        directory: Some(path.to_owned()),
        checkpoint: path.join(MANIFEST_FILE).exists(),
        store_id: None,
        free_bytes: Some(space.f_bavail.saturating_mul(space.f_frsize)),
        refusal: None,
        told: None,
        graphs: Vec::new(),
        on_the_move: Vec::new(),
    };
    if fs_err::read_dir(path)?.next().is_none() {
        return Ok(shard);
    }
    let directory = Directory::open_read_only(path)?;
    let graphs = &directory.graphs;
    shard.graphs.extend(graphs.graphs().iter().map(|graph| stats_of(graphs, graph, true)));
    shard.on_the_move.extend(graphs.migrating_graphs().iter().map(|graph| Status::of(graphs, graph)));
    shard.store_id = Identity::load(path)?.map(|identity| identity.store_id);
    Ok(shard)
}

/// Takes `ENDPOINT=PATH` apart. Both may contain `=`, so the endpoint has to be one of the lists.
///
/// # Errors
/// It names none of them, or one that another text names.
pub fn directories(change: &Change, texts: &[String]) -> Result<Vec<(Endpoint, PathBuf)>, ReshardError> {
    let mut found: Vec<(Endpoint, PathBuf)> = Vec::new();
    for text in texts {
        let path = |endpoint: &Endpoint| text.strip_prefix(endpoint.as_str())?.strip_prefix('=');
        let named = change.endpoints().into_iter().filter_map(|endpoint| Some((endpoint, path(endpoint)?)));
        let Some((endpoint, path)) = named.max_by_key(|(endpoint, _)| endpoint.as_str().len()) else {
            return Err(ReshardError::DirectoryOfNone { text: text.clone() });
        };
        if found.iter().any(|(known, _)| known == endpoint) {
            return Err(ReshardError::DirectoryTwice { endpoint: endpoint.to_string() });
        }
        found.push((endpoint.clone(), path.into()));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use epistemic_router::Affinity;

    use super::*;

    #[test]
    fn directories_are_given_for_endpoints_of_the_lists() {
        let list = |text| EndpointList::parse(text).unwrap();
        let change = Change {
            from: list("unix:///a,unix:///a=b"),
            to: list("tcp://h:1,unix:///a"),
            affinity: Affinity::none(),
        };
        let parsed = |texts: &[&str]| {
            let texts: Vec<_> = texts.iter().map(|text| (*text).to_owned()).collect();
            let found = directories(&change, &texts).map_err(|error| error.to_string())?;
            Ok(found.into_iter().map(|(endpoint, path)| (endpoint.to_string(), path)).collect::<Vec<_>>())
        };
        let found = parsed(&["unix:///a=/x=y", "unix:///a=b=/z", "tcp://h:1=rel"]).unwrap();
        let expected = [("unix:///a", "/x=y"), ("unix:///a=b", "/z"), ("tcp://h:1", "rel")];
        assert_eq!(found, expected.map(|(endpoint, path)| (endpoint.to_owned(), PathBuf::from(path))));
        let refused: Result<_, String> = parsed(&["tcp://h:2=/x"]);
        assert!(refused.unwrap_err().contains("ENDPOINT=PATH"));
        assert!(parsed(&["tcp://h:1=/x", "tcp://h:1=/y"]).unwrap_err().contains("twice"));
    }
}
