//! What the server must hold of one domain.

use std::collections::{BTreeMap, BTreeSet};

use super::graph::GraphState;
use super::op::{Op, Service, Whole};

/// The graph in which all domains have nodes.
pub const MAIN_GRAPH: &str = "crash";

/// Graphs, channels and identities of a domain, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct State {
    /// The main graph is always there.
    pub(super) graphs: BTreeMap<String, GraphState>,
    pub(super) channels: BTreeMap<String, Channel>,
    pub(super) identities: BTreeMap<String, Identity>,
}

/// An open channel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Channel {
    pub(super) members: BTreeSet<String>,
    /// Senders and payloads, oldest first.
    pub(super) messages: Vec<(String, String)>,
}

/// A manager.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) subordinates: Vec<String>,
    pub(super) teams: Vec<String>,
}

impl State {
    /// A domain in which nothing was done.
    pub(super) fn empty() -> State {
        let graphs = BTreeMap::from([(MAIN_GRAPH.to_owned(), GraphState::default())]);
        State { graphs, ..State::default() }
    }

    /// Applies an operation that the server does not refuse.
    pub(super) fn apply(&mut self, op: &Op) {
        match op {
            Op::One { graph, change } => self.graph(graph).apply(change),
            Op::Batch { graph, changes } => {
                let state = self.graph(graph);
                changes.iter().for_each(|change| state.apply(change));
            }
            Op::CreateGraph { name } => {
                self.graphs.insert(name.clone(), GraphState::default());
            }
            Op::DeleteGraph { name } => {
                self.graphs.remove(name);
            }
            Op::Whole { graph, kind } => self.graph(graph).apply_whole(kind),
            Op::Fork { graph, name } => {
                let copy = self.graph(graph).clone();
                self.graphs.insert(name.clone(), copy);
            }
            Op::Import { name, content, .. } => {
                self.graphs.insert(name.clone(), content.clone());
            }
            Op::Service(service) => self.apply_service(service),
        }
    }

    fn graph(&mut self, name: &str) -> &mut GraphState {
        self.graphs.entry(name.to_owned()).or_default()
    }

    fn apply_service(&mut self, service: &Service) {
        match service {
            Service::CreateChannel { channel, members } => {
                let members = members.iter().cloned().collect();
                self.channels.insert(channel.clone(), Channel { members, messages: Vec::new() });
            }
            Service::Join { channel, agent } => {
                if let Some(channel) = self.channels.get_mut(channel) {
                    channel.members.insert(agent.clone());
                }
            }
            Service::Leave { channel: name, agent } => {
                if let Some(channel) = self.channels.get_mut(name) {
                    channel.members.remove(agent);
                    if channel.members.is_empty() {
                        self.channels.remove(name);
                    }
                }
            }
            Service::Close { channel } => {
                self.channels.remove(channel);
            }
            Service::Send { channel, sender, payload } => {
                if let Some(channel) = self.channels.get_mut(channel) {
                    channel.messages.push((sender.clone(), payload.clone()));
                }
            }
            Service::Register { agent, subordinates, teams } => {
                let identity = Identity { subordinates: subordinates.clone(), teams: teams.clone() };
                self.identities.insert(agent.clone(), identity);
            }
        }
    }
}

impl GraphState {
    fn apply_whole(&mut self, kind: &Whole) {
        match kind {
            Whole::AddEmbedding { node, components } => {
                if self.nodes.contains_key(node) {
                    self.embeddings.insert(node.clone(), components.clone());
                }
            }
            Whole::Touch { ids } => self.touch(ids),
            Whole::Decay | Whole::Prune => self.remove_aged(),
            Whole::Evict { .. } => self.evict_untouched(),
            Whole::Compact { left, .. } => self.compact(*left),
            Whole::Reason { property } => self.reason(property),
            Whole::Document(content) => *self = content.clone(),
            Whole::Clear => *self = GraphState::default(),
            Whole::ClearLedger => self.ledger.clear(),
        }
    }
}
