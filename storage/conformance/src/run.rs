//! The list of cases, and running them.

use epistemic_storage::{GraphStore, Store, graph::GraphError};

use super::{
    audit, audit_damage, audit_store, bulk, channels, fixture::Result, graph_admin, graph_arrivals,
    graph_commons, graph_conditional, graph_cursors, graph_edges, graph_fork, graph_groups, graph_heads,
    graph_ledger, graph_moves, graph_names, graph_nodes, graph_once, graph_optimistic, graph_owners,
    graph_parts, graph_proofs, graph_reclaim, graph_replay, graph_revise, graph_standings, graph_vectors,
    identities, reads, scans, service, sizes, views, writes,
};

/// Name of a case and its check of an empty store. The check panics or returns an error on a violation.
pub type StoreCase = (&'static str, fn(&dyn Store) -> Result<()>);

/// Name of a case and its check of a new graph store.
pub type GraphCase = (&'static str, fn(&GraphStore) -> Result<(), GraphError>);

/// The byte-level cases.
pub const STORE_CASES: &[StoreCase] = &[
    ("a value reads back", reads::values_read_back),
    ("many keys are answered in the order asked", reads::multi_get_keeps_the_order),
    ("spaces are independent", reads::spaces_are_independent),
    ("keys and values of any bytes", reads::any_bytes),
    ("a scan keeps its bounds", scans::bounds),
    ("an empty range has no entries", scans::empty_ranges),
    ("a prefix is all of its keys", scans::prefixes),
    ("a scan ends for good", scans::the_end_stays),
    ("a cursor sees one state", scans::one_state),
    ("a batch is applied in its order", writes::order_within_a_batch),
    ("a batch is atomic", writes::atomic),
    ("a range delete keeps its bounds", writes::range_deletes),
    ("the sequence grows and a sync works", writes::sequence_and_sync),
    ("a small range is counted exactly", sizes::small),
    ("the size of a large range is about right", sizes::large),
    ("a view is consistent across spaces", views::consistent_across_spaces),
    ("a view stays while writers go on", views::stays_under_writers),
    ("a bulk load takes any order", bulk::any_order),
    ("a bulk load is invisible before its end", bulk::invisible_before_its_end),
    ("a dropped bulk load leaves nothing", bulk::dropped),
    ("a bulk load of many runs", bulk::many_runs),
];

/// The cases of the graph layer.
pub const GRAPH_CASES: &[GraphCase] = &[
    ("nodes: add, replace, read, remove", graph_nodes::lifecycle),
    ("nodes: any id is its own", graph_nodes::any_id),
    ("labels follow the properties", graph_nodes::labels_follow),
    ("labels: ids, oldest first", graph_cursors::ids_by_label),
    ("cursors: all nodes and edges in order", graph_cursors::cursors),
    ("edges: parallel edges", graph_edges::parallel),
    ("edges: missing ends are refused", graph_edges::missing_ends),
    ("edges: self loops", graph_edges::self_loops),
    ("edges: a removed node takes its edges along", graph_edges::cascade),
    ("graphs: create, list, delete", graph_admin::lifecycle),
    ("graphs: another owner", graph_admin::owners),
    ("graphs: any name is its own", graph_admin::any_name),
    ("graphs: a rule for new names", graph_names::rule),
    ("graphs: a tenant's claim", graph_names::claims),
    ("graphs: a graph created again is empty", graph_admin::recreated_is_empty),
    ("graphs: clear", graph_admin::clear),
    ("graphs: replace and install", graph_admin::replace_and_install),
    ("graphs: a large load", graph_admin::large_load),
    ("embeddings: add, replace, remove", graph_vectors::lifecycle),
    ("embeddings: of any length", graph_vectors::lengths),
    ("transactions are made as a whole or not at all", graph_optimistic::all_or_nothing),
    ("transactions that saw something else are not made", graph_optimistic::conflicts),
    ("batches are made as a whole if asked for", graph_optimistic::whole_batches),
    ("a key stands for a transaction that was made", graph_optimistic::made_once),
    ("transactions beyond the limit of a batch", graph_optimistic::limited),
    ("transactions are not made in parts", graph_optimistic::undivided),
    ("compare and set", graph_conditional::compare_and_set),
    ("nodes added unless they are there", graph_conditional::add_missing),
    ("writes made once", graph_once::made_once),
    ("embeddings: seen within a group", graph_vectors::within_a_group),
    ("ledger: one line for each change", graph_admin::ledger),
    ("ledger: trimmed to the newest records", graph_ledger::trimmed),
    ("ledger: trimmed by bytes and by age", graph_ledger::by_bytes_and_age),
    ("ledger: each graph has its rule", graph_ledger::rules),
    ("groups: refused mutations change nothing", graph_groups::refusals),
    ("groups: a mutation sees those before it", graph_groups::read_your_writes),
    ("groups: batches report their items", graph_groups::batch_reports),
    ("groups: several graphs, created and deleted inside", graph_groups::many_graphs),
    ("touch: refreshes what is a map", graph_revise::touch),
    ("revisions: nodes that are as expected", graph_revise::nodes),
    ("revisions: one of several parallel edges", graph_revise::parallel_edges),
    ("revisions: edges between nodes that are there", graph_revise::added_edges),
    ("parts: a node with many edges", graph_parts::removed_hub),
    ("parts: a write made once", graph_parts::made_once),
    ("parts: a load that waits for another group", graph_parts::load_that_waits),
    ("parts: another graph of the name", graph_parts::replaced_meanwhile),
    ("parts: many parallel edges", graph_parts::parallel_edges),
    ("parts: nodes that are refreshed or revised", graph_parts::touched_and_revised),
    ("parts: a batch beyond its limit", graph_parts::limited_batch),
    ("revisions: another graph", graph_revise::other_graph),
    ("revisions: a node that was added again", graph_revise::added_again),
    ("revisions: what the group did before", graph_revise::groups),
    ("revisions: embeddings go with their nodes", graph_revise::embeddings),
    ("fork: an equal graph that shares nothing", graph_fork::small),
    ("fork: a large graph", graph_fork::large),
    ("fork: stopped", graph_fork::stopped),
    ("fork: one state", graph_fork::one_state),
    ("sizes: each graph's own records", sizes::graphs),
    ("reclaim: waits for readers", graph_reclaim::waits_for_readers),
    ("reclaim: leaves nothing", graph_reclaim::leaves_nothing),
    ("reclaim: abandoned and refused loads", graph_reclaim::abandoned_loads),
    ("audit: nothing is wrong with what was written", audit::clean),
    ("audit: each kind of damage is found", audit_damage::damage),
    ("audit: the store's own records", audit_store::damage),
    ("audit: repairs in many batches", audit::many_batches),
    ("moves: every step at every standing", graph_moves::every_step),
    ("moves: what clients are told", graph_standings::told),
    ("moves: a graph departs by proof", graph_proofs::departs_by_proof),
    ("moves: what a group replaces does not depart", graph_proofs::replaced_in_the_group),
    ("moves: what they came to is remembered", graph_proofs::remembered),
    ("moves: what is kept follows its destination", graph_proofs::kept_copy),
    ("moves: a name that is held", graph_proofs::held_name),
    ("moves: a name that is let go", graph_proofs::freed_name),
    ("moves: the fence", graph_standings::fence),
    ("moves: leave nothing", graph_standings::leaves_nothing),
    ("moves: there and back", graph_arrivals::there_and_back),
    ("moves: an arrival under another name", graph_arrivals::renamed),
    ("moves: another name refused", graph_arrivals::rename_refused),
    ("moves: what is no copy", graph_replay::no_copy),
    ("moves: a graph created anew", graph_replay::created_anew),
    ("moves: what the ledger does not tell", graph_replay::truncated),
    ("moves: the commons leave", graph_commons::leaves),
    ("moves: the commons arrive", graph_commons::arrives),
    ("graphs: the commons are filled", graph_commons::is_filled),
    ("graphs: a rule for the commons", graph_commons::rule),
    ("owners: the commons give way", graph_commons::gives_way),
    ("owners: a graph that is superseded", graph_owners::superseded),
    ("owners: a graph is set aside", graph_owners::set_aside),
    ("owners: what does not give way", graph_owners::refusals),
    ("owners: names for what is set aside", graph_owners::names),
    ("owners: every name on one page", graph_owners::entries),
    ("channels: create, join, leave, close", channels::lifecycle),
    ("channels: two in a PeerToPeer channel", channels::peer_to_peer),
    ("channels: messages in their order", channels::messages),
    ("channels: the oldest messages are dropped", channels::oldest_are_dropped),
    ("channels: any id is its own", channels::any_id),
    ("channels: long names and many members", channels::limits),
    ("channels: so many names in all", channels::limits_in_all),
    ("channels: a closed one leaves nothing", channels::closed_leaves_nothing),
    ("channels: damage is told and stays with them", channels::damage),
    ("identities: register and replace", identities::register),
    ("heads: every graph on one page", graph_heads::pages),
    ("heads: the newest change", graph_heads::newest_change),
    ("service: a copy and a copy of it", service::round_trip),
    ("service: what is there stays", service::what_is_there_stays),
    ("service: damage and refusals", service::damage),
];

/// Runs every case on a store of its own; `open` makes an empty one.
///
/// # Panics
/// On the first violation.
pub fn run_all(open: &dyn Fn() -> Box<dyn Store>) {
    for (name, case) in STORE_CASES {
        let store = open();
        if let Err(error) = case(&*store) {
            panic!("backend {}, case '{name}': {error}", store.backend());
        }
    }
    for (name, case) in GRAPH_CASES {
        let store = open();
        let backend = store.backend();
        if let Err(error) = GraphStore::open(store).and_then(|graphs| case(&graphs)) {
            panic!("backend {backend}, case '{name}': {error}");
        }
    }
}
