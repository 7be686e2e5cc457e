"""Transactions of the published clients, with their answers checked.

    transaction_ops.py ENDPOINT SECRET [--reference]

With --reference only what the reference server does as well.
"""

import argparse
import asyncio
import os
from importlib.metadata import version

import support
from support import Checks, create_graph, error_of, secret_argument

SIGNS = int(version("epistemic-graph").split(".")[1]) >= 27 and version("epistemic-graph").startswith("2.")


async def connect(args, graph):
    if SIGNS:
        import signed_ops

        return await signed_ops.connect(args, graph)
    return await support.connect(args.endpoint, args.secret, graph)


async def told(call):
    """The text of the error that a call ends in."""
    try:
        await call
    except Exception as error:  # clients from 2.27 on have classes of their own
        return getattr(error, "detail", None) or str(error)
    return None


class Graph:
    """A graph, its transactions, and a writer beside them."""

    def __init__(self, check, client, name):
        self.check, self.client, self.name, self.txn = check, client, name, client.txn

    async def begin(self):
        return await self.txn.begin(self.name)

    async def put(self, node, value):
        await self.client.nodes.add(node, {"v": value})

    async def value(self, node):
        properties = await self.client.nodes.properties(node)
        return properties and properties.get("v")

    async def verdict(self, what, expected, stage, meanwhile=None):
        """Whether a transaction is made whose changes are staged before something else happens."""
        transaction = await self.begin()
        await stage(transaction)
        if meanwhile is not None:
            await meanwhile()
        self.check.equal(what, await self.txn.commit(transaction), expected)


async def staged_and_committed(g):
    check, txn = g.check, g.txn
    first = await g.begin()
    check.equal("staged", await txn.add_node(first, "a", {"v": 1}), True)
    check.equal("staged", await txn.add_node(first, "b", {"v": 1}), True)
    check.equal("staged", await txn.add_edge(first, "a", "b", {"type": "R"}), True)
    check.equal("nobody sees it", await g.client.nodes.has("a"), False)
    check.equal("committed", await txn.commit(first), True)
    check.equal("all of it", (await g.client.nodes.count(), await g.client.edges.count()), (2, 1))
    for call in (txn.commit(first), txn.rollback(first), txn.add_node(first, "x", {}), txn.commit("none")):
        check.true("it is over", (await told(call) or "").startswith("unknown transaction '"))
    second = await g.begin()
    await txn.add_node(second, "c", {})
    check.equal("rolled back", await txn.rollback(second), True)
    check.equal("nothing of it", await g.client.nodes.has("c"), False)
    check.equal("an empty one", await txn.commit(await g.begin()), True)
    third = await g.begin()
    await txn.add_node(third, "d", {"v": 1})
    await txn.cas(third, "d", {"v": 1}, {"v": 2})
    await txn.add_embedding(third, "d", [1.0, 0.0])
    await txn.remove_edge(third, "a", "b")
    await txn.remove_node(third, "b")
    await txn.remove_node(third, "missing")
    check.equal("every kind of change", await txn.commit(third), True)
    check.equal("in their order", (await g.value("d"), await g.client.edges.count()), (2, 0))
    check.equal("an embedding", [row[0] for row in await g.client.graph.semantic_search([1.0, 0.0], 1)], ["d"])
    missing = await told(txn.begin(g.name + " missing"))
    check.true("a missing graph", f"Graph '{g.name} missing' not found" in missing)


async def conflicts(g):
    """As the reference server has it: what a transaction touches must be as it was when it was staged."""
    txn, nodes = g.txn, g.client.nodes
    for node in ("n", "m", "o"):
        await g.put(node, 1)

    def add(node, value):
        return lambda transaction: txn.add_node(transaction, node, {"v": value})

    def edge(source, target):
        return lambda transaction: txn.add_edge(transaction, source, target, {})

    await g.verdict("the node changed", False, add("n", 2), lambda: g.put("n", 3))
    g.check.equal("by the other", await g.value("n"), 3)
    await g.verdict("another node changed", True, add("n", 2), lambda: g.put("m", 3))
    await g.verdict("changed to the same", True, add("n", 4), lambda: g.put("n", 2))
    await g.verdict("the node came", False, add("new", 1), lambda: g.put("new", 2))
    await g.verdict("the node went", False, add("new", 1), lambda: nodes.remove("new"))
    await g.verdict("an end changed", False, edge("n", "m"), lambda: g.put("m", 5))
    await g.verdict("the first end changed", False, edge("n", "m"), lambda: g.put("n", 5))
    await g.verdict("an end went", False, edge("n", "o"), lambda: nodes.remove("o"))
    await g.verdict("another edge came", True, edge("n", "m"), lambda: g.client.edges.add("m", "n", {}))
    remove = lambda transaction: txn.remove_edge(transaction, "n", "m")
    await g.verdict("an end of a removed edge changed", False, remove, lambda: g.put("m", 6))
    remove = lambda transaction: txn.remove_node(transaction, "m")
    await g.verdict("the removed node changed", False, remove, lambda: g.put("m", 7))
    remove = lambda transaction: txn.remove_node(transaction, "absent")
    await g.verdict("the missing node came", False, remove, lambda: g.put("absent", 7))
    embed = lambda transaction: txn.add_embedding(transaction, "m", [1.0])
    await g.verdict("the embedded node changed", False, embed, lambda: g.put("m", 8))
    compare = lambda transaction: txn.cas(transaction, "m", {}, {"v": 9})
    await g.verdict("the compared node changed", False, compare, lambda: g.put("m", 9))
    compare = lambda transaction: txn.cas(transaction, "m", {"v": 9}, {"v": 10})
    await g.verdict("as compared", True, compare)

    before = await g.begin()
    await g.put("n", 11)
    await txn.add_node(before, "n", {"v": 12})
    g.check.equal("changed before it was staged", await txn.commit(before), True)
    twice = await g.begin()
    await txn.add_node(twice, "n", {"v": 13})
    await g.put("n", 14)
    await txn.add_node(twice, "n", {"v": 15})
    g.check.equal("seen first counts", await txn.commit(twice), False)
    one, two = await g.begin(), await g.begin()
    for transaction in (one, two):
        await txn.add_node(transaction, "n", {"by": transaction})
    verdicts = [await txn.commit(transaction) for transaction in (one, two)]
    g.check.equal("one of two", verdicts, [True, False])


