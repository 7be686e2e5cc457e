//! What is stored beyond the limits for what is written: it stays in use, nothing is wrong with it.

use super::{
    finding::{FindingKind, Found},
    graph_scan::GraphScan,
    recorder::Recorder,
    report::DataLimits,
};
use crate::{
    channels,
    error::Result,
    identities::Identity,
    keys,
    limits::{
        MAX_CHANNELS, MAX_CONTAINERS, MAX_IDENTITIES, MAX_MEMBERS, MAX_NAMES, MAX_RELATIONS, RequestLimits,
    },
    properties,
    space::Space,
    store::{Read, ScanOptions},
};

impl GraphScan<'_, '_> {
    fn over(&mut self, kind: FindingKind, space: Space, key: &[u8], count: usize, most: usize, of: &str) {
        if count > most {
            let detail = format!("{count} {of}, {most} are the most");
            self.recorder.over_limit(Found::new(kind, space, key, detail));
        }
    }

    /// Compares a node.
    pub(super) fn node_limits(&mut self, key: &[u8], node: &str, properties: &[u8], labels: usize) {
        let Some(DataLimits { names, requests }) = self.recorder.limits else { return };
        let space = Space::Nodes;
        self.over(FindingKind::LongId, space, key, node.len(), names.node, "bytes of its id");
        self.over(FindingKind::ManyLabels, space, key, labels, requests.labels, "labels");
        self.properties(space, key, properties, &requests);
    }

    /// Compares an edge.
    pub(super) fn edge_limits(&mut self, key: &[u8], properties: &[u8]) {
        if let Some(DataLimits { requests, .. }) = self.recorder.limits {
            self.properties(Space::OutEdges, key, properties, &requests);
        }
    }

    /// Compares an embedding.
    pub(super) fn embedding_limits(&mut self, key: &[u8], bytes: usize) {
        if let Some(DataLimits { requests, .. }) = self.recorder.limits {
            let (kind, most) = (FindingKind::LargeEmbedding, requests.value_bytes);
            self.over(kind, Space::Vectors, key, bytes, most, "bytes");
        }
    }

    fn properties(&mut self, space: Space, key: &[u8], properties: &[u8], requests: &RequestLimits) {
        let kind = FindingKind::LargeProperties;
        self.over(kind, space, key, properties.len(), requests.value_bytes, "bytes of properties");
        if properties.len() > MAX_CONTAINERS {
            let (kind, containers) =
                (FindingKind::ManyContainers, properties::containers(properties, usize::MAX));
            self.over(kind, space, key, containers, MAX_CONTAINERS, "lists and maps in its properties");
        }
    }

    /// Compares the name of the graph.
    pub(super) fn name_limits(&mut self, name: &str) {
        let Some(DataLimits { names, .. }) = self.recorder.limits else { return };
        let (kind, key) = (FindingKind::LongName, keys::name(name));
        self.over(kind, Space::Catalog, &key, name.len(), names.graph, "bytes of its name");
    }
}

/// Compares identities and channels. What is damaged of them is not looked at: a start of the server tells it.
pub(super) fn check_service(read: &dyn Read, recorder: &mut Recorder<'_>) -> Result<()> {
    if recorder.limits.is_none() {
        return Ok(());
    }
    match identities(read, recorder).and_then(|()| all_channels(read, recorder)) {
        Err(error) if error.is_corruption() => Ok(()),
        result => result,
    }
}

fn over(recorder: &mut Recorder<'_>, (space, key): (Space, &[u8]), count: usize, most: usize, of: &str) {
    if count > most {
        let detail = format!("{count} {of}, {most} are the most");
        recorder.over_limit(Found::new(FindingKind::TooMany, space, key, detail));
    }
}

fn identities(read: &dyn Read, recorder: &mut Recorder<'_>) -> Result<()> {
    let (mut count, mut names) = (0, 0);
    let mut cursor = read.scan(Space::Catalog, keys::identities(), ScanOptions::FORWARD)?;
    while let Some((key, value)) = cursor.next()? {
        let (Some(agent), Ok(identity)) = (keys::name_of(key), rmp_serde::from_slice::<Identity>(value))
        else {
            continue;
        };
        count += 1;
        names += identity.names(agent);
        let place = (Space::Catalog, key);
        over(recorder, place, identity.teams.len(), MAX_RELATIONS, "teams");
        over(recorder, place, identity.subordinates().len(), MAX_RELATIONS, "subordinates");
    }
    over(recorder, (Space::Catalog, b""), count, MAX_IDENTITIES, "identities");
    over(recorder, (Space::Catalog, b""), names, MAX_NAMES, "bytes of names in identities");
    Ok(())
}

fn all_channels(read: &dyn Read, recorder: &mut Recorder<'_>) -> Result<()> {
    let (mut count, mut names) = (0, 0);
    channels::for_each_size(read, |id, members, of_all| {
        (count, names) = (count + 1, names + of_all);
        over(recorder, (Space::Channels, &keys::channel(id)), members, MAX_MEMBERS, "members");
    })?;
    over(recorder, (Space::Channels, b""), count, MAX_CHANNELS, "channels");
    over(recorder, (Space::Channels, b""), names, MAX_NAMES, "bytes of names in channels");
    Ok(())
}
