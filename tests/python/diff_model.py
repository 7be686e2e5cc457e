"""What the differential test knows of the graphs, and which operation it therefore does not send.

The model follows the reference. It decides, when an operation is about to be sent, whether the operation would
meet something that the reference does wrong; so a program stays valid whatever is deleted from it. The
names of what is avoided are those of diff_exclusions.py.
"""

import collections
import dataclasses

import msgpack

MAX_EMBEDDINGS = 31
MAX_MATCHES = 20_000
# After these the model is read from the reference again.
UNMODELLED = {"TouchNodes", "DecaySweep", "EvictLRU", "ApplyLedger", "FromMsgpack", "Reconcile"}


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
