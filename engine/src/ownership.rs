//! Which graphs belong to this shard, when the operator says where it is and which others there are.
//!
//! A client with another list would otherwise find an empty stand-in for a graph that is full elsewhere. The rule is asked
//! for new names only: what is here is served, so that it can be moved. `__commons__` is on every shard, so the rule is
//! asked before it is written to (`epistemic_storage::GraphStore::set_creation_policy`).

use epistemic_protocol::{
    ErrorCode,
    placement::{AFFINITY_VAR, Affinity, Endpoint, EndpointList, hrw},
};
use epistemic_storage::graph::COMMONS;

use crate::config::Config;

/// Where this shard is among the others.
#[derive(Debug)]
pub(crate) struct Ownership {
    advertised: Endpoint,
    endpoints: EndpointList,
    affinity: Affinity,
    fingerprint: String,
}

impl Ownership {
    /// What the flags say; `None` without `--advertise`.
    ///
    /// # Errors
    /// The text for standard error; the process exits with 2 then.
    pub(crate) fn of(config: &Config) -> Result<Option<Self>, String> {
        let Some(advertised) = &config.advertise else { return Ok(None) };
        let list = config.endpoints.as_deref().unwrap_or_default();
        let endpoints = EndpointList::parse(list)
            .map_err(|error| format!("--advertise needs the list of all shards (--endpoints): {error}"))?;
        let advertised = Endpoint::parse(advertised).map_err(|error| format!("--advertise: {error}"))?;
        if !endpoints.as_slice().contains(&advertised) {
            return Err(format!(
                "--advertise {advertised} is not in the endpoint list [{endpoints}]; the texts must be identical, \
                 tcp://localhost:9101 is not tcp://127.0.0.1:9101"
            ));
        }
        let groups = |name: &str| (name == AFFINITY_VAR).then(|| config.affinity_groups.clone()).flatten();
        let affinity = Affinity::resolve(groups).map_err(|error| error.to_string())?;
        let fingerprint = endpoints.fingerprint();
        Ok(Some(Self { advertised, endpoints, affinity, fingerprint }))
    }

    /// Whether a graph of this name belongs here, else what its creator is told.
    pub(crate) fn may_create(&self, graph: &str) -> Result<(), String> {
        let owner = hrw::owner(&self.endpoints, self.affinity.anchor(graph));
        if *owner == self.advertised {
            return Ok(());
        }
        let code = ErrorCode::WrongShard;
        let done = if graph == COMMONS { "written" } else { "created" };
        Err(format!(
            "{code}: graph '{graph}' belongs to '{owner}', this shard is '{}' of [{}] (fingerprint {}); nothing was \
             {done}. Give the client the same endpoint list, letter by letter ({code:#})",
            self.advertised, self.endpoints, self.fingerprint
        ))
    }

    pub(crate) fn advertised(&self) -> &str {
        self.advertised.as_str()
    }

    pub(crate) fn endpoints(&self) -> Vec<&str> {
        self.endpoints.as_slice().iter().map(Endpoint::as_str).collect()
    }

    /// This shard, and all in the list.
    pub(crate) fn places(&self) -> (&Endpoint, &[Endpoint]) {
        (&self.advertised, self.endpoints.as_slice())
    }

    pub(crate) fn fingerprint(&self) -> &str {
        &self.fingerprint
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    const LIST: &str = "tcp://localhost:9101,tcp://localhost:9102,tcp://localhost:9103";

    fn flags(rest: &[&str]) -> Result<Option<Ownership>, String> {
        let config = Config::parse_from([&["epistemic-graph-server"], rest].concat());
        // A variable of the environment must not get into the test.
        let given = rest.contains(&"--endpoints");
        Ownership::of(&Config { endpoints: config.endpoints.clone().filter(|_| given), ..config })
    }

    #[test]
    fn without_the_flag_there_is_no_rule() {
        assert!(flags(&[]).unwrap().is_none());
        assert!(flags(&["--endpoints", "no list at all://"]).unwrap().is_none());
    }

    #[test]
    fn an_endpoint_outside_of_its_list_is_refused_with_both() {
        let refused = |rest: &[&str]| flags(rest).unwrap_err();
        let text = refused(&["--advertise", "tcp://127.0.0.1:9101", "--endpoints", LIST]);
        assert!(
            text.contains("tcp://127.0.0.1:9101 is not in") && text.contains("tcp://localhost:9103"),
            "{text}"
        );
        assert!(refused(&["--advertise", "tcp://localhost:9101"]).contains("--endpoints"));
        assert!(refused(&["--advertise", "tcp://h", "--endpoints", LIST]).contains("port is missing"));
    }

    #[test]
    fn each_graph_belongs_to_one_shard() {
        let shards: Vec<_> = LIST
            .split(',')
            .map(|endpoint| flags(&["--advertise", endpoint, "--endpoints", LIST]).unwrap().unwrap())
            .collect();
        for graph in ["", "__bus__", "tenant__acme____bus__", "\u{1f980}", COMMONS] {
            let takers = shards.iter().filter(|shard| shard.may_create(graph).is_ok());
            assert_eq!(takers.count(), 1, "{graph}");
        }
        let text = shards[0].may_create("tenant__acme____bus__").unwrap_err();
        assert!(
            text.starts_with("WRONG_SHARD: ") && text.contains("belongs to 'tcp://localhost:9103'"),
            "{text}"
        );
        // Ingest lanes are placed with the commons.
        let commons = hrw::owner(&shards[0].endpoints, COMMONS).as_str();
        for shard in &shards {
            assert_eq!(shard.may_create("__ingest_news__").is_ok(), shard.advertised() == commons);
        }
    }
}
