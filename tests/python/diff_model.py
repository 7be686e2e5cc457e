"""What the differential test knows of the graphs, and what it leaves out and why.

The model follows the reference. It decides, when an operation is about to be sent, whether the operation would
meet something that the reference does wrong; so a program stays valid whatever is deleted from it.
"""

import collections
import dataclasses

import msgpack

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
    "odd_embeddings": "vectors of another length or not finite are taken; ours refuses them",
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

MAX_EMBEDDINGS = 31
MAX_MATCHES = 20_000
# After these the model is read from the reference again.
UNMODELLED = {"TouchNodes", "DecaySweep", "EvictLRU", "ApplyLedger", "FromMsgpack", "Reconcile"}
REMOVALS = {"EvictLRU", "DecaySweep"}


def view(properties):
    """The decoded properties, or None when they do not decode."""
    try:
        unpacker = msgpack.Unpacker(strict_map_key=False, raw=False)
        unpacker.feed(bytes(properties))
        return unpacker.unpack()
    except (ValueError, msgpack.UnpackException):
        return None


def has_key(properties, keys):
    decoded = view(properties)
    return isinstance(decoded, dict) and not keys.isdisjoint(decoded)


@dataclasses.dataclass
class Graph:
    """One graph as the reference holds it."""

    nodes: dict = dataclasses.field(default_factory=dict)
    edges: list = dataclasses.field(default_factory=list)
    embedded: set = dataclasses.field(default_factory=set)
    slot_freed: bool = False
    ledger_rebuilt: bool = False

    def copy(self):
        return Graph(dict(self.nodes), list(self.edges), set(self.embedded), self.slot_freed, self.ledger_rebuilt)

    def pairs(self):
        return [(source, target) for source, target, _ in self.edges]

    def load(self, document):
        """Takes the content of a document of `ToMsgpack`."""
        self.nodes = {node: bytes(properties) for node, properties in document["nodes"]}
        self.edges = [(source, target, bytes(properties)) for source, target, properties in document["edges"]]
        self.embedded = set(document["semantic_store"]["embeddings"])

    def add_node(self, node, properties):
        self.nodes[node] = bytes(properties)

    def add_edge(self, source, target, properties):
        if source in self.nodes and target in self.nodes:
            self.edges.append((source, target, bytes(properties)))

    def remove_node(self, node):
        """Returns the name of the exclusion that this meets."""
        if node in self.embedded:
            return "ghost_embeddings"
        if self.nodes.pop(node, None) is not None:
            self.slot_freed = True
            self.edges = [edge for edge in self.edges if node not in edge[:2]]
        return None

    def remove_edge(self, source, target):
        """Returns the name of the exclusion that this meets."""
        if self.pairs().count((source, target)) > 1:
            return "ghost_parallel_edges"
        self.edges = [edge for edge in self.edges if edge[:2] != (source, target)]
        return None

    def batch(self, operations):
        """Applies a list of batch items; stops at the first that meets an exclusion."""
        for item in operations if isinstance(operations, list) else []:
            met = None
            match item.get("op") if isinstance(item, dict) else None:
                case "add_node":
                    self.add_node(item["id"], msgpack.packb(item.get("properties", {})))
                case "remove_node":
                    met = self.remove_node(item["id"])
                case "add_edge":
                    self.add_edge(item["source"], item["target"], msgpack.packb(item.get("properties", {})))
                case "remove_edge":
                    met = self.remove_edge(item["source"], item["target"])
            if met:
                return met
        return None

    def apply_lines(self, lines):
        """Applies ledger lines; stops at the first that meets an exclusion."""
        for line in lines:
            match line.split("|"):
                case ["ADD_NODE", node, ""]:
                    self.add_node(node, b"")
                case ["ADD_EDGE", source, target, ""] if source in self.nodes and target in self.nodes:
                    self.add_edge(source, target, b"")
                case ["ADD_NODE", _, hexadecimal] | ["ADD_EDGE", _, _, hexadecimal] if hexadecimal:
                    return "ledger_hex"
                case ["REMOVE_NODE", node]:
                    if met := self.remove_node(node):
                        return met
                case ["REMOVE_EDGE", source, target]:
                    if met := self.remove_edge(source, target):
                        return met
                case _:
                    return "ledger_lines"
        return None


