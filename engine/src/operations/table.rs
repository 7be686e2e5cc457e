//! The table of operations: what answers each, what its caller must be allowed to do, and for whom it counts. A served method
//! without a row does not compile, nor one that has two.

use super::{
    accepted_mutations, administration, algorithms, batches, channels, claim, communities, context_view,
    diff, documents, edges, explore, graph_scans, graphs, handler::Handler, identities, ledger, lifecycle,
    move_reads, moves, nodes, owners, reasoning, semantic, sessions, snapshots, status, subgraph_match,
    transactions, union,
};
use crate::{
    keys::{LeastRole, Names},
    lease::hand_over,
    request::{
        operation::{
            Access::{Channel, Open, Read, ReadBoth, Replace, System, SystemOfAll, Write, WriteNamed},
            Effect, Operation, Quota,
        },
        write::Answers,
    },
    signed::Scope,
    wire::Method,
};

/// One operation, and what answers it.
pub(crate) struct Row {
    pub(crate) operation: Operation,
    pub(crate) handler: Handler,
}

/// The operation of that method; nothing when this server has none.
pub(crate) fn row(method: Method) -> Option<&'static Row> {
    BY_METHOD[method as usize]
}

/// Calls a handler with what its kind of operation works with, and the decoded parameters.
macro_rules! handler {
    (Inline $handler:path) => {
        Handler::Inline($handler)
    };
    (Counters $handler:path) => {
        Handler::Counters($handler)
    };
    (Stream $handler:path) => {
        Handler::Stream($handler)
    };
    (Commit $handler:path) => {
        Handler::Commit($handler)
    };
    (Write $handler:path) => {
        handler!(Write $handler => Done)
    };
    (Write $handler:path => $answers:ident) => {
        Handler::Write(
            |call| {
                let params = call.request.params()?;
                $handler(call, params)
            },
            Answers::$answers,
        )
    };
    ($kind:ident $handler:path) => {
        Handler::$kind(|call, out| $handler(call, call.request.params()?, out))
    };
}

/// The graph for whose tenant an operation counts: by its kind, that of the request or nobody's.
macro_rules! quota {
    ($kind:ident, $quota:expr) => {
        $quota
    };
    (Inline) => {
        Quota::Nobody
    };
    (Service) => {
        Quota::Nobody
    };
    ($kind:ident) => {
        Quota::Graph
    };
}

macro_rules! effect {
    () => {
        Effect::Usual
    };
    ($effect:ident) => {
        Effect::$effect
    };
}

/// The names that its requests carry: those that access and quota go by, unless the row says others.
macro_rules! names {
    ($access:expr, $quota:expr) => {
        Names::of($access, $quota)
    };
    ($access:expr, $quota:expr, $names:expr) => {
        $names
    };
}

/// Whether a read replica answers it: where the row says so.
macro_rules! on_replicas {
    () => {
        false
    };
    (answer) => {
        true
    };
}

/// `METHOD: KIND(HANDLER), ACCESS, SCOPE, LEAST ROLE`, where the kind is one of [`Handler`], and a write may say what it [`Answers`].
macro_rules! operations {
    ($(
        $method:ident: $kind:ident($($handler:tt)+), $access:expr, $level:ident $scope:literal, $least:ident
        $(, quota: $quota:expr)? $(, effect: $effect:ident)? $(, names: $names:expr)?
        $(, replicas: $replicas:ident)?;
    )*) => {
        static ROWS: &[Row] = &[$(
            Row {
                operation: Operation {
                    method: Method::$method,
                    access: $access,
                    scope: Scope::$level($scope),
                    quota: quota!($kind $(, $quota)?),
                    effect: effect!($($effect)?),
                    least_role: LeastRole::$least,
                    names: names!($access, quota!($kind $(, $quota)?) $(, $names)?),
                    on_replicas: on_replicas!($($replicas)?),
                },
                handler: handler!($kind $($handler)+),
            },
        )*];
    };
}

