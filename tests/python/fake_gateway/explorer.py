"""One graph to explore: some clusters, a chain of claims, a hub of 50,000 neighbours."""

import random
from collections import defaultdict, deque
from functools import cache
from threading import Lock

from answers import HOSTILE, Problem

LABELS = ["Claim", "Evidence", "Source", "Event", "Agent", "Topic"]
START, TOPIC, HUB = "claim:shard-count-is-a-list", "topic:resharding", "topic:everything"
CHAIN = [START, "claim:moves-need-no-pause", "event:reshard-3-to-4", "evidence:receipt-2514", "claim:no-acknowledged-write-lost"]
HUB_NEIGHBOURS = 50_000


class Data:
    def __init__(self):
        self.labels, self.out, self.into, self.sorted = {}, defaultdict(dict), defaultdict(dict), []

    def add(self, node):
        kind = node.split(":")[0].capitalize()
        self.labels.setdefault(node, kind if kind in LABELS else "Odd" if not node or kind == node.capitalize() else kind[:20])

    def link(self, a, b, kind, times=1):
        self.add(a)
        self.add(b)
        self.out[a].setdefault(b, {})[kind] = times
        self.into[b].setdefault(a, {})[kind] = times


making = Lock()


def data():
    # Several questions of a page come at once: they wait for the one that makes it.
    with making:
        return made_once()


@cache
def made_once():
    pick, made = random.Random(7), Data()
    words = ["digest", "fence", "replay", "quota", "lease", "commit", "shard"]

    def fresh(i):
        return f"{pick.choice(LABELS).lower()}:{i:x}-{pick.choice(words)}"

    for i, (a, b) in enumerate(zip(CHAIN, CHAIN[1:])):
        made.link(a, b, ["SUPPORTS", "OBSERVED_IN", "PRODUCED", "SUPPORTS"][i], 2 if i == 2 else 1)
    ring = [fresh(i) for i in range(900)]
    hubs = CHAIN + [TOPIC, "agent:planner-3", "agent:auditor-1", "source:runbook-2026-11"]
    for node in ring:
        made.link(node, pick.choice(hubs), pick.choice(["CITES", "ABOUT", "SEEN_BY"]), pick.choice([1, 1, 1, 1, 2, 3]))
        if pick.random() < 0.6:
            made.link(pick.choice(hubs), node, "HAS")
        if pick.random() < 0.3:
            made.link(node, pick.choice(ring), "NEAR")
    for name in HOSTILE:
        made.link(START, name, "ODD")
    made.link(START, START, "SELF")
    made.link("agent:planner-3", TOPIC, "ABOUT")
    made.link(TOPIC, "agent:planner-3", "SEEN_BY")
    for i in range(HUB_NEIGHBOURS):
        made.link(f"{LABELS[i % 4].lower()}:h{i:05}", HUB, "ABOUT")
    made.link(START, HUB, "ABOUT")
    made.sorted = sorted(made.labels)
    return made


def the_graph(world, asked):
    world.check()
    if asked.get("graph") == "" or world.is_empty():
        raise Problem(404, "NOT_FOUND", "There is no such graph, or it has no nodes.")
    return data()


def caption(node):
    return f"What {node.split(':')[-1].replace('-', ' ')} says" if node else ""


@cache
def counted(node):
    return len(set(made_once().out[node]) | set(made_once().into[node]))


def degree(_, node):
    return counted(node)


def search(world, asked):
    made, q, by = the_graph(world, asked), asked.get("q", ""), asked.get("by", "id")
    tests = {"id": lambda node: node.startswith(q) or q in node, "label": lambda node: made.labels[node] == q, "text": lambda node: q.lower() in caption(node).lower()}
    hits = [node for node in made.sorted if tests[by](node)]
    start, limit = int(asked.get("after", 0)), min(int(asked.get("limit", 50)), 50)
    rows = [{"id": node, "label": made.labels[node], "caption": caption(node), "in": min(len(made.into[node]), 10_001), "out": min(len(made.out[node]), 10_001)} for node in hits[start:start + limit]]
    more = start + limit < len(hits)
    return {"rows": rows, "next": str(start + limit) if more else None, "searched": len(made.labels), "nodes": len(made.labels)}


def known(made, node):
    if node not in made.labels:
        raise Problem(404, "NOT_FOUND", f"There is no node {node!r} in this graph.")


