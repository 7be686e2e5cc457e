//! Groups of graphs that live on one shard: each member is placed by the name of its group's anchor.
//!
//! Identical with `AffinityRegistry` of clients from 0.34.0 on. Earlier ones know no groups: [`Affinity::none`].

use std::collections::HashMap;

use crate::ConfigError;

/// Variable with groups besides the default one: `anchor:member|member|...`, comma separated. A member is a graph
/// name, or the beginning of one followed by `*`.
pub const AFFINITY_VAR: &str = "GRAPH_AFFINITY_GROUPS";

/// The graph that every shard has. It is the anchor of the default group, which holds `__ingest__` and all `__ingest_*`.
pub const COMMONS: &str = "__commons__";

/// Which graphs are placed by another name than their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Affinity {
    exact: HashMap<String, String>,
    /// Beginnings of names, longest first.
    prefixes: Vec<(String, String)>,
}

impl Default for Affinity {
    /// The ingest lanes with `__commons__`.
    fn default() -> Self {
        Self::new(default_members())
    }
}

impl Affinity {
    /// Every graph is placed by its own name, as in clients before 0.34.0.
    #[must_use]
    pub fn none() -> Self {
        Self::new(HashMap::new())
    }

    /// The default group and those of [`AFFINITY_VAR`], read through `lookup`. A member named twice belongs to the
    /// last anchor.
    ///
    /// # Errors
    /// [`ConfigError::Setting`] for a group without an anchor. (The reference client skips it.)
    pub fn resolve(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let text = lookup(AFFINITY_VAR).unwrap_or_default();
        let mut members = default_members();
        for group in text.split(',').map(strip).filter(|group| !group.is_empty()) {
            let anchored = group.split_once(':').map(|(anchor, list)| (strip(anchor), list));
            let Some((anchor, list)) = anchored.filter(|(anchor, _)| !anchor.is_empty()) else {
                let reason = "a group is written anchor:member|member, groups are separated by commas";
                return Err(ConfigError::Setting { name: AFFINITY_VAR, text, reason });
            };
            members.entry(anchor.to_owned()).or_insert_with(|| anchor.to_owned());
            for member in list.split('|').map(strip).filter(|member| !member.is_empty()) {
                members.insert(member.to_owned(), anchor.to_owned());
            }
        }
        Ok(Self::new(members))
    }

    /// The name that `graph` is placed by.
    #[must_use]
    pub fn anchor<'a>(&'a self, graph: &'a str) -> &'a str {
        let by_prefix = || self.prefixes.iter().find(|(prefix, _)| graph.starts_with(prefix));
        self.exact.get(graph).or_else(|| by_prefix().map(|(_, anchor)| anchor)).map_or(graph, String::as_str)
    }

    fn new(members: HashMap<String, String>) -> Self {
        let (mut exact, mut prefixes) = (HashMap::new(), Vec::new());
        for (member, anchor) in members {
            match member.strip_suffix('*') {
                Some(prefix) => prefixes.push((prefix.to_owned(), anchor)),
                None => drop(exact.insert(member, anchor)),
            }
        }
        prefixes.sort_by(|(a, _), (b, _)| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        Self { exact, prefixes }
    }
}

fn default_members() -> HashMap<String, String> {
    [COMMONS, "__ingest__", "__ingest_*"].map(|member| (member.to_owned(), COMMONS.to_owned())).into()
}

/// Python's `str.strip()`: also the four separators that Unicode does not call white space.
fn strip(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '\x1c'..='\x1f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(text: &str) -> Affinity {
        Affinity::resolve(|name| (name == AFFINITY_VAR).then(|| text.to_owned())).unwrap()
    }

    #[test]
    fn ingest_lanes_are_with_the_commons() {
        let affinity = Affinity::default();
        for graph in ["__commons__", "__ingest__", "__ingest_news__", "__ingest_"] {
            assert_eq!(affinity.anchor(graph), "__commons__");
        }
        for graph in ["", "__bus__", "__ingest", "_ingest_news", "tenant__acme____bus__"] {
            assert_eq!(affinity.anchor(graph), graph);
            assert_eq!(Affinity::none().anchor(graph), graph);
        }
        assert_eq!(Affinity::none().anchor("__ingest__"), "__ingest__");
        assert_eq!(Affinity::resolve(|_| None).unwrap(), affinity);
    }

    #[test]
    fn configured_groups_join_the_default() {
        let affinity =
            groups(" __hot__ : __hot_a__ | tmp_* |, __ingest_news__:x,, other:tmp_b*|__commons__ ");
        for (graph, anchor) in [
            ("__hot__", "__hot__"),
            ("__hot_a__", "__hot__"),
            ("tmp_a", "__hot__"),
            ("tmp_b1", "other"),
            ("x", "__ingest_news__"),
            ("__ingest_news__", "__ingest_news__"),
            ("__ingest_else__", "__commons__"),
            ("__commons__", "other"),
        ] {
            assert_eq!(affinity.anchor(graph), anchor, "{graph}");
        }
    }

    #[test]
    fn a_group_without_an_anchor_is_refused() {
        for text in ["a", ":a|b", "x:y,z"] {
            let message = Affinity::resolve(|_| Some(text.to_owned())).unwrap_err().to_string();
            assert!(message.contains(AFFINITY_VAR) && message.contains(text), "{message}");
        }
    }
}
