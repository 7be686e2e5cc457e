"""Random programs of client calls for the differential test. All that is random comes from the given generator."""

import dataclasses

from diff_values import NAMES, Values

LENGTH = 1000
LARGE = 700
MALFORMED = [
    ("AddNode", {"node_id": 5, "properties_msgpack": b"\x80"}),
    ("AddNode", {"node_id": "a"}),
    ("AddNode", {"properties_msgpack": b""}),
    ("AddNode", {"node_id": "a", "properties_msgpack": [1, 256]}),
    ("AddEdge", {"source_id": None, "target_id": "a", "properties_msgpack": b""}),
    ("GetBlastRadius", {"node_id": "a", "max_depth": -1}),
    ("GetBlastRadius", {"node_id": "a", "max_depth": 1.5}),
    ("GetBlastRadius", {"node_id": "a"}),
    ("PageRank", {"damping": "x", "iterations": 3}),
    ("PageRank", {"iterations": 3}),
    ("DecaySweep", {"prune": 1}),
    ("TouchNodes", {"node_ids": "a"}),
    ("EvictLRU", {"max_nodes": True}),
    ("GetEdgePropertiesBatch", {"edges": [["a"]]}),
    ("PersonalizedPageRank", {"seed_nodes": [["a"]], "damping": 0.85, "iterations": 1}),
    ("SemanticSearch", {"query_embedding": [True], "n_results": 1}),
    ("FromMsgpack", {"msgpack": b"\x05"}),
    ("FromMsgpack", {"msgpack": b"\x90"}),
    ("NoSuchMethod", {"a": 1}),
]


@dataclasses.dataclass(frozen=True)
class Named:
    """Stands for a client where a call reads nothing of it but the name of its graph."""

    _graph_name: str


@dataclasses.dataclass
class Op:
    """One call: `client.CALL(*args)` on a client of `graph`. The call `copy` loads another graph's document."""

    graph: str
    call: str
    args: tuple

    def __str__(self):
        return f"{self.graph}: {self.call}{self.args!r}"


