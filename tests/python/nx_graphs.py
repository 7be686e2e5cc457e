"""Random directed multigraphs of many shapes, as networkx holds them and as a server loads them."""

import networkx as nx

TYPES = ["Person", "Place", "Thing"]
# Only finite numbers are weights; anything else counts as 1.0.
WEIGHTS = [0.5, 1, 1.0, 2.25, 7, -3.5, "heavy", None, float("inf"), float("nan")]
LARGE = 400


def nodes_only(rng):
    graph = nx.MultiDiGraph()
    graph.add_nodes_from(f"n{index}" for index in range(rng.randrange(1, 40)))
    return graph


def one_node(rng):
    graph = nx.MultiDiGraph()
    graph.add_node("only")
    graph.add_edges_from([("only", "only")] * rng.randrange(3))
    return graph


def uniform(rng, count=None, degree=None):
    """Any pair, so parallel edges and self loops occur."""
    graph = nodes_only(rng)
    if count:
        graph.add_nodes_from(f"n{index}" for index in range(count))
    names = list(graph)
    for _ in range(int(len(names) * (degree or rng.choice([0.3, 1, 2, 5])))):
        graph.add_edge(rng.choice(names), rng.choice(names))
    return graph


def acyclic(rng):
    graph = nodes_only(rng)
    names = rng.sample(list(graph), len(graph))
    for _ in range(rng.randrange(3 * len(names))):
        a, b = sorted((rng.randrange(len(names)), rng.randrange(len(names))))
        if a != b:
            graph.add_edge(names[a], names[b])
    return graph


def regular(rng):
    """A path, ring, star, complete graph, tree, grid or bipartite graph, edges turned at random."""
    size = rng.randrange(2, 12)
    shape = rng.choice([
        nx.path_graph(size), nx.cycle_graph(size), nx.star_graph(size), nx.complete_graph(size),
        nx.balanced_tree(2, 3), nx.grid_2d_graph(size, 3), nx.complete_bipartite_graph(size, 3),
    ])  # fmt: skip
    graph = nx.MultiDiGraph()
    graph.add_nodes_from(map(str, shape))
    turn = rng.random() < 0.5
    for a, b in shape.edges:
        graph.add_edge(*rng.sample([str(a), str(b)], 2) if turn else (str(a), str(b)))
    return graph


def disconnected(rng):
    parts = [rng.choice([uniform, acyclic, regular, one_node])(rng) for _ in range(rng.randrange(2, 4))]
    return nx.disjoint_union_all(parts)


def multiplied(rng):
    """Every edge several times."""
    graph = uniform(rng, degree=1)
    graph.add_edges_from(edge for edge in list(graph.edges()) for _ in range(rng.randrange(3)))
    return graph


def large(rng):
    return uniform(rng, LARGE, rng.choice([1, 3]))


def deep(rng):
    """One long path: no algorithm may recurse along it."""
    names = [f"d{index}" for index in range(20 * LARGE)]
    graph = nx.MultiDiGraph(zip(names, names[1:]))
    if rng.random() < 0.5:
        graph.add_edge(names[-1], names[0])
    return graph


def empty(_rng):
    return nx.MultiDiGraph()


SMALL = [empty, nodes_only, one_node, uniform, uniform, acyclic, acyclic, regular, disconnected, multiplied]


def random_graph(rng, shape):
    """A graph of a shape with types on its nodes and types and weights on its edges."""
    graph = nx.relabel_nodes(shape(rng), str)
    weighted = rng.random()
    for _, properties in graph.nodes(data=True):
        properties["type"] = rng.choice(TYPES)
    for _, _, properties in graph.edges(data=True):
        properties["type"] = rng.choice(["knows", "likes"])
        if rng.random() < weighted:
            properties["weight"] = rng.choice(WEIGHTS)
    return graph


def planted(rng):
    """Cliques in a ring tied by single edges, and the cliques: clear communities."""
    cliques = [[f"c{clique}_{index}" for index in range(rng.randrange(5, 8))] for clique in range(rng.randrange(2, 6))]
    graph = nx.MultiDiGraph()
    for members in cliques:
        graph.add_edges_from((a, b) for i, a in enumerate(members) for b in members[:i])
    for members, following in zip(cliques, cliques[1:]):
        graph.add_edge(members[0], following[0])
    return graph, sorted(map(sorted, cliques))


async def load(client, graph):
    """Makes the client's graph hold `graph`."""
    await client.graph.clear()
    items = [{"op": "add_node", "id": node, "properties": data} for node, data in graph.nodes(data=True)]
    items += [
        {"op": "add_edge", "source": source, "target": target, "properties": data}
        for source, target, data in graph.edges(data=True)
    ]
    answer = await client.lifecycle.batch_update(items)
    assert not answer["errors"], answer["errors"][:3]
