"""The algorithms of a server against networkx and plain formulas, on random graphs.

    networkx_check.py ENDPOINT [SECRET] [--seed N] [--graphs N] [--reference-quirks]

Graphs are directed multigraphs: with parallel edges, self loops, in pieces, acyclic, empty, of one node, long paths.
They are loaded through the real client. Betweenness with parallel edges, PageRank that drops the rank of dead ends
and the choice of weights are not networkx's: nx_oracles.py computes them, and networkx itself is asked as well where
it means the same. `--reference-quirks` leaves out what the 0.31.0 server does wrong on purpose of nobody.
Prints `ok N checks`, or the first difference with the graph and exits 1.
"""

import argparse
import asyncio
import math
import os
import random
import sys

import networkx as nx

import nx_graphs
import nx_oracles
from support import Checks, connect, error_of, secret_argument

GRAPH = f"networkx:{os.getpid()}"
PATTERN = f"{GRAPH}:pattern"
ERROR = 1e-9
SCORE_ERROR = 2e-6
DAMPING = [0.85, 0.5, 0.0, 1.0]
ROUNDS = [0, 1, 2, 20, 100]
MATCHED_NODES = 25


class Judge(Checks):
    """Checks with tolerance for floats; a failure shows the graph."""

    def near(self, what, actual, expected, error=ERROR):
        """Rows of [id, float] against a map, whatever their order."""
        self.equal(f"{what}: ids", sorted(row[0] for row in actual), sorted(expected))
        wrong = [(node, v, expected[node]) for node, v in actual if not math.isclose(v, expected[node], rel_tol=error,
                                                                                     abs_tol=error)]  # fmt: skip
        self.equal(f"{what}: [id, actual, expected]", wrong[:5], [])


async def degrees(check, client, graph, _rng, _args):
    expected = nx.degree_centrality(graph) if len(graph) > 1 else dict.fromkeys(graph, 0.0)
    check.near("degree centrality", await client.analytics.degree_centrality_all(), expected)
    for node in list(graph)[:3]:
        one = await client.analytics.degree_centrality(node)
        check.near("degree centrality of one", [[node, one]], {node: expected[node]})
        check.equal("in degree", await client.nodes.in_degree(node), graph.in_degree(node))
        check.equal("out degree", await client.nodes.out_degree(node), graph.out_degree(node))


async def order(check, client, graph, _rng, _args):
    acyclic = nx.is_directed_acyclic_graph(graph)
    path = await client.graph.find_cycle()
    check.equal("no cycle", path is None, acyclic)
    if path is not None:
        check.true("cycle is closed and simple", len(path) > 1 and path[0] == path[-1])
        check.equal("cycle visits a node once", len(set(path)), len(path) - 1)
        check.true("cycle has edges", nx.is_path(graph, path))
        check.equal("no order", await error_of(client.graph.topological_sort()), "Graph contains cycles")
        return
    place = {node: index for index, node in enumerate(await client.graph.topological_sort())}
    check.equal("order has every node", place.keys(), set(graph))
    check.equal("order", [(s, t) for s, t in graph.edges() if place[s] >= place[t]], [])


async def paths(check, client, graph, rng, args):
    names = [*rng.sample(list(graph), min(6, len(graph))), "nobody"]
    for source in names:
        distance = nx.single_source_shortest_path_length(graph, source) if source in graph else {}
        for target in names:
            path = await client.graph.shortest_path(source, target)
            if source == target:
                expected = [source] if source in graph and not args.reference_quirks else None
                check.equal("path to itself", path, expected)
                continue
            check.equal(f"length {source!r} {target!r}", path and len(path) - 1, distance.get(target))
            if path:
                check.equal("ends", (path[0], path[-1]), (source, target))
                check.true("path has edges", nx.is_path(graph, path))
        for depth in (0, 1, 2, 5, 10**6):
            found = await client.graph.blast_radius(source, depth)
            expected = sorted(node for node, steps in distance.items() if 0 < steps <= depth)
            check.equal(f"blast radius {depth} of {source!r}", sorted(found), expected)
            steps = [distance[node] for node in found]
            check.equal("nearest first", steps, sorted(steps))


async def components(check, client, graph, _rng, _args):
    def canonical(groups):
        return sorted(map(sorted, groups))

    found = canonical(await client.graph.connected_components())
    check.equal("components", found, canonical(nx.weakly_connected_components(graph)))
    found = canonical(await client.graph.strongly_connected_components())
    check.equal("strong components", found, canonical(nx.strongly_connected_components(graph)))


