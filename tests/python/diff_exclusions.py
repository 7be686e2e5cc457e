"""What the differential test leaves out, and why: every difference from the reference that is on purpose.

docs/compatibility.md says the same to people. `differential.py --exclusions` prints the tables.
"""

# Operations that are not sent when they would have this effect. Each is a difference on purpose.
AVOIDED = {
    "ghost_parallel_edges": "RemoveEdge of parallel edges leaves their topology behind; ours removes them everywhere",
    "ghost_embeddings": "embeddings of missing or removed nodes are kept and found; ours drops them with the node",
    "kept_embeddings": "a document without semantic_store leaves the embeddings of the old graph; ours replaces all",
    "approximate_search": "from 32 embeddings on the search is approximate; ours is exact",
    "path_to_self": "the path from a node to itself is nil; ours is the node",
    "duplicate_seeds": "a seed listed twice counts once with the whole total; ours adds the weights up",
    "ledger_hex": "ApplyLedger stores the text of the hex; ours decodes it",
    "ledger_lines": "ApplyLedger skips lines that are no operation, have `|` in an id, or add an edge at a missing node; "
    "ours refuses or reports them",
    "not_lru": "EvictLRU goes by internal slot; ours by last access, then insertion. Compared while both are equal",
    "prune_parallel": "decay that prunes one parallel edge removes all of its pair; ours removes that one",
    "context_budget": "the context walk stops at the first node that does not fit and lists edges to nodes left out; "
    "budget_max is 0 for a missing start. Compared while everything fits",
    "pattern_self_loop": "self loops of a pattern are ignored; ours asks for them",
    "no_map_matches": "a pattern of `{}` does not match properties that are no map; in ours it matches anything",
    "many_matches": "a pattern that may match more than 20,000 times runs without bound; ours refuses at its own",
    "acknowledged_only": "PruneByLifecycle, CompactNodesByType and ComputeSimilarityEdges do nothing; ours do it. "
    "Compared while there is nothing to do",
}

# Answers that are compared by what they promise.
NORMALISED = {
    "collection_order": "the reference changes the order of collections from call to call; parallel edges keep theirs",
    "label_limit": "which nodes a limit of GetNodesByLabel leaves out is open; their number is compared",
    "slot_order": "topological order and cycles start at the oldest node, but the reference gives a new node the place of "
    "a removed one; after a removal both answers are checked against the edges, else they are equal",
    "context_parallel": "a context view shows each parallel edge with the properties of the oldest; ours with its own. "
    "Compared without the properties of parallel edges",
    "colouring_choice": "any proper colouring is right, and the reference's differs from run to run",
    "spanning_tree_choice": "the reference reads no weight; both answers are checked to be spanning forests, and to "
    "be of 1.0 each where no edge has a weight",
    "community_choice": "the partition of a graph without clear communities is open; both are checked to be one",
    "ledger_removals": "one sweep's or eviction's removals, and a ledger rebuilt from a document, have no fixed order",
    "score_rounding": "scores are float32, so they are compared within 2e-6, and ties in any order",
    "clocks": "times of channel records may differ by 2 s; touch and decay are sent within one second",
    "method_list": "an unknown method's error lists the known ones; the list is no contract",
    "health_values": "Health is compared by its keys and status; Checkpoint by its text without the count",
}

# Operations that are never sent.
LEFT_OUT = {
    "property_bins": "a bin, ext value, non-string key or invalid string in properties hides all of them; ours shows "
    "the rest",
    "rewritten_properties": "touch and decay write the decoded view of all properties: float32 as float64, NaN as nil, "
    "keys of inner maps sorted; ours changes the two values. Such properties are only in graphs without sweeps",
    "batch_ids": "batch items with a missing, empty or wrong id are skipped in silence; ours reports them",
    "odd_embeddings": "vectors that are not finite are taken, ours refuses them; of those of another length the common part is compared",
    "reconcile_name": "Reconcile ignores graph_name; ours refuses one that differs. Sent with the right name",
    "Fork": "always an error; ours copies the graph",
    "RunDatalogReasoning": "not in the reference's build",
    "RegisterIdentity": "turns access control on for everybody; vectors/acl covers it",
    "Shutdown": "answers and goes on; ours stops",
    "ParseFile, ParseFiles, IndexRepository, ParseRepository, SpectralCluster, HypergraphEncodeInteraction, "
    "BatchCosineSimilarity": "nothing to do with a stored graph; ours answers that they are not available",
    "empty_params": "an empty map for an operation without parameters is refused; ours takes it (the client sends none)",
    "checks_order": "a request with two faults is reported by another of them",
}