class Program(Values):
    """A list of calls on graphs of several kinds, written by `write`."""

    KINDS = {"mixed": 10, "dag": 5, "plain": 5, "vectors": 2, "evict": 0.4, "pattern": 2, "clear": 0.5, "channel": 3,
             "admin": 2, "missing": 1, "temporary": 2}

    def __init__(self, rng):
        super().__init__(rng)
        self.ops = []

    def write(self, length=LENGTH):
        for kind in self.KINDS:
            if kind not in ("missing", "temporary", "channel", "admin"):
                self.emit(kind, "tenants.create", kind, self.rng.choice(["Agent", "Team", "Global", "Commons"]))
        for kind in ("mixed", "dag", "plain", "vectors"):
            self.grow(kind)
        if self.rng.random() < 0.15:
            self.grow_large("plain")
        while len(self.ops) < length:
            kind = self.rng.choices(list(self.KINDS), self.KINDS.values())[0]
            getattr(self, kind)(kind)
        return self.ops

    def emit(self, graph, call, *args):
        self.ops.append(Op(graph, call, args))

    def grow(self, graph):
        for node in self.rng.sample(self.ids(graph), min(10, len(self.ids(graph)))):
            self.emit(graph, "nodes.add", node, self.properties(graph))
        for _ in range(self.rng.randrange(25)):
            self.emit(graph, "edges.add", *self.pair(graph), self.properties(graph))

    def grow_large(self, graph):
        """Some thousand nodes and edges, which servers may answer in other ways than few."""
        names = [f"m{index}" for index in range(LARGE)]
        items = [{"op": "add_node", "id": name, "properties": self.properties(graph)} for name in names]
        for _ in range(2 * LARGE):
            ends = {"source": self.rng.choice(names), "target": self.rng.choice(names)}
            items.append({"op": "add_edge", **ends, "properties": self.properties(graph)})
        self.emit(graph, "lifecycle.batch_update", items)
        self.pairs.setdefault(graph, []).extend(
            (item["source"], item["target"]) for item in items[-20:]
        )

    def change(self, graph):
        rng, node = self.rng, self.node(graph)
        match rng.choices(range(7), [5, 1, 12, 3, 2, 4, 0.2])[0]:
            case 0:
                self.emit(graph, "nodes.add", node, self.properties(graph))
            case 1:
                self.emit(graph, "_send", "AddNode", {"node_id": node, "properties_msgpack": self.packed(graph)})
            case 2:
                self.emit(graph, "edges.add", *self.pair(graph), self.properties(graph))
            case 3:
                self.emit(graph, "edges.remove", *self.pair(graph))
            case 4:
                self.emit(graph, "nodes.remove", node)
            case 5:
                count = rng.randrange(12)
                self.emit(graph, "lifecycle.batch_update", [self.item(graph) for _ in range(count)])
            case 6:
                self.emit(graph, "graph.clear")
                self.grow(graph)

    def sweep(self, graph):
        rng = self.rng
        match rng.choices(range(8), [3, 3, 2, 2, 2, 2, 1, 1])[0]:
            case 0:
                self.emit(graph, "lifecycle.touch_nodes", self.nodes(graph))
            case 1:
                half_life = rng.choice([1e7, 1e8, 604_800.0, 10**9, 0.0, -1.0])
                prune = rng.random() < 0.4
                self.emit(graph, "lifecycle.decay_sweep", half_life, rng.choice([0.0, 0.2, 0.6]), prune)
            case 2:
                self.emit(graph, "ledger.apply", [self.line(graph) for _ in range(rng.randrange(5))])
            case 3:
                self.emit(graph, "lifecycle.from_msgpack", self.document(graph))
            case 4:
                reconcile = {"graph_name": graph, "msgpack": self.document(graph)}
                self.emit(graph, "_send", "Reconcile", reconcile)
            case 5:
                self.emit(graph, "copy", rng.choice(["mixed", "dag"]), rng.choice(["ours", "reference"]))
            case 6:
                self.emit(graph, "ledger.clear")
            case 7:
                self.emit(graph, "lifecycle.evict_lru", rng.choice([0, 3, 8, 50]))

    def read(self, graph):
        rng, node = self.rng, self.node(graph)
        calls = [
            ("nodes.has", node), ("nodes.list",), ("nodes.list_by_label", rng.choice(NAMES), rng.choice([0, 0, 1, 2])),
            ("_send", "GetNodeProperties", {"node_id": node}), ("nodes.ids",), ("nodes.count",),
            ("_send", "GetNodePropertiesBatch", {"node_ids": self.nodes(graph)}),
            ("nodes.has_batch", self.nodes(graph)), ("nodes.in_degree", node), ("nodes.out_degree", node),
            ("nodes.predecessors", node), ("nodes.successors", node), ("nodes.neighbors", node),
            ("edges.has", *self.pair(graph)), ("edges.list",), ("edges.count",),
            ("_send", "GetEdgePropertiesBatch", {"edges": [list(self.pair(graph)) for _ in range(rng.randrange(5))]}),
            ("edges.properties", *self.pair(graph)), ("graph.get_subgraph", self.nodes(graph, 12)),
            ("_send", "GetTriples"), ("ledger.get",), ("lifecycle.metrics",), ("lifecycle.to_msgpack",),
            ("lifecycle.get_context_view", node, rng.choice([100_000, 4096, 3, 0])),
        ]  # fmt: skip
        self.emit(graph, *rng.choice(calls))

    def analyse(self, graph):
        rng, node = self.rng, self.node(graph)
        rounds = (rng.choice([0.85, 0.5, 0.0, 1.0, 0.99]), rng.choice([0, 1, 2, 20, 60]))
        seeds = [[seed, rng.choice([1.0, 0.3, 2, 0.0, -1.0])] for seed in self.nodes(graph, 4)]
        others = ["mixed", "dag", "plain", "pattern", "missing", graph]
        calls = [
            ("graph.topological_sort",), ("graph.find_cycle",), ("graph.shortest_path", node, self.node(graph)),
            ("graph.shortest_path", node, self.node(graph)), ("graph.blast_radius", node, rng.choice([0, 1, 2, 3, 99])),
            ("graph.connected_components",), ("graph.strongly_connected_components",),
            ("graph.minimum_spanning_tree",), ("graph.community_detection", rng.choice([1.0, 0.5, 2.0, 0.0, -1.0])),
            ("graph.graph_coloring",), ("analytics.degree_centrality", node), ("analytics.degree_centrality_all",),
            ("analytics.betweenness_centrality",), ("analytics.pagerank", *rounds),
            ("analytics.personalized_pagerank", seeds, *rounds),
            ("graph.vf2_subgraph_match", Named(rng.choice(["pattern", "pattern", "pattern", "missing"]))),
            ("_send", "DiffAgainst", {"other_graph": rng.choice(others)}),
            ("lifecycle.prune", 2**40, 0.0), ("_send", "CompactNodesByType", {"node_type": "Person", "threshold": 500}),
            ("graph.compute_similarity_edges", 0.5),
        ]  # fmt: skip
        self.emit(graph, *rng.choice(calls))

    def mixed(self, graph):
        kinds = [self.change, self.sweep, self.read, self.analyse]
        self.rng.choices(kinds, [10, 1, 8, 8])[0](graph)

    dag = mixed

    def plain(self, graph):
        """Few properties and no sweeps, so that patterns match."""
        self.rng.choice([self.change, self.change, self.read, self.analyse])(graph)

    def pattern(self, graph):
        self.rng.choices([self.change, self.read], [5, 1])[0](graph)

    def vectors(self, graph):
        rng = self.rng
        self.emit(graph, "graph.add_embedding", self.node(graph), self.vector())
        query = self.vector() if rng.random() < 0.95 else []
        self.emit(graph, "graph.semantic_search", query, rng.choice([0, 1, 3, 100]))
        self.mixed(graph)

    def evict(self, graph):
        """Eviction of nodes none of which was removed or read before."""
        rng = self.rng
        self.emit(graph, "graph.clear")
        for node in rng.choices(self.ids(graph), k=8):
            self.emit(graph, "nodes.add", node, self.properties(graph))
        for _ in range(rng.randrange(6)):
            self.emit(graph, "edges.add", *self.pair(graph), {})
        self.emit(graph, "lifecycle.evict_lru", rng.randrange(9))
        self.emit(graph, "nodes.ids")
        self.emit(graph, "ledger.get")

    def clear(self, graph):
        """Cliques, some tied by one edge, and nodes by themselves: clear communities."""
        rng, nodes, edges = self.rng, [], []
        tied = rng.random() < 0.5
        for clique in range(rng.randrange(1, 5)):
            members = [f"clear{clique}{index}" for index in range(rng.choice([1, 4, 5, 6]))]
            edges += [rng.sample([a, b], 2) for i, a in enumerate(members) for b in members[:i]]
            if tied and nodes and len(members) > 3:
                first = rng.choice([node for node in nodes if node.endswith("0")])
                edges += [[first, members[0]]] if f"{first[:-1]}1" in nodes else []
            nodes += members
        # Below 1.0 it depends on their sizes whether tied cliques are one community.
        resolution = rng.choice([1.0, 0.0, 10.0] if tied else [1.0, 0.8, 0.5, 0.0, 10.0])
        rng.shuffle(nodes)
        rng.shuffle(edges)
        self.emit(graph, "graph.clear")
        items = [{"op": "add_node", "id": node} for node in nodes]
        items += [{"op": "add_edge", "source": source, "target": target} for source, target in edges]
        self.emit(graph, "lifecycle.batch_update", items)
        self.emit(graph, "graph.community_detection", resolution)
        self.emit(graph, "graph.community_detect_ephemeral", nodes, [*edges, ["clear00", "nobody"]], resolution)
        inline = (list(dict.fromkeys(self.nodes("mixed", 9))), [self.pair("mixed") for _ in range(9)])
        self.emit(graph, "graph.community_detect_ephemeral", *inline, 1.0)

    def channel(self, _graph):
        rng = self.rng
        name, who = rng.choice(["c1", "c2", "c3"]), rng.choice(["a", "b", "c", ""])
        members = rng.sample(["a", "b", "c"], rng.randrange(3))
        calls = [
            ("create", name, rng.choice(["Group", "Group", "PeerToPeer", "Other"]), who, members), ("join", name, who),
            ("send_message", name, who, rng.choice(["hello", "", "x" * 500])), ("leave", name, who),
            ("get_messages", name, rng.choice([None, 0, 2, 100])), ("list",), ("get_members", name),
            ("close", name, rng.choice([None, [0.5, 1.0]]), rng.choice([None, "topic"])),
        ]  # fmt: skip
        method, *args = rng.choices(calls, [4, 4, 8, 2, 4, 2, 2, 1])[0]
        self.emit("mixed", f"channels.{method}", *args)

    def admin(self, _graph):
        rng = self.rng
        method, params = rng.choice(MALFORMED)
        signatures = ["s"] * rng.randrange(3)
        calls = [
            ("mixed", "_send", method, params), ("mixed", "ping"), ("mixed", "health"), ("mixed", "tenants.list"),
            ("mixed", "apply_mutation", "CREATE", "x"), ("mixed", "checkpoint"),
            ("mixed", "consensus.apply_multisig_mutation", signatures, rng.randrange(3), "x", "q"),
            ("mixed", "tenants.delete", "__commons__"), ("mixed", "tenants.create", "mixed", "Team"),
            ("mixed", "tenants.create", "odd", "Odd"), ("mixed", "finance.information_ratio", 0.1, 4.0),
            ("mixed", "datascience.compute_stats", [[1.0]]),
        ]  # fmt: skip
        self.emit(*rng.choice(calls))

    def missing(self, graph):
        self.rng.choice([self.read, self.analyse, self.change])(graph)

    def temporary(self, graph):
        if self.rng.random() < 0.3:
            call = self.rng.choice(["create", "delete"])
            args = ["Agent"] if call == "create" else []
            self.emit("mixed", f"tenants.{call}", graph, *args)
        self.rng.choice([self.change, self.read, self.analyse])(graph)
