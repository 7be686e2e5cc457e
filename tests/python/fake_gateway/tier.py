"""The tier and its shards."""

import random

from answers import HOSTILE, MiB, SHARDS, GiB, Problem, now_ms

GRAPHS = 100_318


def shards(world):
    return 3 if world.set.get("scenario") == "small" else SHARDS


def freshness(world):
    ages = []
    for n in range(1, shards(world) + 1):
        if world.is_down(n):
            error = {"code": "UNREACHABLE", "text": "connection refused, retry in 5 s"}
            ages.append({"shard": n, "age_ms": 720_000, "error": error})
        else:
            ages.append({"shard": n, "age_ms": 400})
    return ages


def row(world, n):
    pick = random.Random(n)
    now, down, empty = now_ms(), world.is_down(n), world.is_empty()
    notes = []
    backup = now - pick.randint(1, 20) * 3_600_000
    if n == 7 and not empty:
        backup = now - 26 * 3_600_000 - 60_000
        reason = "checksum of record 88,214 does not match. It is read, writes are refused."
        graph = "tenant__initech____bus__"
        notes.append({"code": "quarantine", "level": "bad", "text": reason, "since_ms": now - 7_200_000, "graph": graph})
        text = "26 h old, one is due every 24 h. The last one is complete and was verified."
        doc = "https://example.invalid/backup.html"
        notes.append({"code": "backup_late", "level": "warn", "text": text, "since_ms": now - 7_200_000, "doc": doc})
    if down:
        text = "connection refused, retry in 5 s"
        notes.insert(0, {"code": "unreachable", "level": "bad", "text": text, "since_ms": now - 720_000})
    store = 0 if empty else pick.randint(180, 420) * GiB
    spark = [None if 20 <= i < 23 and n % 5 == 0 else 900 + 500 * pick.random() for i in range(60)]
    return {
        "n": n,
        "endpoint": f"tcp://shard-{n:02}.internal:9101",
        "state": "unreachable" if down else "attention" if notes else "healthy",
        "notes": notes,
        "graphs": 0 if empty else GRAPHS // SHARDS + n,
        "nodes": 0 if empty else pick.randint(1_400_000, 9_300_000),
        "edges": 0 if empty else pick.randint(3_000_000, 21_000_000),
        "disk": {"store": store, "checkpoints": 8 * GiB, "free": 931 * GiB - store - 8 * GiB, "total": 931 * GiB, "reserve": 28 * GiB,
                 "days_left": 39, "growth_per_day": int(12.4 * GiB)},
        "memory": [["block cache", 256 * MiB, 256 * MiB], ["projections", pick.randint(100, 400) * MiB, 512 * MiB],
                   ["vectors", pick.randint(300, 800) * MiB, 1024 * MiB]],
        "checkpoint": {"at_ms": now - 180_000, "every_s": 300},
        "backup": {"at_ms": backup, "every_s": 86_400, "verified": True},
        "drill": {"at_ms": now - 9 * 86_400_000, "every_s": 30 * 86_400, "equal": True},
        "quarantined": 1 if n == 7 else 0,
        "moves": 2 if n == 7 else 0,
        "rps": 0 if empty else spark[-1],
        "p99_ms": 22 if n == 7 else pick.uniform(2, 31),
        "busy_1h": 412 if n == 7 and not empty else 0,
        "spark": [0] * 60 if empty else spark,
        "spark_p99": [3 + 2 * pick.random() + (18 if n == 7 and i > 50 else 0) for i in range(60)],
    }


def tier(world, _):
    world.check()
    rows = [row(world, n) for n in range(1, shards(world) + 1)]
    total = {key: sum(each[key] for each in rows) for key in ("graphs", "nodes", "edges")}
    stale = sum(each["graphs"] for each in rows if world.is_down(each["n"]))
    now = now_ms()
    return {
        "role": world.set.get("role", "viewer"),
        "explore": world.set.get("explore", "1") == "1",
        "explore_why": "the gateway was started without --explore",
        "kept_since_ms": world.began,
        "totals": {**total, "stale_graphs": stale},
        "hidden_graphs": 12 if world.set.get("hidden") else 0,
        "default_graph": "__bus__",
        "moves": {"running": 2, "done": 68, "of": 100},
        "newest": [{"at_ms": now - 300_000, "shard": 7, "text": "BUSY 412"}, {"at_ms": now - 1_380_000, "shard": 7, "text": "restarted"}],
        "shards": rows,
    }


def move_rows(world):
    if world.is_empty():
        return []
    now = now_ms()
    return [
        {"id": "m1", "graph": "tenant__acme____bus__", "from": 7, "to": 11, "step": "copy", "state": "running", "done": 68, "of": 100, "left_s": 40, "at_ms": now - 90_000},
        {"id": "m2", "graph": "tenant__umbrella____bus__", "from": 2, "to": 7, "step": "replay", "state": "running", "done": 96, "of": 100, "left_s": 2, "at_ms": now - 40_000},
        {"id": "m3", "graph": "tenant__globex-eu-central-research____bus__", "from": 7, "to": 11, "step": "waits for its turn, 3rd", "state": "waiting"},
        {"id": "m4", "graph": HOSTILE[3], "from": 4, "to": 9, "state": "done", "at_ms": now - 900_000, "ended_ms": now - 800_000, "digest": "a1b2"},
        {"id": "m5", "graph": HOSTILE[7], "from": 4, "to": 12, "state": "failed", "at_ms": now - 1_900_000, "error": "the destination is full"},
        {"id": "m6", "graph": HOSTILE[2], "from": 5, "to": 6, "state": "signpost", "at_ms": now - 86_400_000},
    ]


def moves(world, asked):
    world.check()
    wanted = asked.get("state")
    return {"rows": [each for each in move_rows(world) if not wanted or each["state"] == wanted], "next": None}


def shard(world, asked):
    world.check()
    n = int(asked["n"])
    if not 1 <= n <= shards(world):
        raise Problem(404, "NOT_FOUND", "There is no such shard.")
    tenants = [("acme", 73, 80, 1204, 412), ("umbrella", 38, 80, 318, 0), ("initech", 21, 0, 96, 0), (HOSTILE[7], 2, 0, 1, 0)]
    config = {"version": "0.1.0", "commit": "d4e42fa9", "up_s": 2100, "durability": "sync", "takes": "reads and writes", "breaker": "closed",
              "endpoints": [f"tcp://shard-{i:02}.internal:9101" for i in range(1, shards(world) + 1)], "fingerprint": "9f1c22ab",
              "persist_dir": "/var/lib/epistemic-graph", "agent_id": "gateway", "store_id": "0c6f1f0e-7a5e-4a71-9d7b-1f6c6f0c1a55"}
    return {
        "shard": row(world, n),
        "config": config,
        "tenants": [] if world.is_empty() else [
            {"tenant": name, "bytes": used * GiB, "quota": quota * GiB, "rps": rps, "busy": busy} for name, used, quota, rps, busy in tenants],
        "quarantine": [{"graph": "tenant__initech____bus__", "since_ms": now_ms() - 7_200_000, "reason": "checksum of record 88,214 does not match",
                        "bytes": 3 * GiB, "works": "reads"}] if n == 7 and not world.is_empty() else [],
        "moves": [each for each in move_rows(world) if n in (each["from"], each["to"]) and each["state"] in ("running", "waiting")],
    }


def checkpoint(world, asked):
    if world.set.get("role") != "operator":
        raise Problem(403, "ACCESS_DENIED", "The role viewer makes no checkpoints.")
    return {"ok": True, "text": f"Checkpoint of shard {asked['n']} made."}
