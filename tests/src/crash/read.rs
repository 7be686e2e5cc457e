//! Reading everything a server holds, and whether its answers agree with each other.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};

use super::aging;
use super::check::{Kind, Verdict};
use super::graph::{GraphState, Node};
use super::state::{Channel, Identity, MAIN_GRAPH, State};
use crate::wire::{Client, Value, field, params, unpack};

/// The names of all graphs but the server's own, which start with two underscores.
pub(super) fn graph_names(client: &mut Client) -> Result<Vec<String>> {
    let list = client.call("__commons__", "ListGraphs", None)?;
    let names = list.as_array().context("ListGraphs is no array")?.iter();
    let names = names.map(|entry| text(field(entry, "name").context("ListGraphs without a name")?));
    names.filter(|name| !name.as_ref().is_ok_and(|name| name.starts_with("__"))).collect()
}

/// The content of a graph. Counts and degrees that do not fit it go to the verdict.
pub(super) fn read_graph(client: &mut Client, graph: &str, verdict: &mut Verdict) -> Result<GraphState> {
    let mut state = GraphState::default();
    let ids = client.call(graph, "NodeIds", None)?;
    let batch = client.call(graph, "GetNodePropertiesBatch", params([("node_ids", ids.clone())]))?;
    let batch = unpack(batch.as_slice().context("GetNodePropertiesBatch is no bin")?)?;
    for pair in batch.as_array().context("GetNodePropertiesBatch is no array")? {
        match pair.as_array().map(Vec::as_slice) {
            Some([id, Value::Binary(bytes)]) => {
                let properties = aging::comparable(bytes.clone());
                state.nodes.insert(text(id)?, Node { properties, inserted: state.nodes.len() as u64 });
            }
            _ => verdict
                .add(Kind::Inconsistent, format!("{graph:?}: in NodeIds, but has no properties: {pair}")),
        }
    }
    let mut degrees: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    let edges = client.call(graph, "GetEdges", None)?;
    let edges = edges.as_array().context("GetEdges is no array")?;
    for edge in edges {
        let [source, target, properties] = edge.as_array().map_or(&[][..], Vec::as_slice) else {
            anyhow::bail!("GetEdges: {edge}");
        };
        let (source, target) = (text(source)?, text(target)?);
        degrees.entry(source.clone()).or_default().0 += 1;
        degrees.entry(target.clone()).or_default().1 += 1;
        state.edges.entry((source, target)).or_default().push(int_bytes(properties)?);
    }
    let ledger = client.call(graph, "GetLedger", None)?;
    state.ledger =
        ledger.as_array().context("GetLedger is no array")?.iter().map(text).collect::<Result<_>>()?;

    let counts = (client.call(graph, "NodeCount", None)?, client.call(graph, "EdgeCount", None)?);
    let listed = (Value::from(ids.as_array().map_or(0, Vec::len)), Value::from(edges.len()));
    if counts != listed {
        verdict.add(Kind::Inconsistent, format!("{graph:?}: counts {counts:?}, but lists have {listed:?}"));
    }
    for id in state.nodes.keys() {
        let node = || params([("node_id", id.as_str().into())]);
        let (out, into) = degrees.remove(id).unwrap_or_default();
        let found = (client.call(graph, "OutDegree", node())?, client.call(graph, "InDegree", node())?);
        if found != (out.into(), into.into()) {
            verdict.add(
                Kind::Inconsistent,
                format!("{graph:?} {id}: degrees {found:?}, edges {:?}", (out, into)),
            );
        }
    }
    for (id, _) in degrees {
        verdict.add(Kind::Inconsistent, format!("{graph:?}: an edge at the missing node {id}"));
    }
    Ok(state)
}

/// The embeddings of a graph, by its document.
pub(super) fn read_embeddings(client: &mut Client, graph: &str, state: &mut GraphState) -> Result<()> {
    let document = client.call(graph, "ToMsgpack", None)?;
    let document = unpack(&int_bytes(&document)?)?;
    let embeddings = field(&document, "semantic_store").and_then(|store| field(store, "embeddings"));
    for (id, components) in embeddings.and_then(Value::as_map).context("no embeddings")? {
        let components = components.as_array().context("an embedding that is no array")?.iter();
        let bits = components.map(|component| Some((component.as_f64()? as f32).to_bits()));
        let bits = bits.collect::<Option<_>>().context("an embedding with something else than floats")?;
        state.embeddings.insert(text(id)?, bits);
    }
    Ok(())
}

