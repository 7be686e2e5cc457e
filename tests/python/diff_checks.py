"""Whether one answer is right by itself, where several answers are. Each returns None, or what is wrong."""

from collections import Counter


def keyed(rows):
    result = {row[0]: row[1:] for row in rows}
    if len(result) != len(rows):
        raise ValueError("an id is listed twice")
    return result


def topological(order, graph):
    if sorted(order) != sorted(graph.nodes):
        return "not every node once"
    place = {node: index for index, node in enumerate(order)}
    return next((f"{s!r} after {t!r}" for s, t in graph.pairs() if place[s] >= place[t]), None)


def cycle(path, graph):
    if len(path) < 2 or path[0] != path[-1] or len(set(path)) != len(path) - 1:
        return "not a simple closed walk"
    pairs = set(graph.pairs())
    return next((f"no edge {step}" for step in zip(path, path[1:]) if step not in pairs), None)


def colouring(rows, graph):
    colours = {node: colour[0] for node, colour in keyed(rows).items()}
    if sorted(colours) != sorted(graph.nodes):
        return "not every node once"
    if colours and sorted(set(colours.values())) != list(range(max(colours.values()) + 1)):
        return "a colour is left out"
    wrong = [(s, t) for s, t in graph.pairs() if s != t and colours[s] == colours[t]]
    return f"one colour on {wrong[0]}" if wrong else None


def forest(rows, graph):
    root = {node: node for node in graph.nodes}

    def find(node):
        while root[node] != node:
            node = root[node]
        return node

    pairs = set(graph.pairs())
    for source, target, _ in rows:
        if (source, target) not in pairs:
            return f"no edge {(source, target)}"
        if find(source) == find(target):
            return f"a cycle through {(source, target)}"
        root[find(source)] = find(target)
    apart = [(s, t) for s, t in pairs if find(s) != find(t)]
    return f"does not span {apart[0]}" if apart else None


def partition(groups, members):
    if Counter(node for group in groups for node in group) != Counter(members):
        return "not a partition of the nodes"
    in_order = all(group == sorted(group) for group in groups) and groups == sorted(groups)
    return None if in_order else "not sorted"
