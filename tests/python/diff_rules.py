"""When two answers count as the same. `RULES` has a rule per method; the others have to be equal.

Floats are compared within 1e-9, and a float is never the same as an integer. A rule returns None, or what is wrong.
"""

import json
import math
import re
from collections import Counter, defaultdict

import msgpack

from diff_checks import colouring, cycle, forest, keyed, partition, topological
from diff_model import view

SCORE_ERROR = 2e-6
CLOCK_ERROR = 2
CHANNEL_TIMES = {"timestamp", "created_at", "closed_at"}


def close(a, b, error=1e-9):
    return (math.isnan(a) and math.isnan(b)) or a == b or abs(a - b) <= error * max(1.0, abs(a), abs(b))


def apart(a, b, path="the answers"):
    """Where two values differ, in value or in type, or None. Property bytes that a sweep computed count as decoded."""
    if type(a) is not type(b):
        return f"{path}: {a!r:.200} and {b!r:.200}"
    if isinstance(a, dict):
        if a.keys() != b.keys():
            return f"{path}: only ours {a.keys() - b.keys()}, only the reference {b.keys() - a.keys()}"
        return next(filter(None, (apart(a[key], b[key], f"{path}[{key!r}]") for key in a)), None)
    if isinstance(a, (list, tuple)):
        if len(a) != len(b):
            return f"{path}: {len(a)} items and {len(b)}"
        return next(filter(None, (apart(*both, f"{path}[{i}]") for i, both in enumerate(zip(a, b)))), None)
    if isinstance(a, bytes) and a != b and len(a) == len(b) and b"confidence" in a:
        return apart(view(a), view(b), path)
    equal_values = close(a, b) if isinstance(a, float) else a == b
    return None if equal_values else f"{path}: {a!r:.200} and {b!r:.200}"


def equal(ours, reference, _graph):
    return apart(ours, reference)


def sort_key(value):
    return json.dumps(value, sort_keys=True, default=repr)


def unordered(ours, reference, _graph):
    if not isinstance(ours, list) or not isinstance(reference, list):
        return "not a list"
    return equal(sorted(ours, key=sort_key), sorted(reference, key=sort_key), None)


def unordered_deep(ours, reference, _graph):
    """A list of lists, without order at either level."""
    return unordered([sorted(inner) for inner in ours], [sorted(inner) for inner in reference], None)


def unordered_fields(ours, reference, _graph):
    def canonical(record):
        return {key: sorted(v, key=sort_key) if isinstance(v, list) else v for key, v in record.items()}

    return equal(canonical(ours), canonical(reference), None)


def by_id(ours, reference, _graph):
    return equal(keyed(ours), keyed(reference), None)


def label_rows(ours, reference, _graph, params):
    if params.get("limit") and len(reference) == params["limit"]:
        return None if len(ours) == len(reference) else "another number of nodes"
    return by_id(ours, reference, None)


def edge_groups(edges):
    """The edges of each pair in their order; the pairs have none."""
    groups = defaultdict(list)
    for edge in edges:
        source, target, properties = edge.values() if isinstance(edge, dict) else edge
        raw = isinstance(properties, list) and all(isinstance(byte, int) for byte in properties)
        groups[source, target].append(bytes(properties) if raw else properties)
    return dict(groups)


def edge_list(ours, reference, _graph):
    return equal(edge_groups(ours), edge_groups(reference), None)


def subgraph(ours, reference, _graph):
    def canonical(cut):
        nodes = keyed([[node["id"], node["properties"]] for node in cut["nodes"]])
        edges = [[edge["source"], edge["target"], edge["properties"]] for edge in cut["edges"]]
        return {**cut, "nodes": nodes, "edges": edge_groups(edges)}

    return equal(canonical(ours), canonical(reference), None)


def ledger(ours, reference, graph):
    return equal(ledger_lines(ours, graph), ledger_lines(reference, graph), None)


def ledger_lines(lines, graph):
    """The lines with each run of removals sorted, and all of them when they were rebuilt."""
    if graph.ledger_rebuilt:
        return sorted(lines)
    result, removals = [], []
    for line in lines:
        if line.startswith("REMOVE_"):
            removals.append(line)
        else:
            result += [*sorted(removals), line]
            removals = []
    return result + sorted(removals)


def document(ours, reference, graph):
    def canonical(raw):
        content = msgpack.unpackb(bytes(raw), raw=False)
        nodes = keyed([[node, bytes(properties)] for node, properties in content["nodes"]])
        lines = ledger_lines(content["ledger"], graph)
        return {**content, "nodes": nodes, "edges": edge_groups(content["edges"]), "ledger": lines}

    return equal(canonical(ours), canonical(reference), None)


def each(check):
    """A rule that looks at either answer alone: nil and errors have to agree, `check` says what is wrong."""

    def rule(ours, reference, graph):
        if (ours is None) != (reference is None):
            return "only one is nil"
        for side, answer in (("ours", ours), ("the reference", reference)):
            if answer is not None and (wrong := check(answer, graph)):
                return f"{side}: {wrong}"
        return None

    return rule


