"""What the scripts of this folder share: connecting the wheel's client, counting checks, placement.

The scripts run under any of the reference wheels (0.28.0, 0.31.0, 2.0.0) against a running server.
"""

import hashlib
import os
import re
import sys

from epistemic_graph import EpistemicGraphClient


class Checks:
    """Counts comparisons. The first that fails ends the script; `section` is printed before its name."""

    def __init__(self):
        self.count = 0
        self.section = ""

    def equal(self, what, actual, expected):
        self.count += 1
        if actual != expected:
            sys.exit(f"FAILED {self.section}{what}\n  expected {expected!r}\n  actual   {actual!r}")

    def true(self, what, actual):
        self.equal(what, bool(actual), True)

    async def refused(self, what, call, text):
        """The server answers `call` with an error of exactly this text."""
        self.equal(what, await error_of(call), text)

    def finish(self):
        print(f"ok {self.count} checks")


async def error_of(call):
    """The error text that an awaitable ends in, or None when it succeeds."""
    try:
        await call
    except RuntimeError as error:
        return str(error)
    return None


def secret_argument(parser):
    """Adds SECRET; leaving it out takes it from the environment, which keeps it out of `ps`."""
    parser.add_argument(
        "secret",
        nargs="?",
        default=os.environ.get("GRAPH_SERVICE_AUTH_SECRET"),
        help="shared secret (default: GRAPH_SERVICE_AUTH_SECRET)",
    )


def address(endpoint):
    """The keyword argument of the client's `connect` for tcp://HOST:PORT, unix://PATH or PATH."""
    if endpoint.startswith("tcp://"):
        return {"tcp_addr": endpoint.removeprefix("tcp://")}
    return {"socket_path": endpoint.removeprefix("unix://")}


async def connect(endpoint, secret, graph="__commons__"):
    return await EpistemicGraphClient.connect(**address(endpoint), auth_secret=secret, graph_name=graph)


async def create_graph(client, name, kind="Agent"):
    """Creates a graph as published clients do: one that exists already will do."""
    error = await error_of(client.tenants.create(name, kind))
    if error is not None and "already exists" not in error.lower():
        raise RuntimeError(error)


def tenant_graph(tenant, base="__bus__"):
    """The graph of a tenant by the published rule; no tenant means the base graph."""
    if not tenant:
        return base
    slug = re.sub(r"[^A-Za-z0-9_.-]+", "_", tenant.strip()).strip("_").lower()
    if not slug:
        raise ValueError(f"tenant {tenant!r} has no usable character")
    return f"tenant__{slug}__{base}"


def owner(endpoints, graph):
    """The rendezvous owner, computed here so that the wheel's router has something to agree with."""

    def score(endpoint):
        digest = hashlib.md5(f"{endpoint}-{graph}".encode(), usedforsecurity=False)
        return int.from_bytes(digest.digest(), "big")

    return max(endpoints, key=score)


def endpoint_list(text):
    return [endpoint.strip() for endpoint in text.split(",") if endpoint.strip()]
