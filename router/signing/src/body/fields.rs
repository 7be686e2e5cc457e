//! The parameters of the methods of the published clients 2.27, in the order in which they are signed. The source is the
//! codec of those clients; `scripts/` has nothing to make this from.

/// One parameter.
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) shape: &'static Shape,
    pub(super) absent: Absent,
}

impl Field {
    pub(super) fn may_be_left_out(&self) -> bool {
        self.absent == Absent::LeftOut
    }
}

/// The form of a value.
pub(super) enum Shape {
    Str,
    Bytes,
    Uint,
    Uint32,
    Float64,
    Float32,
    Bool,
    List(&'static Shape),
    Tuple(&'static [Shape]),
    /// One of these names, or a map of a name to a map of one list of texts.
    Variant {
        unit: &'static [&'static str],
        with_list: Option<(&'static str, &'static str)>,
    },
}

/// What is signed in place of a parameter that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Absent {
    /// It must be there.
    Required,
    Nil,
    /// This MessagePack value.
    Default(&'static [u8]),
    /// Nothing: an addition of this product.
    LeftOut,
}

use Shape::{Bool, Bytes, Float32, Float64, List, Str, Tuple, Uint, Uint32};

const STRS: Shape = List(&Str);
const PAIR: Shape = Tuple(&[Str, Str]);
const PAIRS: Shape = List(&PAIR);
const TRIPLES: Shape = List(&Tuple(&[Str, Str, Str]));
const EMPTY_LIST: Absent = Absent::Default(&[0x90]);
const ZERO: Absent = Absent::Default(&[0]);

const fn must(name: &'static str, shape: &'static Shape) -> Field {
    Field { name, shape, absent: Absent::Required }
}

const fn may(name: &'static str, shape: &'static Shape) -> Field {
    Field { name, shape, absent: Absent::Nil }
}

const fn or(name: &'static str, shape: &'static Shape, absent: Absent) -> Field {
    Field { name, shape, absent }
}

const fn added(name: &'static str, shape: &'static Shape) -> Field {
    Field { name, shape, absent: Absent::LeftOut }
}

const NONE: &[Field] = &[];
const NODE: &[Field] = &[must("node_id", &Str)];
const NODES: &[Field] = &[must("node_ids", &STRS)];
const ENDS: &[Field] = &[must("source_id", &Str), must("target_id", &Str)];
const CHANNEL_AGENT: &[Field] = &[must("channel_id", &Str), must("agent_id", &Str)];
const UNION_NODE: &[Field] = &[must("graphs", &STRS), must("node_id", &Str)];

/// Whether the published clients have this method.
pub fn is_listed(method: &str) -> bool {
    of(method).is_some()
}

/// The parameters of a method of the published clients.
pub(super) fn of(method: &str) -> Option<&'static [Field]> {
    Some(match method {
        "Ping"
        | "Health"
        | "Shutdown"
        | "NodeCount"
        | "EdgeCount"
        | "Metrics"
        | "GetNodes"
        | "NodeIds"
        | "GetEdges"
        | "ToMsgpack"
        | "GetLedger"
        | "ClearLedger"
        | "TopologicalSort"
        | "FindCycle"
        | "DegreeCentralityAll"
        | "BetweennessCentrality"
        | "ConnectedComponents"
        | "StronglyConnectedComponents"
        | "MinimumSpanningTree"
        | "GraphColoring"
        | "ClearGraph"
        | "ListGraphs"
        | "ListChannels" => NONE,
        "HasNode" | "GetNodeProperties" | "InDegree" | "OutDegree" | "GetPredecessors" | "GetSuccessors"
        | "GetNeighbors" | "DegreeCentrality" | "RemoveNode" => NODE,
        "GetNodePropertiesBatch" | "HasNodesBatch" | "GetSubgraph" | "TouchNodes" => NODES,
        "HasEdge" | "RemoveEdge" | "GetEdgeProperties" | "GetShortestPath" => ENDS,
        "JoinChannel" | "LeaveChannel" => CHANNEL_AGENT,
        "UnionGetNodeProperties" | "UnionGetNeighbors" => UNION_NODE,
        "AddNode" => const { &[must("node_id", &Str), must("properties_msgpack", &Bytes)] },
        "CreateNodeIfAbsent" => const { &[must("node_id", &Str), must("properties_msgpack", &Bytes)] },
        "CompareAndSetNodeFields" => {
            const { &[must("node_id", &Str), must("conditions_msgpack", &Bytes), must("updates_msgpack", &Bytes)] }
        }
        "BeginTxn" => const { &[may("graph", &Str), may("isolation", &Str)] },
        "TxnAddNode" => {
            const {
                &[
                    must("txn_id", &Str),
                    must("node_id", &Str),
                    must("properties_msgpack", &Bytes),
                    may("graph", &Str),
                ]
            }
        }
        "TxnRemoveNode" => const { &[must("txn_id", &Str), must("node_id", &Str), may("graph", &Str)] },
        "TxnAddEdge" => {
            const {
                &[
                    must("txn_id", &Str),
                    must("source_id", &Str),
                    must("target_id", &Str),
                    must("properties_msgpack", &Bytes),
                    may("graph", &Str),
                ]
            }
        }
        "TxnRemoveEdge" => {
            const { &[must("txn_id", &Str), must("source_id", &Str), must("target_id", &Str), may("graph", &Str)] }
        }
        "TxnCas" => {
            const {
                &[
                    must("txn_id", &Str),
                    must("node_id", &Str),
                    must("conditions_msgpack", &Bytes),
                    must("updates_msgpack", &Bytes),
                    may("graph", &Str),
                ]
            }
        }
        "TxnAddEmbedding" => {
            const {
                &[
                    must("txn_id", &Str),
                    must("node_id", &Str),
                    must("embedding", &List(&Float32)),
                    may("graph", &Str),
                ]
            }
        }
        "Commit" => const { &[must("txn_id", &Str), may("idempotency_key", &Str)] },
        "Rollback" => const { &[must("txn_id", &Str)] },
        "ClaimNext" => const { &[must("label", &Str), must("updates_msgpack", &Bytes)] },
        "AddEdge" => {
            const { &[must("source_id", &Str), must("target_id", &Str), must("properties_msgpack", &Bytes)] }
        }
        "GetEdgePropertiesBatch" => const { &[must("edges", &PAIRS)] },
        "GetNodesByLabel" => const { &[must("label", &Str), may("after", &Str), must("limit", &Uint)] },
        "GetBlastRadius" => const { &[must("node_id", &Str), must("max_depth", &Uint)] },
        "PageRank" => const { &[must("damping", &Float64), must("iterations", &Uint)] },
        "PersonalizedPageRank" => {
            const {
                &[
                    must("seed_nodes", &List(&Tuple(&[Str, Float64]))),
                    must("damping", &Float64),
                    must("iterations", &Uint),
                ]
            }
        }
        "CommunityDetection" => const { &[must("resolution", &Float64)] },
        "CommunityDetectEphemeral" => {
            const {
                &[
                    must("node_ids", &STRS),
                    must("edges", &List(&Tuple(&[Str, Str, Float64]))),
                    must("resolution", &Float64),
                    or("quality", &Str, Absent::Default(b"\xaamodularity")),
                ]
            }
        }
        "ComputeSimilarityEdges" => const { &[must("threshold", &Float64)] },
        "Vf2SubgraphMatch" => {
            const {
                &[
                    must("pattern_graph_name", &Str),
                    or("max_results", &Uint, ZERO),
                    or("max_steps", &Uint, ZERO),
                ]
            }
        }
        "DiffAgainst" => const { &[must("other_graph", &Str)] },
        "Fork" => const { &[added("graph_name", &Str)] },
        "GetContextView" => const { &[must("agent_id", &Str), must("max_tokens", &Uint32)] },
        "SemanticSearch" => const { &[must("query_embedding", &List(&Float32)), must("n_results", &Uint)] },
        "AddEmbedding" => const { &[must("node_id", &Str), must("embedding", &List(&Float32))] },
        "PruneByLifecycle" => const { &[must("max_age_secs", &Uint), must("min_score", &Float64)] },
        "EvictLRU" => const { &[must("max_nodes", &Uint)] },
        "DecaySweep" => {
            const { &[must("half_life_secs", &Float64), must("floor", &Float64), must("prune", &Bool)] }
        }
        "CompactNodesByType" => const { &[must("node_type", &Str), must("threshold", &Uint)] },
        "FromMsgpack" => const { &[must("msgpack", &Bytes)] },
        "Reconcile" => const { &[must("graph_name", &Str), must("msgpack", &Bytes)] },
        "BatchUpdate" => const { &[must("operations_msgpack", &Bytes)] },
        "ApplyLedger" => const { &[must("transactions", &STRS)] },
        "RunDatalogReasoning" => {
            const {
                &[
                    or("subclass_relations", &PAIRS, EMPTY_LIST),
                    or("subproperty_relations", &PAIRS, EMPTY_LIST),
                    or("symmetric_properties", &STRS, EMPTY_LIST),
                    or("transitive_properties", &STRS, EMPTY_LIST),
                    or("inverse_properties", &PAIRS, EMPTY_LIST),
                    or("domain_rules", &PAIRS, EMPTY_LIST),
                    or("range_rules", &PAIRS, EMPTY_LIST),
                    or("property_chains", &TRIPLES, EMPTY_LIST),
                ]
            }
        }
        "ApplyMutation" => const { &[must("event_type", &Str), must("query", &Str)] },
        "ApplyMultisigMutation" => {
            const {
                &[
                    must("signatures", &STRS),
                    must("threshold", &Uint),
                    must("mutation_type", &Str),
                    must("query", &Str),
                ]
            }
        }
        "CreateGraph" => {
            const { &[must("graph_name", &Str), must("graph_type", &GRAPH_TYPE), added("tenant", &Str)] }
        }
        "DeleteGraph" => const { &[must("graph_name", &Str)] },
        "RegisterIdentity" => {
            const {
                &[
                    must("agent_id", &Str),
                    must("role", &ROLE),
                    must("teams", &STRS),
                    must("signature", &Str),
                    must("roles", &STRS),
                ]
            }
        }
        "CreateChannel" => {
            const {
                &[
                    must("channel_id", &Str),
                    must("channel_type", &CHANNEL_TYPE),
                    must("creator", &Str),
                    must("initial_members", &STRS),
                    added("open", &Bool),
                ]
            }
        }
        "CloseChannel" => {
            const {
                &[
                    must("channel_id", &Str),
                    may("summary_embedding", &List(&Float32)),
                    may("topic_metadata", &Str),
                ]
            }
        }
        "SendMessage" => const { &[must("channel_id", &Str), must("sender", &Str), must("payload", &Str)] },
        "GetChannelMessages" => const { &[must("channel_id", &Str), may("limit", &Uint)] },
        "GetChannelMembers" => const { &[must("channel_id", &Str)] },
        "UnionGetNodesByLabel" => {
            const { &[must("graphs", &STRS), must("label", &Str), must("limit", &Uint)] }
        }
        _ => return None,
    })
}

const GRAPH_TYPE: Shape = Shape::Variant { unit: &["Agent", "Team", "Global", "Commons"], with_list: None };
const CHANNEL_TYPE: Shape = Shape::Variant { unit: &["PeerToPeer", "Group"], with_list: None };
const ROLE: Shape =
    Shape::Variant { unit: &["System", "Agent"], with_list: Some(("Manager", "subordinates")) };