async def spanning_forest(check, client, graph, _rng, args):
    rows = await client.graph.minimum_spanning_tree()
    forest = nx.Graph((source, target) for source, target, _ in rows)
    check.true("is a forest", not rows or nx.is_forest(forest))
    check.equal("edges are distinct", forest.number_of_edges(), len(rows))
    edges, total = nx_oracles.forest_weight(graph)
    check.equal("edges of the forest", len(rows), edges)
    for source, target, weight in rows:
        parallel = (graph.get_edge_data(source, target) or {}).values()
        weights = [1.0 if args.reference_quirks else nx_oracles.weight(data) for data in parallel]
        check.true(f"weight {weight} of {source!r} {target!r}", weight in weights)
    if not args.reference_quirks:
        check.near("weight of the forest", [["total", sum(row[2] for row in rows)]], {"total": total})


async def centrality(check, client, graph, _rng, _args):
    if len(graph) > nx_graphs.LARGE + 50:
        return
    found = await client.analytics.betweenness_centrality()
    check.near("betweenness", found, nx_oracles.betweenness(graph))
    if all(key == 0 for *_, key in graph.edges(keys=True)) and len(graph) > 2:
        check.near("betweenness of networkx", found, nx.betweenness_centrality(nx.DiGraph(graph)))


async def ranks(check, client, graph, rng, args):
    if len(graph) > nx_graphs.LARGE + 50:
        return
    damping, rounds = rng.choice(DAMPING), rng.choice(ROUNDS)
    found = await client.analytics.pagerank(damping, rounds)
    check.near(f"PageRank {damping} {rounds}", found, nx_oracles.pagerank(graph, damping, rounds))
    if graph and all(degree for _, degree in graph.out_degree()):
        check.near("PageRank of networkx", found, nx_oracles.google(graph, damping, rounds))
    names = [*graph, "nobody"]
    seeds = [[rng.choice(names), rng.choice([1.0, 0.25, 3.0, 0.0])] for _ in range(rng.randrange(5))]
    if args.reference_quirks:
        seeds = [list(seed) for seed in dict(seeds).items()]
    expected = nx_oracles.pagerank(graph, damping, rounds, nx_oracles.teleport(graph, seeds))
    found = await client.analytics.personalized_pagerank(seeds, damping, rounds)
    check.near(f"personalised PageRank {seeds} {damping} {rounds}", found, expected)


async def colours(check, client, graph, _rng, _args):
    colour = dict(map(tuple, await client.graph.graph_coloring()))
    check.equal("every node has a colour", colour.keys(), set(graph))
    check.equal("neighbours differ", [(s, t) for s, t in graph.edges() if s != t and colour[s] == colour[t]], [])
    most = max((len(set(nx.all_neighbors(graph, node)) - {node}) for node in graph), default=0)
    check.true("no more colours than greedy needs", max(colour.values(), default=0) <= most)


def loops(graph):
    """The graph with and without its self loops; the protocol leaves open whether they count."""
    without = graph.copy()
    without.remove_edges_from(list(nx.selfloop_edges(graph, keys=True)))
    return graph, without


def better_than_single(groups):
    def better(graph):
        if not graph.number_of_edges():
            return True
        value, single = (nx.community.modularity(graph, g, weight=None) for g in (groups, [{node} for node in graph]))
        return value >= single - ERROR

    return better


async def communities(check, client, graph, _rng, _args):
    found = await client.graph.community_detection(1.0)
    check.equal("partition", sorted(node for group in found for node in group), sorted(graph))
    check.equal("sorted", found, sorted(map(sorted, found)))
    plain = nx.MultiGraph(graph)
    check.true("communities hold together", all(nx.is_connected(plain.subgraph(group)) for group in found))
    check.true("modularity is no less than that of single nodes", any(map(better_than_single(found), loops(plain))))
    inline = await client.graph.community_detect_ephemeral(sorted(graph), list(graph.edges()), 1.0)
    check.equal("the same from arguments", inline, found)


async def clear_communities(check, client, _graph, rng, _args):
    graph, cliques = nx_graphs.planted(rng)
    await nx_graphs.load(client, graph)
    check.equal("clear communities", await client.graph.community_detection(1.0), cliques)


