"""What networkx has no function for, after the formulas of the protocol: slow, plain and independent of the servers."""

import collections
import math

import networkx as nx
import numpy
from networkx.algorithms import isomorphism


def betweenness(graph):
    """Brandes with parallel edges as separate shortest paths, over (n-1)(n-2). networkx counts them once."""
    result = dict.fromkeys(graph, 0.0)
    steps = {node: collections.Counter(t for _, t in graph.out_edges(node) if t != node) for node in graph}
    for start in graph:
        paths, distance, order = {start: 1}, {start: 0}, [start]
        for node in order:
            for target, count in steps[node].items():
                if target not in distance:
                    distance[target], paths[target] = distance[node] + 1, 0
                    order.append(target)
                if distance[target] == distance[node] + 1:
                    paths[target] += paths[node] * count
        share = dict.fromkeys(order, 0.0)
        for node in reversed(order):
            for target, count in steps[node].items():
                if distance.get(target) == distance[node] + 1:
                    share[node] += paths[node] * count / paths[target] * (1 + share[target])
            if node != start:
                result[node] += share[node]
    pairs = (len(graph) - 1) * (len(graph) - 2)
    return {node: value / pairs if pairs > 0 else 0.0 for node, value in result.items()}


def pagerank(graph, damping, iterations, teleport=None):
    """Rounds from 1/n; the rank of nodes without an outgoing edge is dropped."""
    names = list(graph)
    count = len(names)
    if teleport is None:
        teleport = dict.fromkeys(names, 1 / count if count else 0.0)
    links = nx.to_numpy_array(graph, nodelist=names, weight=None) if count else numpy.zeros((0, 0))
    degree = links.sum(axis=1, keepdims=True)
    moves = numpy.divide(links, degree, out=numpy.zeros_like(links), where=degree > 0)
    jump = (1 - damping) * numpy.array([teleport[name] for name in names])
    rank = numpy.full(count, 1 / count if count else 0.0)
    for _ in range(iterations):
        rank = jump + damping * (rank @ moves)
    return dict(zip(names, rank.tolist()))


def google(graph, damping, iterations):
    """PageRank by the matrix of networkx, the same where every node has an outgoing edge."""
    matrix = nx.google_matrix(graph, alpha=damping, weight=None)
    rank = numpy.full(len(graph), 1 / len(graph))
    return dict(zip(graph, (rank @ numpy.linalg.matrix_power(matrix, iterations)).tolist()))


def teleport(graph, seeds):
    """The seeds' shares: weights of a seed listed twice add up; uniform when there is nothing to share."""
    total = sum(weight for _, weight in seeds)
    if not seeds or not total > 0:
        return dict.fromkeys(graph, 1 / len(graph) if graph else 0.0)
    shares = dict.fromkeys(graph, 0.0)
    for node, weight in seeds:
        if node in shares:
            shares[node] += weight / total
    return shares


def weight(properties):
    """The weight of an edge: a finite number, else 1.0."""
    value = properties.get("weight")
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if number and math.isfinite(value) else 1.0


def forest_weight(graph):
    """Number of edges and weight of a minimum spanning forest."""
    plain = nx.Graph()
    plain.add_nodes_from(graph)
    for source, target, data in graph.edges(data=True):
        if source != target:
            best = min(weight(data), plain.get_edge_data(source, target, {}).get("cost", math.inf))
            plain.add_edge(source, target, cost=best)
    edges = list(nx.minimum_spanning_edges(plain, weight="cost", data=True))
    return len(edges), sum(data["cost"] for _, _, data in edges)


def matches(graph, pattern):
    """All maps of a pattern into a graph. Parallel edges of the pattern may all match one edge."""

    def asks(wanted, properties):
        return all(key in properties and properties[key] == value for key, value in wanted.items())

    def simple(multigraph):
        plain = nx.DiGraph()
        plain.add_nodes_from(multigraph.nodes(data=True))
        for source, target, data in multigraph.edges(data=True):
            plain.add_edge(source, target)
            plain.edges[source, target].setdefault("parallel", []).append(data)
        return plain

    matcher = isomorphism.DiGraphMatcher(
        simple(graph),
        simple(pattern),
        node_match=lambda target, wanted: asks(wanted, target),
        edge_match=lambda target, wanted: all(
            any(asks(edge, found) for found in target["parallel"]) for edge in wanted["parallel"]
        ),
    )
    if not pattern:
        return []
    return [{wanted: node for node, wanted in found.items()} for found in matcher.subgraph_monomorphisms_iter()]


def cosines(query, vectors):
    """The cosine of each vector that is not zero, by id; all zero queries find nothing."""
    query = numpy.asarray(query, dtype=numpy.float32).astype(float)
    if not query.any():
        return {}
    result = {}
    for node, vector in vectors.items():
        vector = numpy.asarray(vector, dtype=numpy.float32).astype(float)
        if vector.any():
            result[node] = float(query @ vector / numpy.linalg.norm(query) / numpy.linalg.norm(vector))
    return result
