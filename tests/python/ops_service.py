"""The service and its graphs: Ping, Health, Checkpoint, CreateGraph, DeleteGraph, ListGraphs."""

from support import error_of


async def service(check, client, _args):
    check.equal("ping", await client.ping(), "pong")
    health = await client.health()
    check.equal("health status", health["status"], "ok")
    check.true("health version", isinstance(health["version"], str))
    check.equal("health fields", sorted(health), ["mem_bytes", "ops", "status", "uptime_s", "version"])
    check.equal("supports", await client.supports("NoSuchOperation"), False)
    check.true("checkpoint", (await client.checkpoint()).startswith("checkpoint_complete:"))


async def graphs(check, client, _args):
    name = f"{client._graph_name}:second"
    check.equal("create", await client.tenants.create(name, "Team"), None)
    listed = {graph["name"]: graph["type"] for graph in await client.tenants.list()}
    check.equal("listed type", listed.get(name), "Team")
    check.equal("default type", listed.get(client._graph_name), "Agent")
    check.equal("commons", listed.get("__commons__"), "Commons")
    await check.refused("create twice", client.tenants.create(name), f"Graph '{name}' already exists")
    error = await error_of(client.tenants.create(f"{name}2", "Nonsense"))
    check.true("graph type", "unknown variant `Nonsense`, expected one of `Agent`, `Team`" in error)
    check.equal("delete", await client.tenants.delete(name), None)
    await check.refused("delete twice", client.tenants.delete(name), f"Graph '{name}' not found")
    await check.refused(
        "delete commons", client.tenants.delete("__commons__"), "Cannot delete the __commons__ graph"
    )
    await check.refused("use deleted", client._send("NodeCount", graph=name), f"Graph '{name}' not found")


async def odd_graph_names(check, client, _args):
    base = client._graph_name
    names = [f"{base}/t:a", f"{base}/t/a", f"{base}/../up", f"{base} \N{GRINNING FACE}", base + "x" * 4096]
    for name in names:
        await client.tenants.create(name)
        await client._send("AddNode", {"node_id": name, "properties_msgpack": [0x80]}, graph=name)
    for name in names:
        check.equal(f"nodes of {name[:40]}", await client._send("NodeIds", graph=name), [name])
        await client.tenants.delete(name)


GROUPS = [service, graphs, odd_graph_names]