/// Channels and identities, by domain; what is of no domain is left out.
pub(super) fn read_service(client: &mut Client) -> Result<BTreeMap<String, State>> {
    let mut found: BTreeMap<String, State> = BTreeMap::new();
    let listed = client.call("__commons__", "ListChannels", None)?;
    for channel in listed.as_array().context("ListChannels is no array")? {
        let name = text(field(channel, "id").context("ListChannels without an id")?)?;
        let mut ask =
            |method| client.call("__commons__", method, params([("channel_id", name.as_str().into())]));
        let members = strings(&ask("GetChannelMembers")?)?.into_iter().collect();
        let messages = ask("GetChannelMessages")?;
        let messages = messages.as_array().context("GetChannelMessages is no array")?.iter();
        let part = |message, part| text(field(message, part).with_context(|| format!("{message}"))?);
        let messages = messages.map(|message| Ok((part(message, "sender")?, part(message, "payload")?)));
        let channel = Channel { members, messages: messages.collect::<Result<_>>()? };
        found.entry(domain_of(&name)).or_default().channels.insert(name, channel);
    }
    let listed = client.call("__commons__", "ListIdentities", None)?;
    for identity in listed.as_array().context("ListIdentities is no array")? {
        let part = |part| field(identity, part).with_context(|| format!("{identity}"));
        let name = text(part("agent_id")?)?;
        if name.contains(':') {
            let (subordinates, teams) = (strings(part("subordinates")?)?, strings(part("teams")?)?);
            let identity = Identity { subordinates, teams };
            found.entry(domain_of(&name)).or_default().identities.insert(name, identity);
        }
    }
    Ok(found)
}

/// Every node carries its domain as `type`, so the label index must list exactly the domain's nodes.
pub(super) fn check_label(
    client: &mut Client,
    domain: &str,
    part: &GraphState,
    verdict: &mut Verdict,
) -> Result<()> {
    let fields = [("label", domain.into()), ("limit", 0.into())];
    let found = client.call(MAIN_GRAPH, "GetNodesByLabel", params(fields))?;
    let found = found.as_array().context("GetNodesByLabel is no array")?;
    let ids = found.iter().map(|pair| text(&pair[0])).collect::<Result<BTreeSet<String>>>()?;
    if !ids.iter().eq(part.nodes.keys()) {
        let text = format!("label {domain}: {} nodes, but {} carry it", ids.len(), part.nodes.len());
        verdict.add(Kind::Inconsistent, text);
    }
    Ok(())
}

/// The parts of the main graph, by domain.
pub(super) fn split_by_domain(state: GraphState) -> BTreeMap<String, GraphState> {
    let mut parts: BTreeMap<String, GraphState> = BTreeMap::new();
    for (id, node) in state.nodes {
        parts.entry(domain_of(&id)).or_default().nodes.insert(id, node);
    }
    for (id, components) in state.embeddings {
        parts.entry(domain_of(&id)).or_default().embeddings.insert(id, components);
    }
    for (pair, bytes) in state.edges {
        parts.entry(domain_of(&pair.0)).or_default().edges.insert(pair, bytes);
    }
    for line in state.ledger {
        let id = line.split('|').nth(1).unwrap_or_default();
        parts.entry(domain_of(id)).or_default().ledger.push(line);
    }
    parts
}

/// Of a node, a channel or an agent.
fn domain_of(name: &str) -> String {
    name.split(':').next().unwrap_or_default().to_owned()
}

fn strings(value: &Value) -> Result<Vec<String>> {
    value.as_array().with_context(|| format!("not an array: {value}"))?.iter().map(text).collect()
}

fn text(value: &Value) -> Result<String> {
    Ok(value.as_str().with_context(|| format!("not a string: {value}"))?.to_owned())
}

fn int_bytes(value: &Value) -> Result<Vec<u8>> {
    let ints = value.as_array().context("edge properties are no array")?;
    let byte = |int: &Value| int.as_u64().and_then(|int| u8::try_from(int).ok());
    ints.iter().map(|int| byte(int).context("edge properties are no bytes")).collect()
}