async def beside_the_reference(g, args):
    """Where this server says more than the reference: all or nothing, and whose a transaction is."""
    check, txn = g.check, g.txn
    await g.put("n", 1)
    ledger = await g.client.ledger.get()

    async def refused(what, expected, *stages):
        transaction = await g.begin()
        await txn.add_node(transaction, "first", {})
        for stage in stages:
            await stage(transaction)
        await txn.add_node(transaction, "last", {})
        try:
            answer = await txn.commit(transaction)
        except Exception as error:
            answer = getattr(error, "detail", None) or str(error)
        check.equal(what, answer, expected)
        check.equal(f"{what}: nothing was done", await g.client.ledger.get(), ledger)

    edge = lambda transaction: txn.add_edge(transaction, "n", "missing", {})
    await refused("an edge at no node", "Target node 'missing' not found", edge)
    early = lambda transaction: txn.add_edge(transaction, "last", "n", {})
    await refused("an edge before its node", "Source node 'last' not found", early)
    compare = lambda transaction: txn.cas(transaction, "n", {"v": 2}, {"v": 3})
    await refused("a comparison that fails", False, compare)
    embed = lambda transaction: txn.add_embedding(transaction, "missing", [1.0])
    await refused("an embedding of no node", "Node 'missing' not found", embed)

    transaction = await txn.begin()
    other = await told(txn.add_node(transaction, "x", {}, graph="other"))
    check.true("another graph", other.startswith(f"transaction '{transaction}' is of graph '{g.name}'"))
    await txn.add_node(transaction, "x", {}, graph=g.name)
    level = await told(g.client._send("BeginTxn", {"graph": None, "isolation": "chaos"}))
    check.true("an unknown level", level.startswith("unknown isolation level 'chaos'"))
    for level in ("Snapshot", "SERIALIZABLE"):
        await txn.rollback(await g.client._send("BeginTxn", {"graph": None, "isolation": level}))
    no_map = {"txn_id": transaction, "node_id": "n", "conditions_msgpack": [0xC0], "updates_msgpack": [0x80], "graph": None}
    check.equal("no map", await told(g.client._send("TxnCas", no_map)), "conditions_msgpack: no map of names to values")

    second = await connect(args, g.name)
    check.equal("by another connection", await second.txn.add_node(transaction, "y", {}), True)
    await second.close()
    check.equal("committed by the first", await txn.commit(transaction), True)
    check.equal("both", [await g.client.nodes.has(node) for node in "xy"], [True, True])
    second = await connect(args, g.name)
    transaction = await second.txn.begin(g.name)
    await second.txn.add_node(transaction, "z", {})
    await second.close()
    for _ in range(100):
        over = await told(txn.add_node(transaction, "z", {})) or ""
        if over:
            break
        await asyncio.sleep(0.05)
    check.true("it ends with its connection", over.startswith(f"unknown transaction '{transaction}'"))
    blob = await told(g.client._send("TxnBlobRef", {"txn_id": "x", "node_id": "n", "digest": "d", "graph": None}))
    check.true("what is not served says so", blob is not None and "TxnBlobRef" in blob)


async def keys(g):
    """Idempotency keys of clients from 2.27 on."""
    check, txn = g.check, g.txn
    counts = []
    for _ in range(2):
        transaction = await g.begin()
        await txn.add_node(transaction, "a", {})
        await txn.add_edge(transaction, "a", "a", {})
        counts.append(await txn.commit_with_outcome(transaction, idempotency_key="k"))
    check.equal("staged again", counts, [(True, False), (True, True)])
    check.equal("made once", await g.client.edges.count(), 1)
    lost = await txn.commit_with_outcome(transaction, idempotency_key="k")
    check.equal("sent again", lost, (True, True))
    transaction = await g.begin()
    await txn.add_node(transaction, "b", {})
    try:
        await txn.commit(transaction, idempotency_key="k")
        code = None
    except Exception as error:
        code = getattr(error, "code", None)
    check.equal("other changes under the key", code, "IDEMPOTENCY_CONFLICT")
    for value, expected in [(1, (False, False)), (2, (True, False))]:
        transaction = await g.begin()
        await txn.add_node(transaction, "c", {"v": 0})
        if value == 1:
            await g.put("c", value)
        outcome = await txn.commit_with_outcome(transaction, idempotency_key="conflict")
        check.equal(f"a conflict is no outcome, {value}", outcome, expected)


async def run(args):
    check = Checks()
    groups = [staged_and_committed, conflicts] + ([] if args.reference else [beside_the_reference])
    if SIGNS and not args.reference:
        groups.append(keys)
    for group in groups:
        check.section = f"{group.__name__}: "
        name = f"txn:{os.getpid()}:{group.__name__}"
        client = await connect(args, name)
        await create_graph(client, name)
        g = Graph(check, client, name)
        await (group(g, args) if group is beside_the_reference else group(g))
        await client.close()
    check.finish()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("endpoint")
    secret_argument(parser)
    parser.add_argument("--reference", action="store_true")
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