class Model:
    """All graphs of the reference."""

    def __init__(self):
        self.graphs = {}

    def excluded(self, name, method, params):
        """The name of the exclusion that the operation would meet on graph `name`, or None."""
        graph = self.graphs.get(name)
        return graph and self._excluded(graph.copy(), method, params or {})

    def _excluded(self, graph, method, params):
        match method:
            case "RemoveNode":
                return graph.remove_node(params.get("node_id"))
            case "RemoveEdge":
                return graph.remove_edge(params.get("source_id"), params.get("target_id"))
            case "BatchUpdate":
                return graph.batch(view(params["operations_msgpack"]))
            case "ApplyLedger":
                return graph.apply_lines(params["transactions"])
            case "AddEmbedding":
                if params["node_id"] not in graph.nodes:
                    return "ghost_embeddings"
                full = len(graph.embedded | {params["node_id"]}) > MAX_EMBEDDINGS
                return "approximate_search" if full else None
            case "FromMsgpack" | "Reconcile":
                return self._load(graph, view(params["msgpack"]))
            case "GetShortestPath":
                same = params["source_id"] == params["target_id"] in graph.nodes
                return "path_to_self" if same else None
            case "PersonalizedPageRank":
                seeds = [seed[0] for seed in params["seed_nodes"]]
                return "duplicate_seeds" if len(seeds) > len(set(seeds)) else None
            case "EvictLRU":
                return self._evict(graph, params["max_nodes"])
            case "DecaySweep":
                return self._prune(graph) if params.get("prune") else None
            case "GetContextView":
                size = sum(len(node.encode()) + len(properties) for node, properties in graph.nodes.items())
                fits = params["agent_id"] in graph.nodes and size <= 4 * params["max_tokens"]
                return None if fits else "context_budget"
            case "Vf2SubgraphMatch":
                return self._match(graph, self.graphs.get(params["pattern_graph_name"], Graph()))
            case "CompactNodesByType":
                return "acknowledged_only" if len(graph.nodes) > params["threshold"] else None
            case "ComputeSimilarityEdges":
                return "acknowledged_only" if graph.embedded else None
            case "PruneByLifecycle":
                return "acknowledged_only" if params["min_score"] > 0 or params["max_age_secs"] < 2**40 else None
        return None

    @staticmethod
    def _match(graph, pattern):
        if any(source == target for source, target in pattern.pairs()):
            return "pattern_self_loop"
        stored = [*graph.nodes.values(), *pattern.nodes.values(), *(p for *_, p in graph.edges + pattern.edges)]
        if not all(isinstance(view(properties), dict) for properties in stored):
            return "no_map_matches"
        return "many_matches" if len(graph.nodes) ** len(pattern.nodes) > MAX_MATCHES else None

    @staticmethod
    def _load(graph, document):
        content = document if isinstance(document, dict) else {}
        if graph.embedded and "semantic_store" not in content:
            return "kept_embeddings"
        nodes = {node for node, _ in content.get("nodes", [])}
        embedded = content.get("semantic_store", {}).get("embeddings", {}).keys()
        return None if embedded <= nodes else "ghost_embeddings"

    @staticmethod
    def _evict(graph, keep):
        if len(graph.nodes) <= keep:
            return None
        if graph.embedded:
            return "ghost_embeddings"
        accessed = any(has_key(properties, {"last_access"}) for properties in graph.nodes.values())
        return "not_lru" if graph.slot_freed or accessed else None

    @staticmethod
    def _prune(graph):
        if graph.embedded:
            return "ghost_embeddings"
        pairs = collections.Counter(graph.pairs())
        keys = {"confidence", "last_access", "updated_at", "created_at"}
        for source, target, properties in graph.edges:
            if pairs[source, target] > 1 and has_key(properties, keys):
                return "prune_parallel"
        return None

    def apply(self, name, method, params):
        """Follows an operation that succeeded."""
        params = params or {}
        graph = self.graphs.get(name, Graph())
        match method:
            case "CreateGraph":
                self.graphs[params["graph_name"]] = Graph()
            case "DeleteGraph":
                self.graphs.pop(params["graph_name"], None)
            case "ClearGraph":
                self.graphs[name] = Graph()
            case "AddNode":
                graph.add_node(params["node_id"], params["properties_msgpack"])
            case "AddEdge":
                graph.add_edge(params["source_id"], params["target_id"], params["properties_msgpack"])
            case "RemoveNode":
                graph.remove_node(params["node_id"])
            case "RemoveEdge":
                graph.remove_edge(params["source_id"], params["target_id"])
            case "BatchUpdate":
                graph.batch(view(params["operations_msgpack"]))
            case "AddEmbedding":
                graph.embedded.add(params["node_id"])
            case "ClearLedger":
                graph.ledger_rebuilt = False
            case "FromMsgpack" | "Reconcile":
                graph.slot_freed = False
                graph.ledger_rebuilt = "ledger" not in (view(params["msgpack"]) or {})
            case "EvictLRU" | "DecaySweep" | "ApplyLedger":
                graph.slot_freed = True