async def subgraphs(check, client, graph, rng, args):
    if len(graph) > MATCHED_NODES:
        return
    pattern = nx.MultiDiGraph()
    for index in range(rng.randrange(4)):
        pattern.add_node(f"p{index}", **{"type": rng.choice(nx_graphs.TYPES)} if rng.random() < 0.3 else {})
    for _ in range(rng.randrange(5) if pattern else 0):
        source, target = rng.choice(list(pattern)), rng.choice(list(pattern))
        if source != target or not args.reference_quirks:
            pattern.add_edge(source, target, **{"type": "knows"} if rng.random() < 0.3 else {})
    name, client._graph_name = client._graph_name, PATTERN
    await nx_graphs.load(client, pattern)
    client._graph_name = name
    found = await client._send("Vf2SubgraphMatch", {"pattern_graph_name": PATTERN})
    expected = nx_oracles.matches(graph, pattern)
    shape = f"matches of {list(pattern.nodes(data=True))} {list(pattern.edges(data=True))}"
    check.equal(shape, sorted(map(sorted, map(dict.items, found))), sorted(map(sorted, map(dict.items, expected))))


async def vectors(check, client, graph, rng, args):
    names = list(graph)[: 31 if args.reference_quirks else 200]
    size = rng.choice([1, 3, 8, 33])
    draw = lambda: [rng.gauss(0, 1) if rng.random() < 0.9 else 0.0 for _ in range(size)]  # noqa: E731
    stored = {name: draw() for name in names if rng.random() < 0.8}
    for name, vector in stored.items():
        await client.graph.add_embedding(name, vector)
    for query in (draw(), [0.0] * size):
        count = rng.choice([0, 1, 5, 1000])
        scores = nx_oracles.cosines(query, stored)
        found = await client.graph.semantic_search(query, count)
        best = sorted(scores.values(), reverse=True)[:count]
        check.near("scores in order", list(enumerate(row[1] for row in found)), dict(enumerate(best)), SCORE_ERROR)
        check.near("scores", found, {node: scores.get(node, math.nan) for node, _ in found}, SCORE_ERROR)
    if args.reference_quirks:
        return
    threshold = rng.choice([-1.0, 0.0, 0.5, 0.9, 1.0])
    rows = await client.graph.compute_similarity_edges(threshold)
    found = {frozenset(row[:2]): row[2] for row in rows}
    check.equal("each pair once", len(found), len(rows))
    pairs = {frozenset((a, b)): cosine for a, vector in stored.items()
             for b, cosine in nx_oracles.cosines(vector, stored).items() if a != b}  # fmt: skip
    lost = [pair for pair, cosine in pairs.items() if cosine > threshold + SCORE_ERROR and pair not in found]
    wrong = [pair for pair, cosine in found.items() if not abs(pairs.get(pair, math.nan) - cosine) <= SCORE_ERROR]
    below = [pair for pair, cosine in found.items() if cosine < threshold - SCORE_ERROR]
    check.equal("similar pairs: lost, wrong, below the threshold", (lost[:3], wrong[:3], below[:3]), ([], [], []))


CHECKS = [degrees, order, paths, components, spanning_forest, centrality, ranks, colours, communities, subgraphs,
          vectors, clear_communities]  # fmt: skip


async def run(args):
    check = Judge()
    async with await connect(args.endpoint, args.secret, GRAPH) as client:
        for name in (GRAPH, PATTERN):
            await client.tenants.create(name)
        for number in range(args.graphs):
            rng = random.Random(f"{args.seed}:{number}")
            rare = [nx_graphs.large] if number % 20 == 0 else [nx_graphs.deep] if number % 50 == 1 else None
            graph = nx_graphs.random_graph(rng, rng.choice(rare or nx_graphs.SMALL))
            await nx_graphs.load(client, graph)
            for checked in CHECKS:
                some = f"{list(graph)} {list(graph.edges(data='weight'))}"
                check.section = f"{checked.__name__}, graph {number} of seed {args.seed}: {some:.1500}\n  "
                try:
                    await checked(check, client, graph, rng, args)
                except Exception as error:
                    raise RuntimeError(f"{check.section}: {error!r}") from error
        for name in (GRAPH, PATTERN):
            await client.tenants.delete(name)
    check.finish()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("endpoint", help="tcp://HOST:PORT or unix://PATH")
    secret_argument(parser)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32), help="repeats a run (default: random)")
    parser.add_argument("--graphs", type=int, default=200, help="number of graphs (default: 200)")
    parser.add_argument("--reference-quirks", action="store_true", help="leave out what reference servers get wrong")
    args = parser.parse_args()
    print(f"seed {args.seed}", file=sys.stderr, flush=True)
    asyncio.run(run(args))


if __name__ == "__main__":
    main()
