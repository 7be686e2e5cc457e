//! The table of operations: what answers each, what its caller must be allowed to do, and for whom it counts. A served method
//! without a row does not compile, nor one that has two.

use super::{
    accepted_mutations, administration, algorithms, batches, channels, claim, communities, context_view,
    diff, documents, edges, graph_scans, graphs, handler::Handler, identities, ledger, lifecycle, move_reads,
    moves, nodes, owners, reasoning, semantic, snapshots, status, subgraph_match, transactions, union,
};
use crate::{
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

/// `METHOD: KIND(HANDLER), ACCESS, SCOPE`, where the kind is one of [`Handler`], and a write may say what it [`Answers`].
macro_rules! operations {
    ($(
        $method:ident: $kind:ident($($handler:tt)+), $access:expr, $level:ident $scope:literal
        $(, quota: $quota:expr)? $(, effect: $effect:ident)?;
    )*) => {
        static ROWS: &[Row] = &[$(
            Row {
                operation: Operation {
                    method: Method::$method,
                    access: $access,
                    scope: Scope::$level($scope),
                    quota: quota!($kind $(, $quota)?),
                    effect: effect!($($effect)?),
                },
                handler: handler!($kind $($handler)+),
            },
        )*];
    };
}

operations! {
    // The shard.
    Ping: Inline(status::ping), Open, write "service:control";
    Health: Inline(status::health), Open, write "service:control";
    ListGraphs: Service(status::list_graphs), Open, read "graph:read";
    GraphStats: Service(status::graph_stats), Open, read "graph:read";
    ShardStatus: Service(status::shard_status), Open, read "graph:read";

    // Its operator.
    Shutdown: Inline(administration::shut_down), System, admin "service:admin";
    Checkpoint: Service(administration::checkpoint), SystemOfAll, admin "service:admin";
    Scrub: Service(administration::scrub), System, admin "graph:admin";
    QuotaShow: Service(administration::show_quotas), System, admin "graph:admin";
    QuotaSet: Service(administration::set_quotas), System, admin "graph:admin";

    // Nodes.
    HasNode: Point(nodes::has), Read, read "node:read";
    HasNodesBatch: Point(nodes::have), Read, read "node:read";
    GetNodeProperties: Point(nodes::properties), Read, read "node:read";
    GetNodePropertiesBatch: Point(nodes::properties_batch), Read, read "node:read";
    AddNode: Write(nodes::add), Write, write "node:write";
    CreateNodeIfAbsent: Write(nodes::add_missing), Write, write "node:write";
    CompareAndSetNodeFields: Write(nodes::compare_and_set), Write, write "node:write";
    ClaimNext: Compute(claim::claim_next), Write, write "node:write", effect: Adds;
    TouchNodes: Write(nodes::touch), Write, admin "node:admin";
    RemoveNode: Write(nodes::remove), Write, write "node:write";

    // Edges and neighbours.
    HasEdge: Point(edges::has), Read, read "edge:read";
    GetEdgeProperties: Point(edges::properties), Read, read "edge:read";
    GetEdgePropertiesBatch: Point(edges::properties_batch), Read, read "edge:read";
    InDegree: Point(edges::in_degree), Read, read "edge:read";
    OutDegree: Point(edges::out_degree), Read, read "edge:read";
    DegreeCentrality: Point(edges::degree_centrality), Read, read "compute:graph-algo";
    GetPredecessors: Point(edges::predecessors), Read, read "edge:read";
    GetSuccessors: Point(edges::successors), Read, read "edge:read";
    GetNeighbors: Point(edges::neighbors), Read, read "edge:read";
    AddEdge: Write(edges::add), Write, write "edge:write";
    RemoveEdge: Write(edges::remove), Write, write "edge:write";

    // Much of a graph.
    GetNodes: Scan(graph_scans::nodes), Read, read "node:read";
    NodeIds: Scan(graph_scans::node_ids), Read, read "node:read";
    GetNodesByLabel: Scan(graph_scans::nodes_by_label), Read, read "node:read";
    GetEdges: Scan(graph_scans::edges), Read, read "edge:read";
    GetTriples: Scan(graph_scans::triples), Read, read "edge:read";
    GetSubgraph: Scan(graph_scans::subgraph), Read, read "node:read";
    GetLedger: Scan(graph_scans::ledger), Read, read "ledger:read";

    // Batches.
    BatchUpdate: Write(batches::update), Write, write "node:write";

    // The ledger.
    ApplyLedger: Write(ledger::apply => Ledger), Write, write "ledger:write";
    ClearLedger: Write(ledger::clear), Write, admin "ledger:admin";
    LedgerKeep: Write(ledger::keep), Write, admin "graph:admin";

    // Answered, not done.
    ApplyMutation: Point(accepted_mutations::apply), Write, write "graph:write";
    ApplyMultisigMutation: Point(accepted_mutations::apply_multisig), Write, admin "security:admin";

    // Documents.
    ToMsgpack: Stream(documents::export::send), Read, read "graph:read";
    FromMsgpack: Compute(documents::from_msgpack), Write, admin "graph:admin", effect: Document;
    Reconcile: Compute(documents::reconcile), Write, write "graph:write", effect: Document;

    // Graphs.
    NodeCount: Counters(graphs::node_count), Read, read "node:read";
    EdgeCount: Counters(graphs::edge_count), Read, read "edge:read";
    Metrics: Counters(graphs::metrics), Read, write "service:control";
    CreateGraph: Write(graphs::create => Created), Open, admin "graph:admin", quota: Quota::Made(graphs::made);
    ClearGraph: Write(graphs::clear), Write, admin "graph:admin";
    DeleteGraph: Write(graphs::delete => Deleted), WriteNamed(graphs::deleted), admin "graph:admin", quota: Quota::Named(graphs::deleted);
    Fork: Compute(graphs::fork), Read, read "graph:read", effect: Copies;

    // Several graphs.
    DiffAgainst: Compute(diff::against), ReadBoth(diff::other_graph), read "graph:read";
    Vf2SubgraphMatch: Compute(subgraph_match::find), ReadBoth(subgraph_match::pattern_graph), read "compute:graph-algo", effect: Matches;
    UnionGetNodeProperties: Union(union::node_properties), Read, read "node:read";
    UnionGetNodesByLabel: Union(union::nodes_by_label), Read, read "node:read";
    UnionGetNeighbors: Union(union::neighbors), Read, read "node:read";

    // Algorithms.
    TopologicalSort: Compute(algorithms::topological_sort), Read, read "compute:graph-algo";
    FindCycle: Compute(algorithms::find_cycle), Read, read "compute:graph-algo";
    GetShortestPath: Compute(algorithms::shortest_path), Read, read "compute:graph-algo";
    GetBlastRadius: Compute(algorithms::blast_radius), Read, read "compute:graph-algo";
    DegreeCentralityAll: Compute(algorithms::degree_centrality), Read, read "compute:graph-algo";
    BetweennessCentrality: Compute(algorithms::betweenness), Read, read "compute:graph-algo";
    PageRank: Compute(algorithms::pagerank), Read, read "compute:graph-algo";
    PersonalizedPageRank: Compute(algorithms::personalized_pagerank), Read, read "compute:graph-algo";
    ConnectedComponents: Compute(algorithms::connected_components), Read, read "compute:graph-algo";
    StronglyConnectedComponents: Compute(algorithms::strongly_connected_components), Read, read "compute:graph-algo";
    MinimumSpanningTree: Compute(algorithms::spanning_tree), Read, read "compute:graph-algo";
    CommunityDetection: Compute(communities::detect), Read, read "compute:graph-algo";
    CommunityDetectEphemeral: Compute(communities::detect_ephemeral), Read, read "compute:graph-algo";
    GraphColoring: Compute(algorithms::colouring), Read, read "compute:graph-algo";
    GetContextView: Compute(context_view::read), Read, read "node:read";

    // Embeddings.
    AddEmbedding: Write(semantic::add), Write, write "node:write";
    SemanticSearch: Compute(semantic::search), Read, read "compute:semantic";
    ComputeSimilarityEdges: Compute(semantic::similarity_edges), Read, read "compute:graph-algo";

    // Reasoning; aging.
    RunDatalogReasoning: Compute(reasoning::run), Write, write "reasoning:write", effect: Adds;
    DecaySweep: Compute(lifecycle::decay_sweep), Write, admin "node:admin", effect: InParts;
    PruneByLifecycle: Compute(lifecycle::prune), Write, admin "node:admin", effect: InParts;
    EvictLRU: Compute(lifecycle::evict_lru), Write, admin "node:admin", effect: InParts;
    CompactNodesByType: Compute(lifecycle::compact_by_type), Write, admin "node:admin", effect: InParts;

    // Transactions.
    BeginTxn: Service(transactions::begin), Open, write "txn:control", quota: Quota::Transaction(transactions::begun_on);
    TxnAddNode: Service(transactions::add_node), Open, write "txn:write", quota: Quota::Transaction(transactions::graph);
    TxnRemoveNode: Service(transactions::remove_node), Open, write "txn:write", quota: Quota::Transaction(transactions::graph);
    TxnAddEdge: Service(transactions::add_edge), Open, write "txn:write", quota: Quota::Transaction(transactions::graph);
    TxnRemoveEdge: Service(transactions::remove_edge), Open, write "txn:write", quota: Quota::Transaction(transactions::graph);
    TxnCas: Service(transactions::compare_and_set), Open, write "txn:write", quota: Quota::Transaction(transactions::graph);
    TxnAddEmbedding: Service(transactions::add_embedding), Open, write "txn:write", quota: Quota::Transaction(transactions::graph);
    Commit: Commit(transactions::commit), Open, write "txn:control", quota: Quota::Transaction(transactions::graph);
    Rollback: Service(transactions::roll_back), Open, write "txn:control", quota: Quota::Transaction(transactions::graph);

    // Channels and identities.
    CreateChannel: Service(channels::create), Channel, admin "channel:admin";
    JoinChannel: Service(channels::join), Channel, admin "channel:admin";
    LeaveChannel: Service(channels::leave), Channel, admin "channel:admin";
    CloseChannel: Service(channels::close), Channel, admin "channel:admin";
    SendMessage: Service(channels::send), Channel, write "channel:write";
    GetChannelMessages: Service(channels::messages), Channel, read "channel:read";
    GetChannelMembers: Service(channels::members), Channel, read "channel:read";
    ListChannels: Service(channels::list), Channel, read "channel:read";
    RegisterIdentity: Service(identities::register), Open, admin "security:admin";
    UnregisterIdentity: Service(identities::unregister), System, admin "graph:admin";
    ListIdentities: Service(identities::list), System, admin "security:admin";

    // Snapshots.
    SnapshotOpen: Service(snapshots::open), Read, read "graph:read", quota: Quota::Graph;
    SnapshotRead: Service(snapshots::read), Open, read "graph:read";
    SnapshotClose: Service(snapshots::close), Open, read "graph:read";
    RestoreOpen: Service(snapshots::open_restore), Replace(snapshots::replaced), admin "graph:admin", quota: Quota::Made(snapshots::made);
    RestoreWrite: Service(snapshots::write_restore), Open, admin "graph:admin";
    RestoreCommit: Service(snapshots::commit_restore), Open, admin "graph:admin";
    RestoreAbort: Service(snapshots::abort_restore), Open, admin "graph:admin";
    ServiceExport: Service(snapshots::open_service_export), System, admin "graph:admin";
    ServiceImport: Service(snapshots::open_service_import), System, admin "graph:admin";

    // Moves.
    MoveStatus: Service(move_reads::status), System, admin "graph:admin";
    MoveLook: Service(move_reads::look), System, admin "graph:admin";
    MoveOutcomes: Service(move_reads::outcomes), System, admin "graph:admin";
    GraphDigest: Service(move_reads::digest), System, admin "graph:admin";
    LedgerRead: Service(move_reads::ledger), System, read "ledger:read";
    GraphHeads: Service(move_reads::heads), System, admin "graph:admin";
    MoveArrive: Service(moves::arrive), System, admin "graph:admin";
    MoveReplay: Service(moves::replay), System, admin "graph:admin";
    MoveFence: Service(moves::fence), System, admin "graph:admin";
    MoveRenew: Service(moves::renew), System, admin "graph:admin";
    MoveRelease: Service(moves::release), System, admin "graph:admin";
    MoveDepart: Service(moves::depart), System, admin "graph:admin";
    MoveAdmit: Service(moves::admit), System, admin "graph:admin";
    MoveDrop: Service(moves::drop_records), System, admin "graph:admin";
    MoveReturn: Service(moves::come_back), System, admin "graph:admin";
    MoveForget: Service(moves::forget), System, admin "graph:admin";
    MoveRefuse: Service(moves::refuse), System, admin "graph:admin";

    // Owners.
    GraphOwners: Service(owners::list), System, admin "graph:admin";
    OwnerHold: Service(owners::hold), System, admin "graph:admin";
    OwnerGiveWay: Service(owners::give_way), System, admin "graph:admin";
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