def node(world, asked):
    made, name = the_graph(world, asked), asked.get("id", "")
    known(made, name)
    text = "word " * 3_600
    if asked.get("key") == "long":
        return {"id": name, "label": made.labels[name], "sequence": 9, "graph_sequence": 1_204_551, "properties": [["long", "string", text, len(text)]]}
    return {"id": name, "label": made.labels[name], "caption": caption(name), "sequence": 9, "graph_sequence": 1_204_551, "in": min(len(made.into[name]), 10_001),
            "out": min(len(made.out[name]), 10_001), "exact": len(made.into[name]) <= 10_000, "bytes": 20_000, "properties": [
        ["text", "string", "The number of shards follows from the endpoint list; nothing else stores it.", 76], ["confidence", "float", 0.94, 8],
        ["created", "string", "2026-11-12 09:41:07", 19], ["owner", "string", "planner-3", 9], ["tags", "list", ["placement", "hash"], 20],
        ["where", "map", {"file": "design.md", "lines": [3, 9]}, 40], ["hostile <b>key</b>", "string", HOSTILE[2], 20],
        ["long", "string", text[:4096], len(text)], ["embedding", "list", None, 1536]]}


def neighbours(world, asked):
    made, name = the_graph(world, asked), asked.get("id", "")
    known(made, name)
    way, label = asked.get("dir", "both"), asked.get("label")
    near = defaultdict(list)
    if way in ("both", "out"):
        for other, kinds in made.out[name].items():
            near[other] += [["out", kind, n] for kind, n in kinds.items()]
    if way in ("both", "in"):
        for other, kinds in made.into[name].items():
            near[other] += [["in", kind, n] for kind, n in kinds.items()]
    near.pop(name, None)
    by_label = defaultdict(int)
    for other in near:
        by_label[made.labels[other]] += 1
    ids = sorted((other for other in near if not label or made.labels[other] == label), key=lambda other: (-degree(made, other), other))
    start, limit = int(asked.get("after", 0)), min(int(asked.get("limit", 50)), 200)
    rows = [{"id": other, "label": made.labels[other], "caption": caption(other), "degree": degree(made, other), "edges": near[other]} for other in ids[start:start + limit]]
    exact = len(near) <= 10_000
    if start:
        return {"rows": rows, "next": str(start + limit) if start + limit < len(ids) else None, "sequence": 1_204_551}
    return {"neighbors": min(len(near), 10_001), "in": min(len(made.into[name]), 10_001), "out": min(len(made.out[name]), 10_001), "exact": exact, "by_label": sorted(([key, min(n, 10_000)] for key, n in by_label.items()), key=lambda pair: -pair[1]),
            "rows": rows, "next": str(start + limit) if start + limit < len(ids) else None}


def edges(world, asked):
    made, ids = the_graph(world, asked), asked["ids"][:2000]
    wanted = set(ids)
    return {"edges": [[a, b, kind, n] for a in ids for b, kinds in made.out[a].items() if b in wanted for kind, n in kinds.items()][:6000], "cut": False}


def path(world, asked):
    made, first, last = the_graph(world, asked), asked["from"], asked["to"]
    before, queue = {first: None}, deque([(first, 0)])
    while queue:
        at, hops = queue.popleft()
        if at == last or hops >= int(asked.get("max", 12)):
            break
        for other in made.out[at]:
            if other not in before:
                before[other] = at
                queue.append((other, hops + 1))
    if last not in before:
        return {"hops": None, "searched": len(before)}
    chain = [last]
    while before[chain[0]] is not None:
        chain.insert(0, before[chain[0]])
    hops = []
    for a, b in zip(chain, chain[1:] + [None]):
        kind, n = next(iter(made.out[a][b].items())) if b is not None else (None, 0)
        hops.append([a, made.labels[a], kind, n])
    return {"hops": hops, "searched": len(before)}


def blast(world, asked):
    made, name = the_graph(world, asked), asked["id"]
    known(made, name)
    deepest, limit = int(asked.get("depth", 4)), int(asked.get("limit", 2000))
    rows, counts, at, seen, cut = [[name, made.labels[name], 0, None]], [1], [name], {name}, None
    for depth in range(1, deepest + 1):
        level = []
        for parent in at:
            for other in made.out[parent]:
                if other not in seen:
                    seen.add(other)
                    level.append(other)
                    if len(rows) < limit:
                        rows.append([other, made.labels[other], depth, parent])
                    else:
                        cut = cut or depth
        counts.append(len(level))
        at = level
    shown = [sum(row[2] == depth for row in rows) for depth in range(deepest + 1)]
    return {"counts": shown, "all": counts, "rows": rows, "cut_at": cut, "complete": True}
