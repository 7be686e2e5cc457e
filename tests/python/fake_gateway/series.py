"""The last hour of a shard: figures that depend on their time alone, a restart, and a burst of BUSY."""

import math

from answers import now_ms


def wave(at, seed, period):
    """Between 0 and 1, smooth, with some noise."""
    noise = math.sin(at * 12.9898 + seed) * 43758.5453
    return 0.5 + 0.3 * math.sin(at / period + seed) + 0.2 * (noise - math.floor(noise) - 0.5)


def series(world, asked):
    world.check()
    now, step = now_ms(), int(asked.get("step_s", 15)) * 1000
    first = max(int(asked.get("since_ms", 0)), now - 3_600_000) // step * step
    begun = (world.began // 15_000) * 15_000
    restart = (begun + 600_000, begun + 870_000)
    burst = (begun + 2_400_000, begun + 2_610_000)
    times = range(first, now // step * step + 1, step)
    known = [not restart[0] <= at < restart[1] for at in times]
    if world.is_empty():
        known = [False for _ in known]

    def line(make):
        return [make(at / 1000, burst[0] <= at < burst[1]) if here else None for at, here in zip(times, known)]

    values = {
        "reads": line(lambda at, hot: 1400 + 500 * (wave(at, 1, 240) - 0.5)),
        "writes": line(lambda at, hot: 520 + 300 * (wave(at, 2, 300) - 0.5) + 150 * hot),
        "p50": line(lambda at, hot: 0.6 + 0.2 * wave(at, 3, 200)),
        "p95": line(lambda at, hot: 1.4 + 0.8 * wave(at, 4, 200)),
        "p99": line(lambda at, hot: 22 + wave(at, 5, 90) if hot else 3.5 + 2 * wave(at, 5, 90)),
        "busy": line(lambda at, hot: round(30 + 20 * wave(at, 6, 30)) if hot else 0),
        "group_mean": line(lambda at, hot: 14 + 5 * (wave(at, 7, 220) - 0.5)),
        "group_max": line(lambda at, hot: 42 + 20 * (wave(at, 8, 150) - 0.5)),
        "fsync_p50": line(lambda at, hot: 0.9 + 0.3 * wave(at, 9, 200)),
        "fsync_p99": line(lambda at, hot: 15.5 if hot else 3 + wave(at, 10, 100)),
        "in_flight": line(lambda at, hot: 990 + 20 * wave(at, 11, 30) if hot else 120 + 60 * wave(at, 11, 200)),
    }
    events = [] if world.is_empty() else [{"kind": "restart", "from_ms": restart[0], "to_ms": restart[1], "text": "restart"}]
    return {"from_ms": first, "step_s": step // 1000, "series": values, "limits": {"in_flight": 1024}, "kept_since_ms": world.began, "events": events}
