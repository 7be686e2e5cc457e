"""Random ids, properties, batch items, vectors and documents for the differential test."""

import msgpack

DIMENSION = 6
ODD_IDS = ["", "a|b", "new\nline", "\N{GRINNING FACE}", "nul\0", "x" * 40]
NAMES = ["Person", "Place", "person", "", "Ünï"]
NUMBERS = [0, 1, -1, 127, 128, -33, 65536, 2**31, -(2**63), 2**64 - 1, 0.0, -0.0, 1.0, 0.1, 2.5, 1e16, 1e300, 5e-324]
TIMES = [0, 1, 1_500_000_000, 1_700_000_000, 4_000_000_000, -5, 1_600_000_000.0, "2020-01-01T00:00:00Z", None]
CONFIDENCES = [0.0, 0.05, 0.3, 0.5, 0.9, 1.0, 1.7, 1, 0, "high", None]
RAW = ["", "05", "a161", "93010203", "c0", "82a16101a16102", "81a161", "c1", "83a16101",
       "81a16181a16281a1639101", "dc0001c3"]
# Only where nothing is touched or decayed: float32, NaN, infinity, inner maps with unsorted keys.
RAW_UNSWEPT = ["81a161ca3fc00000", "81a161cb7ff8000000000000", "81a161cbfff0000000000000", "81a16182a16201a16102"]


class Values:
    """Draws what fits a kind of graph; graphs are named after their kind."""

    def __init__(self, rng):
        self.rng = rng
        self.pairs = {}

    def ids(self, graph):
        if graph == "pattern":
            return ["p", "q", "r"]
        return [f"n{index}" for index in range(9)] + ODD_IDS

    def node(self, graph):
        if self.pairs.get(graph) and self.rng.random() < 0.2:
            return self.rng.choice(self.pairs[graph])[0]
        return self.rng.choice(self.ids(graph)) if self.rng.random() < 0.97 else "nobody"

    def nodes(self, graph, most=6):
        return [self.node(graph) for _ in range(self.rng.randrange(most))]

    def pair(self, graph):
        """Two nodes; half of the time two that an earlier call had, so that many are ends of an edge."""
        known = self.pairs.setdefault(graph, [])
        if known and self.rng.random() < 0.5:
            return self.rng.choice(known)
        known.append(self.new_pair(graph))
        return known[-1]

    def new_pair(self, graph):
        source, target = self.node(graph), self.node(graph)
        if graph == "dag":
            order = self.ids(graph)
            source, target = sorted([source, target], key=lambda node: order.index(node) if node in order else -1)
            if source == target and self.rng.random() < 0.95:
                return self.new_pair(graph)
        return source, target

    def properties(self, graph):
        """A map; patterns ask for little, so that they match."""
        rng, result = self.rng, {}
        fields = {
            "type": lambda: rng.choice([*NAMES, 7]),
            "label": lambda: rng.choice(NAMES),
            "node_type": lambda: rng.choice(NAMES),
            "rel_type": lambda: rng.choice(["knows", "", 5]),
            "labels": lambda: rng.sample(NAMES, rng.randrange(3)),
            "value": lambda: rng.choice(NUMBERS),
            "weight": lambda: rng.choice([1.0, 0.5, 3, -2.0, "heavy"]),
            "flag": lambda: rng.choice([True, False, None]),
            "nested": lambda: {"a": rng.choice(NUMBERS), "b": [1, {"c": None}]},
            "zz list": lambda: [rng.choice(NUMBERS) for _ in range(rng.randrange(4))],
        }
        sweeps = {
            "confidence": lambda: rng.choice(CONFIDENCES),
            "last_access": lambda: rng.choice(TIMES),
            "updated_at": lambda: rng.choice(TIMES),
            "created_at": lambda: rng.choice(TIMES),
        }
        if graph == "evict":
            sweeps.pop("last_access")
        if graph == "pattern":
            fields = {"type": fields["type"], "value": fields["value"]}
        elif graph != "plain" and rng.random() < 0.4:
            fields |= sweeps
        most = {"pattern": 1, "plain": 2}.get(graph, 4)
        for key in rng.sample(list(fields), min(len(fields), rng.randrange(most + 1))):
            result[key] = fields[key]()
        return result

    def item(self, graph):
        rng = self.rng
        source, target = self.pair(graph)
        node = rng.choice([name for name in self.ids(graph) if name])
        kind = rng.choices(["add_node", "add_edge", "remove_node", "remove_edge", "zzz", "not a map"],
                           [10, 12, 1, 1, 0.2, 0.1])[0]
        if kind.endswith("edge") and not (source and target):
            kind = "add_node"
        match kind:
            case "add_node":
                more = {"properties": self.properties(graph)} if rng.random() < 0.9 else {}
                return {"op": kind, "id": node, **more}
            case "add_edge":
                return {"op": kind, "source": source, "target": target, "properties": self.properties(graph)}
            case "remove_node":
                return {"op": kind, "id": node}
            case "remove_edge":
                return {"op": kind, "source": source, "target": target}
            case "zzz":
                return {"op": kind}
        return 5

    def vector(self):
        if self.rng.random() < 0.05:
            return [0.0] * DIMENSION
        return [self.rng.gauss(0, 1) for _ in range(DIMENSION)]

    def document(self, graph):
        rng = self.rng
        nodes = list(dict.fromkeys(self.nodes(graph, 9)))
        ends = [*nodes, "nobody"]
        content = {
            "nodes": [[node, list(self.packed(graph))] for node in nodes],
            "edges": [[rng.choice(ends), rng.choice(ends), list(self.packed(graph))] for _ in range(rng.randrange(9))],
            "ledger": [f"ADD_NODE|{node}|80" for node in nodes],
            "semantic_store": {"embeddings": {node: self.vector() for node in nodes if graph == "vectors"}},
            "something else": 1,
        }
        if graph == "dag":
            order = {node: index for index, node in enumerate(self.ids(graph))}
            content["edges"] = [e for e in content["edges"] if order.get(e[0], 99) < order.get(e[1], 99)]
        return msgpack.packb({key: value for key, value in content.items() if rng.random() < 0.9})

    def packed(self, graph):
        if self.rng.random() < 0.08:
            return bytes.fromhex(self.rng.choice(RAW + RAW_UNSWEPT if graph == "plain" else RAW))
        return msgpack.packb(self.properties(graph))

    def line(self, graph):
        source, target = self.pair(graph)
        lines = [f"ADD_NODE|{source}|", f"ADD_EDGE|{source}|{target}|", f"REMOVE_NODE|{source}",
                 f"REMOVE_EDGE|{source}|{target}", "garbage", f"ADD_NODE|{source}"]  # fmt: skip
        return self.rng.choices(lines, [4, 4, 1, 2, 0.2, 0.2])[0]