def by_slot(check):
    """Equal answers, or right ones where the reference goes by places that removed nodes left."""

    def rule(ours, reference, graph):
        return (each(check) if graph.slot_freed else equal)(ours, reference, graph)

    return rule


def context_view(ours, reference, _graph):
    def canonical(answer):
        count = Counter((source, target) for source, target, _ in answer["edges"])
        edges = [[s, t, properties if count[s, t] == 1 else None] for s, t, properties in answer["edges"]]
        return {**answer, "edges": edges}

    return equal(canonical(ours), canonical(reference), None)


def spanning_tree(ours, reference, graph):
    if wrong := each(forest)(ours, reference, graph):
        return wrong
    weighted = any("weight" in (view(p) if isinstance(view(p), dict) else {}) for *_, p in graph.edges)
    if not weighted and any(row[2] != 1.0 for row in ours):
        return "a weight other than 1.0"
    return None


def communities(ours, reference, graph, params):
    """Equal where the communities are clear, which the program says in the names of the nodes."""
    members = params.get("node_ids", list(graph.nodes))
    if all(node.startswith("clear") for node in members):
        return equal(ours, reference, graph)
    return each(lambda groups, _: partition(groups, members))(ours, reference, graph)


def scores(ours, reference, _graph):
    """Rank by rank within the rounding of float32; ids may change places among equal scores."""
    if len(ours) != len(reference):
        return "another number of results"
    if not all(abs(a[1] - b[1]) <= SCORE_ERROR for a, b in zip(ours, reference)):
        return "another score"
    found, last = dict(map(tuple, ours)), reference[-1][1] if reference else 0.0
    lost = [node for node, score in reference if node not in found and score - last > SCORE_ERROR]
    moved = [node for node, score in reference if abs(found.get(node, score) - score) > SCORE_ERROR]
    return f"other nodes: {lost + moved}" if lost + moved else None


def channel(ours, reference, _graph):
    return equal(*without_times(ours, reference), None)


def without_times(a, b):
    """Both with sorted member lists, and with times that agree within `CLOCK_ERROR` left out."""
    if isinstance(a, dict) and isinstance(b, dict):
        a, b = dict(a), dict(b)
        for key in a.keys() & b.keys():
            agree = key in CHANNEL_TIMES and type(a[key]) is type(b[key]) is int
            if agree and abs(a[key] - b[key]) <= CLOCK_ERROR:
                a[key] = b[key] = "a time"
            elif key == "participants":
                a[key], b[key] = sorted(a[key]), sorted(b[key])
        return a, b
    if isinstance(a, list) and isinstance(b, list) and len(a) == len(b) and a:
        return tuple(map(list, zip(*map(without_times, a, b))))
    return a, b


def health(ours, reference, _graph):
    return equal((sorted(ours), ours["status"]), (sorted(reference), reference["status"]), None)


def checkpoint(ours, reference, _graph):
    return equal(re.sub(r":\d+$", "", ours), re.sub(r":\d+$", "", reference), None)


RULES = {
    "GetNodes": by_id,
    "GetNodesByLabel": label_rows,
    "NodeIds": unordered,
    "GetNeighbors": unordered,
    "GetEdges": edge_list,
    "GetTriples": unordered,
    "GetSubgraph": subgraph,
    "GetLedger": ledger,
    "ToMsgpack": document,
    "TopologicalSort": by_slot(topological),
    "FindCycle": by_slot(cycle),
    "GetContextView": context_view,
    "ConnectedComponents": unordered_deep,
    "StronglyConnectedComponents": unordered_deep,
    "MinimumSpanningTree": spanning_tree,
    "CommunityDetection": communities,
    "CommunityDetectEphemeral": communities,
    "GraphColoring": each(colouring),
    "DegreeCentralityAll": by_id,
    "BetweennessCentrality": by_id,
    "PageRank": by_id,
    "PersonalizedPageRank": by_id,
    "Vf2SubgraphMatch": unordered,
    "DiffAgainst": unordered_fields,
    "SemanticSearch": scores,
    "ListGraphs": unordered,
    "ListChannels": unordered,
    "GetChannelMembers": unordered,
    "GetChannelMessages": channel,
    "LeaveChannel": channel,
    "CloseChannel": channel,
    "Health": health,
    "Checkpoint": checkpoint,
}
WITH_PARAMS = {label_rows, communities}


def without_methods(answer):
    """An answer, without the list of methods in the error of an unknown one."""
    kind, value = answer
    return kind, value.split("expected one of `AddNode`")[0] if kind == "error" else value


def difference(method, params, ours, reference, graph):
    """What is different between two answers `(kind, value)`, or None."""
    if ours[0] != reference[0] or ours[0] != "result":
        return None if without_methods(ours) == without_methods(reference) else "they differ"
    rule = RULES.get(method, equal)
    more = [params or {}] if rule in WITH_PARAMS else []
    try:
        return rule(ours[1], reference[1], graph, *more)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        return f"an answer has not the shape of its method: {error!r}"
