"""100,000 graphs of 24 shards, their labels and ledgers."""

import random
from functools import cache

from answers import HOSTILE, SHARDS, GiB, Problem, now_ms

KEYS = {"name": "name", "tenant": "tenant", "owner": "owner", "nodes": "nodes", "edges": "edges", "bytes": "bytes", "changed": "ago", "shard": "shard"}
ACME = "tenant__acme____bus__"


@cache
def all_graphs():
    pick = random.Random(14)
    rows = []

    def add(name, tenant, **more):
        nodes = pick.randint(10, 60_000)
        rows.append({"name": name, "shard": pick.randint(1, SHARDS), "tenant": tenant, "owner": pick.choice(["ops", "planner-3", None]), "type": "Agent", "nodes": nodes,
                     "edges": nodes * 3, "bytes": nodes * 45_000, "sequence": nodes * 25, "ago": pick.randint(0, 90_000_000), "also_on": [], "quarantined": None, **more})

    add(ACME, "acme", nodes=48_210, edges=131_077, bytes=int(2.1 * GiB), shard=7, owner="ops", ago=2000, sequence=1_204_551)
    add("__commons__", None, also_on=list(range(2, SHARDS + 1)), shard=1)
    add("tenant__initech____bus__", "initech", shard=7, quarantined="checksum of record 88,214 does not match")
    add("tenant__wayne____bus__", "wayne", shard=7, belongs_to=11)
    for name in HOSTILE:
        add(name, "odd", shard=4)
    for i in range(100_000):
        add(f"tenant__t{i:06}____bus__", f"t{i:06}")
    for row in rows:
        row.setdefault("belongs_to", row["shard"])
    return rows


def shown(row):
    return {**{key: value for key, value in row.items() if key != "ago"}, "changed_ms": now_ms() - row["ago"]}


@cache
def ordered(sort):
    key = KEYS.get(sort.lstrip("-"), "name")
    return sorted(all_graphs(), key=lambda row: (row[key] is not None, row[key] if row[key] is not None else 0, row["name"]), reverse=sort.startswith("-"))


def in_state(row, state):
    return {"quarantined": bool(row["quarantined"]), "misplaced": row["belongs_to"] != row["shard"], "twice": bool(row["also_on"]), "served": not row["quarantined"]}.get(state, False)


def listing(world, asked):
    world.check()
    rows = [] if world.is_empty() else ordered(asked.get("sort", "name"))
    rows = [row for row in rows if not world.is_down(row["shard"])] if world.set.get("down") else rows
    total = len(rows)
    if q := asked.get("q", "").lower():
        rows = [row for row in rows if q in row["name"].lower() or q in (row["owner"] or "") or q in (row["tenant"] or "")]
    if asked.get("state"):
        rows = [row for row in rows if in_state(row, asked["state"])]
    if asked.get("shard"):
        rows = [row for row in rows if str(row["shard"]) == asked["shard"]]
    if asked.get("tenant"):
        rows = [row for row in rows if row["tenant"] == asked["tenant"]]
    start, limit = int(asked.get("after", 0)), min(int(asked.get("limit", 50)), 200)
    missing = [{"shard": int(n), "graphs": 3338, "age_ms": 720_000} for n in world.set.get("down", "").split(",") if n]
    return {"total": total, "matched": len(rows), "rows": [shown(row) for row in rows[start:start + limit]],
            "next": str(start + limit) if start + limit < len(rows) else None, "missing": missing, "hidden_graphs": 12 if world.set.get("hidden") else 0}


def found(world, name):
    world.check()
    row = None if world.is_empty() else next((row for row in all_graphs() if row["name"] == name), None)
    if row is None:
        raise Problem(404, "NOT_FOUND", "No shard that answers has this graph.")
    return row


def graph(world, asked):
    row = shown(found(world, asked["name"]))
    labels = [["Claim", 21_004], ["Evidence", 14_220], ["Source", 6_010], ["Event", 3_111], ["Agent", 2_054], ["Topic", 1_400]] + [[f"Kind{i}", 20 - i] for i in range(12)]
    return {**row, "state": "served", "bytes": {"nodes": int(0.9 * GiB), "edges": int(0.4 * GiB), "ledger": int(0.7 * GiB), "vectors": int(0.1 * GiB)},
            "labels": labels + [[HOSTILE[3], 300]], "quota": {"used": 73 * GiB, "limit": 80 * GiB}, "access": {"owner": row["owner"], "read": ["planner", "auditor"], "write": ["planner"]},
            "moves": [{"id": "h1", "graph": row["name"], "from": 2, "to": row["shard"], "state": "done", "ended_ms": now_ms() - 86_400_000}]}


def ledger(world, asked):
    row = found(world, asked["name"])
    first = min(row["sequence"], int(asked.get("before", row["sequence"] + 1)) - 1)
    last = max(0, first - min(int(asked.get("limit", 50)), 200))
    lines = [{"sequence": s, "at_ms": now_ms() - 2000 - (row["sequence"] - s) * 700, "agent": ["planner-3", "auditor-1", HOSTILE[2]][s % 3], "op": ["AddEdge", "AddNode"][s % 2],
              "ids": [f"claim:{s:x}", "claim:shard-count-is-a-list"][:2 - s % 2]} for s in range(first, last, -1)]
    return {"lines": lines, "next": last + 1 if last > 0 else None}


def where(world, asked):
    world.check()
    tenant = asked.get("tenant", "")
    slug = "".join(c if c.isascii() and c.isalnum() else "_" for c in tenant.lower())
    if not slug.strip("_"):
        return {"tenant": tenant, "graph": None, "shard": None, "exists": None, "error": "The id has none of the characters that a graph's name may have."}
    name = f"tenant__{slug}____bus__"
    row = next((row for row in all_graphs() if row["name"] == name), None)
    return {"tenant": tenant, "graph": name, "shard": row["shard"] if row else 3, "endpoint": "tcp://shard-03.internal:9101", "exists": row is not None,
            "rewritten": slug != tenant, "shares_with": ["acme"] if tenant == "Acme" else []}