operations! {
    // The shard.
    Ping: Inline(status::ping), Open, write "service:control", Reader, names: Names::None, replicas: answer;
    Health: Inline(status::health), Open, write "service:control", Reader, names: Names::None, replicas: answer;
    ListGraphs: Service(status::list_graphs), Open, read "graph:read", Reader, names: Names::Listed, replicas: answer;
    GraphStats: Service(status::graph_stats), Open, read "graph:read", Reader, names: Names::Listed, replicas: answer;
    ShardStatus: Service(status::shard_status), Open, read "graph:read", Operator, names: Names::All, replicas: answer;

    // Its operator.
    Shutdown: Inline(administration::shut_down), System, admin "service:admin", System, replicas: answer;
    ShardHandOver: Service(hand_over::hand_over), System, admin "service:admin", System;
    Checkpoint: Service(administration::checkpoint), SystemOfAll, admin "service:admin", Operator;
    Compact: Service(administration::compact), System, admin "graph:admin", Operator;
    Scrub: Service(administration::scrub), System, admin "graph:admin", Operator;
    QuotaShow: Service(administration::show_quotas), System, admin "graph:admin", Operator, replicas: answer;
    QuotaSet: Service(administration::set_quotas), System, admin "graph:admin", Operator;
    SessionList: Service(sessions::list), System, admin "graph:admin", Operator, replicas: answer;
    SessionKill: Service(sessions::kill), System, admin "graph:admin", Operator, replicas: answer;

    // Nodes.
    HasNode: Point(nodes::has), Read, read "node:read", Reader, replicas: answer;
    HasNodesBatch: Point(nodes::have), Read, read "node:read", Reader, replicas: answer;
    GetNodeProperties: Point(nodes::properties), Read, read "node:read", Reader, replicas: answer;
    GetNodePropertiesBatch: Point(nodes::properties_batch), Read, read "node:read", Reader, replicas: answer;
    AddNode: Write(nodes::add), Write, write "node:write", Writer;
    CreateNodeIfAbsent: Write(nodes::add_missing), Write, write "node:write", Writer;
    CompareAndSetNodeFields: Write(nodes::compare_and_set), Write, write "node:write", Writer;
    ClaimNext: Compute(claim::claim_next), Write, write "node:write", Writer, effect: Adds;
    TouchNodes: Write(nodes::touch), Write, admin "node:admin", Writer;
    RemoveNode: Write(nodes::remove), Write, write "node:write", Writer;

    // Edges and neighbours.
    HasEdge: Point(edges::has), Read, read "edge:read", Reader, replicas: answer;
    GetEdgeProperties: Point(edges::properties), Read, read "edge:read", Reader, replicas: answer;
    GetEdgePropertiesBatch: Point(edges::properties_batch), Read, read "edge:read", Reader, replicas: answer;
    InDegree: Point(edges::in_degree), Read, read "edge:read", Reader, replicas: answer;
    OutDegree: Point(edges::out_degree), Read, read "edge:read", Reader, replicas: answer;
    DegreeCentrality: Point(edges::degree_centrality), Read, read "compute:graph-algo", Reader, replicas: answer;
    GetPredecessors: Point(edges::predecessors), Read, read "edge:read", Reader, replicas: answer;
    GetSuccessors: Point(edges::successors), Read, read "edge:read", Reader, replicas: answer;
    GetNeighbors: Point(edges::neighbors), Read, read "edge:read", Reader, replicas: answer;
    AddEdge: Write(edges::add), Write, write "edge:write", Writer;
    RemoveEdge: Write(edges::remove), Write, write "edge:write", Writer;

    // Much of a graph.
    GetNodes: Scan(graph_scans::nodes), Read, read "node:read", Reader, replicas: answer;
    NodeIds: Scan(graph_scans::node_ids), Read, read "node:read", Reader, replicas: answer;
    GetNodesByLabel: Scan(graph_scans::nodes_by_label), Read, read "node:read", Reader, replicas: answer;
    GetEdges: Scan(graph_scans::edges), Read, read "edge:read", Reader, replicas: answer;
    GetTriples: Scan(graph_scans::triples), Read, read "edge:read", Reader, replicas: answer;
    GetSubgraph: Scan(graph_scans::subgraph), Read, read "node:read", Reader, replicas: answer;
    GetLedger: Scan(graph_scans::ledger), Read, read "ledger:read", Reader, replicas: answer;

    // Looking around, a little at a time.
    GraphLook: Scan(explore::look::look), Read, read "graph:read", Reader, replicas: answer;
    NodeSearch: Scan(explore::search::search), Read, read "node:read", Reader, replicas: answer;
    NodeLook: Scan(explore::node::look), Read, read "node:read", Reader, replicas: answer;
    NeighborPage: Scan(explore::neighbors::page), Read, read "edge:read", Reader, replicas: answer;
    EdgesAmong: Scan(explore::edges::among), Read, read "edge:read", Reader, replicas: answer;
    PathEdges: Scan(explore::walks::path), Read, read "compute:graph-algo", Reader, replicas: answer;
    BlastDepths: Scan(explore::walks::blast), Read, read "compute:graph-algo", Reader, replicas: answer;
    LedgerTail: Scan(explore::tail::tail), Read, read "ledger:read", Reader, replicas: answer;

    // Batches.
    BatchUpdate: Write(batches::update), Write, write "node:write", Writer;

    // The ledger.
    ApplyLedger: Write(ledger::apply => Ledger), Write, write "ledger:write", Writer;
    ClearLedger: Write(ledger::clear), Write, admin "ledger:admin", Owner;
    LedgerKeep: Write(ledger::keep), Write, admin "graph:admin", Owner;
    LedgerTrim: Service(ledger::trim), Write, admin "graph:admin", Owner, quota: Quota::Graph;

    // Answered, not done.
    ApplyMutation: Point(accepted_mutations::apply), Write, write "graph:write", Writer;
    ApplyMultisigMutation: Point(accepted_mutations::apply_multisig), Write, admin "security:admin", Writer;

    // Documents.
    ToMsgpack: Stream(documents::export::send), Read, read "graph:read", Reader, replicas: answer;
    FromMsgpack: Compute(documents::from_msgpack), Write, admin "graph:admin", Owner, effect: Document;
    Reconcile: Compute(documents::reconcile), Write, write "graph:write", Owner, effect: Document;

    // Graphs.
    NodeCount: Counters(graphs::node_count), Read, read "node:read", Reader, replicas: answer;
    EdgeCount: Counters(graphs::edge_count), Read, read "edge:read", Reader, replicas: answer;
    Metrics: Counters(graphs::metrics), Read, write "service:control", Reader, replicas: answer;
    CreateGraph: Write(graphs::create => Created), Open, admin "graph:admin", Owner, quota: Quota::Made(graphs::made);
    ClearGraph: Write(graphs::clear), Write, admin "graph:admin", Owner;
    DeleteGraph: Write(graphs::delete => Deleted), WriteNamed(graphs::deleted), admin "graph:admin", Owner, quota: Quota::Named(graphs::deleted);
    GraphOwnerSet: Write(graphs::set_owner), System, admin "graph:admin", Operator, quota: Quota::Nobody;
    Fork: Compute(graphs::fork), Read, read "graph:read", Reader, effect: Copies, names: Names::Copy(graphs::copied);

    // Several graphs.
    DiffAgainst: Compute(diff::against), ReadBoth(diff::other_graph), read "graph:read", Reader, replicas: answer;
    Vf2SubgraphMatch: Compute(subgraph_match::find), ReadBoth(subgraph_match::pattern_graph), read "compute:graph-algo", Reader, effect: Matches, replicas: answer;
    UnionGetNodeProperties: Union(union::node_properties), Read, read "node:read", Reader, names: Names::Several(union::graphs), replicas: answer;
    UnionGetNodesByLabel: Union(union::nodes_by_label), Read, read "node:read", Reader, names: Names::Several(union::graphs_by_label), replicas: answer;
    UnionGetNeighbors: Union(union::neighbors), Read, read "node:read", Reader, names: Names::Several(union::graphs), replicas: answer;

    // Algorithms.
    TopologicalSort: Compute(algorithms::topological_sort), Read, read "compute:graph-algo", Reader, replicas: answer;
    FindCycle: Compute(algorithms::find_cycle), Read, read "compute:graph-algo", Reader, replicas: answer;
    GetShortestPath: Compute(algorithms::shortest_path), Read, read "compute:graph-algo", Reader, replicas: answer;
    GetBlastRadius: Compute(algorithms::blast_radius), Read, read "compute:graph-algo", Reader, replicas: answer;
    DegreeCentralityAll: Compute(algorithms::degree_centrality), Read, read "compute:graph-algo", Reader, replicas: answer;
    BetweennessCentrality: Compute(algorithms::betweenness), Read, read "compute:graph-algo", Reader, replicas: answer;
    PageRank: Compute(algorithms::pagerank), Read, read "compute:graph-algo", Reader, replicas: answer;
    PersonalizedPageRank: Compute(algorithms::personalized_pagerank), Read, read "compute:graph-algo", Reader, replicas: answer;
    ConnectedComponents: Compute(algorithms::connected_components), Read, read "compute:graph-algo", Reader, replicas: answer;
    StronglyConnectedComponents: Compute(algorithms::strongly_connected_components), Read, read "compute:graph-algo", Reader, replicas: answer;
    MinimumSpanningTree: Compute(algorithms::spanning_tree), Read, read "compute:graph-algo", Reader, replicas: answer;
    CommunityDetection: Compute(communities::detect), Read, read "compute:graph-algo", Reader, replicas: answer;
    CommunityDetectEphemeral: Compute(communities::detect_ephemeral), Read, read "compute:graph-algo", Reader, replicas: answer;
    GraphColoring: Compute(algorithms::colouring), Read, read "compute:graph-algo", Reader, replicas: answer;
    GetContextView: Compute(context_view::read), Read, read "node:read", Reader, replicas: answer;

    // Embeddings.
    AddEmbedding: Write(semantic::add), Write, write "node:write", Writer;
    SemanticSearch: Compute(semantic::search), Read, read "compute:semantic", Reader, replicas: answer;
    ComputeSimilarityEdges: Compute(semantic::similarity_edges), Read, read "compute:graph-algo", Reader, replicas: answer;

    // Reasoning; aging.
    RunDatalogReasoning: Compute(reasoning::run), Write, write "reasoning:write", Writer, effect: Adds;
    DecaySweep: Compute(lifecycle::decay_sweep), Write, admin "node:admin", Owner, effect: InParts;
    PruneByLifecycle: Compute(lifecycle::prune), Write, admin "node:admin", Owner, effect: InParts;
    EvictLRU: Compute(lifecycle::evict_lru), Write, admin "node:admin", Owner, effect: InParts;
    CompactNodesByType: Compute(lifecycle::compact_by_type), Write, admin "node:admin", Owner, effect: InParts;

    // Transactions.
    BeginTxn: Service(transactions::begin), Open, write "txn:control", Writer, quota: Quota::Transaction(transactions::begun_on), names: Names::Begun(transactions::named);
    TxnAddNode: Service(transactions::add_node), Open, write "txn:write", Writer, quota: Quota::Transaction(transactions::graph);
    TxnRemoveNode: Service(transactions::remove_node), Open, write "txn:write", Writer, quota: Quota::Transaction(transactions::graph);
    TxnAddEdge: Service(transactions::add_edge), Open, write "txn:write", Writer, quota: Quota::Transaction(transactions::graph);
    TxnRemoveEdge: Service(transactions::remove_edge), Open, write "txn:write", Writer, quota: Quota::Transaction(transactions::graph);
    TxnCas: Service(transactions::compare_and_set), Open, write "txn:write", Writer, quota: Quota::Transaction(transactions::graph);
    TxnAddEmbedding: Service(transactions::add_embedding), Open, write "txn:write", Writer, quota: Quota::Transaction(transactions::graph);
    Commit: Commit(transactions::commit), Open, write "txn:control", Writer, quota: Quota::Transaction(transactions::graph);
    Rollback: Service(transactions::roll_back), Open, write "txn:control", Writer, quota: Quota::Transaction(transactions::graph);

    // Channels and identities.
    CreateChannel: Service(channels::create), Channel, admin "channel:admin", Writer, names: Names::Channel(channels::created_by);
    JoinChannel: Service(channels::join), Channel, admin "channel:admin", Writer, names: Names::Channel(channels::of_agent);
    LeaveChannel: Service(channels::leave), Channel, admin "channel:admin", Writer, names: Names::Channel(channels::of_agent);
    CloseChannel: Service(channels::close), Channel, admin "channel:admin", Writer, names: Names::Channel(channels::of_anybody);
    SendMessage: Service(channels::send), Channel, write "channel:write", Writer, names: Names::Channel(channels::sent_by);
    GetChannelMessages: Service(channels::messages), Channel, read "channel:read", Reader, names: Names::Channel(channels::of_anybody), replicas: answer;
    GetChannelMembers: Service(channels::members), Channel, read "channel:read", Reader, names: Names::Channel(channels::of_anybody), replicas: answer;
    ListChannels: Service(channels::list), Channel, read "channel:read", Reader, names: Names::Listed, replicas: answer;
    RegisterIdentity: Service(identities::register), Open, admin "security:admin", System, names: Names::All;
    UnregisterIdentity: Service(identities::unregister), System, admin "graph:admin", System;
    ListIdentities: Service(identities::list), System, admin "security:admin", Operator, replicas: answer;

    // Snapshots.
    SnapshotOpen: Service(snapshots::open), Read, read "graph:read", Reader, quota: Quota::Graph, replicas: answer;
    SnapshotRead: Service(snapshots::read), Open, read "graph:read", Reader, names: Names::Transfer, replicas: answer;
    SnapshotClose: Service(snapshots::close), Open, read "graph:read", Reader, names: Names::Transfer, replicas: answer;
    RestoreOpen: Service(snapshots::open_restore), Replace(snapshots::replaced), admin "graph:admin", OwnerOrOperator, quota: Quota::Made(snapshots::made);
    RestoreWrite: Service(snapshots::write_restore), Open, admin "graph:admin", OwnerOrOperator, names: Names::Transfer;
    RestoreCommit: Service(snapshots::commit_restore), Open, admin "graph:admin", OwnerOrOperator, names: Names::Transfer;
    RestoreAbort: Service(snapshots::abort_restore), Open, admin "graph:admin", OwnerOrOperator, names: Names::Transfer;
    ServiceExport: Service(snapshots::open_service_export), System, admin "graph:admin", Operator, replicas: answer;
    ServiceImport: Service(snapshots::open_service_import), System, admin "graph:admin", System;

    // Moves.
    MoveStatus: Service(move_reads::status), System, admin "graph:admin", Operator;
    MoveLook: Service(move_reads::look), System, admin "graph:admin", Operator;
    MoveOutcomes: Service(move_reads::outcomes), System, admin "graph:admin", Operator;
    GraphDigest: Service(move_reads::digest), System, admin "graph:admin", Operator;
    LedgerRead: Service(move_reads::ledger), System, read "ledger:read", Operator;
    GraphHeads: Service(move_reads::heads), System, admin "graph:admin", Operator;
    MoveArrive: Service(moves::arrive), System, admin "graph:admin", Operator;
    MoveReplay: Service(moves::replay), System, admin "graph:admin", Operator;
    MoveFence: Service(moves::fence), System, admin "graph:admin", Operator;
    MoveRenew: Service(moves::renew), System, admin "graph:admin", Operator;
    MoveRelease: Service(moves::release), System, admin "graph:admin", Operator;
    MoveDepart: Service(moves::depart), System, admin "graph:admin", Operator;
    MoveAdmit: Service(moves::admit), System, admin "graph:admin", Operator;
    MoveDrop: Service(moves::drop_records), System, admin "graph:admin", Operator;
    MoveReturn: Service(moves::come_back), System, admin "graph:admin", Operator;
    MoveForget: Service(moves::forget), System, admin "graph:admin", Operator;
    MoveRefuse: Service(moves::refuse), System, admin "graph:admin", Operator;

    // Owners.
    GraphOwners: Service(owners::list), System, admin "graph:admin", Operator;
    OwnerHold: Service(owners::hold), System, admin "graph:admin", Operator;
    OwnerGiveWay: Service(owners::give_way), System, admin "graph:admin", Operator;
}

/// The rows by the number of their method.
static BY_METHOD: [Option<&Row>; Method::COUNT] = {
    let mut found = [None; Method::COUNT];
    let mut index = 0;
    while index < ROWS.len() {
        let row = &ROWS[index];
        let place = row.operation.method as usize;
        assert!(found[place].is_none(), "a method has two rows");
        found[place] = Some(row);
        index += 1;
    }
    index = 0;
    while index < Method::COUNT {
        let served = Method::ALL[index].is_served();
        assert!(found[index].is_some() == served, "a served method has no row, or another one has");
        index += 1;
    }
    found
};
