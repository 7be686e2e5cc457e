"""Reads a GraphML file with networkx and prints what it found as JSON."""

import json
import sys

import networkx

graph = networkx.read_graphml(sys.argv[1], force_multigraph=True)
nodes = dict(graph.nodes(data=True))
edges = [[source, target, data] for source, target, data in graph.edges(data=True)]
print(json.dumps({"nodes": nodes, "edges": edges}))
