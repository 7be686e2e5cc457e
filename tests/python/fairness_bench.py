"""Point reads of one tenant while another computes, and how fast a computation ends when its client is gone.

Run by hand against a running server, which must have a metrics port; needs `msgpack` (any venv of a wheel has it):

    epistemic-graph-server --socket-path /tmp/s.sock --persist-dir /tmp/d --metrics-addr 127.0.0.1:9911 &
    python tests/python/fairness_bench.py /tmp/s.sock 127.0.0.1:9911 [--nodes 1000000] [--runs 3]

with GRAPH_SERVICE_AUTH_SECRET set for both. The graphs are made when they are missing.
"""

import argparse
import hashlib
import hmac
import itertools
import multiprocessing
import os
import random
import re
import socket
import struct
import time
import urllib.request

import msgpack

READS = 20_000
PART = 10_000


class Client:
    """A blocking connection."""

    def __init__(self, path, secret):
        self.secret = secret.encode()
        self.ids = itertools.count(1)
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)

    def frame(self, graph, method, params=None):
        number = next(self.ids)
        token = hmac.new(self.secret, str(number).encode(), hashlib.sha256).hexdigest()
        request = {"id": number, "graph": graph, "auth_token": token, "method": method}
        if params is not None:
            request["params"] = params
        body = msgpack.packb(request)
        return struct.pack(">I", len(body)) + body

    def send(self, graph, method, params=None):
        self.socket.sendall(self.frame(graph, method, params))

    def receive(self):
        length = struct.unpack(">I", self._exactly(4))[0]
        return self._exactly(length)

    def call(self, graph, method, params=None):
        self.send(graph, method, params)
        answer = msgpack.unpackb(self.receive())
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["result"]

    def close(self):
        self.socket.close()

    def _exactly(self, count):
        data = bytearray()
        while len(data) < count:
            piece = self.socket.recv(count - len(data))
            if not piece:
                raise ConnectionError("closed by the server")
            data += piece
        return bytes(data)


def load(client, graph, nodes, edges):
    """A random graph; the same for the same numbers."""
    try:
        client.call(graph, "CreateGraph", {"graph_name": graph, "graph_type": "Agent"})
    except RuntimeError:
        return
    choose = random.Random(nodes)
    begun = time.perf_counter()

    def operations():
        for number in range(nodes):
            properties = {"type": "Sample", "n": number}
            yield {"op": "add_node", "id": f"node-{number}", "properties": properties}
        for _ in range(edges):
            source, target = choose.randrange(nodes), choose.randrange(nodes)
            yield {
                "op": "add_edge",
                "source": f"node-{source}",
                "target": f"node-{target}",
                "properties": {"type": "NEXT"},
            }

    every = operations()
    while part := list(itertools.islice(every, PART)):
        client.call(graph, "BatchUpdate", {"operations_msgpack": msgpack.packb(part)})
    print(f"loaded {graph}: {nodes} nodes, {edges} edges in {time.perf_counter() - begun:.1f} s")


def point_reads(client, graph, nodes):
    """p50, p99 and maximum in microseconds, for each kind of read."""
    choose = random.Random(1)
    found = {}
    for method in ["GetNodeProperties", "GetNeighbors"]:
        times = []
        for _ in range(READS):
            frame = client.frame(graph, method, {"node_id": f"node-{choose.randrange(nodes)}"})
            begun = time.perf_counter_ns()
            client.socket.sendall(frame)
            client.receive()
            times.append((time.perf_counter_ns() - begun) / 1000)
        times.sort()
        found[method] = (times[READS // 2], times[READS * 99 // 100], times[-1])
    return found


def metric(metrics, name):
    with urllib.request.urlopen(f"http://{metrics}/metrics") as page:
        text = page.read().decode()
    return float(re.search(rf"^epistemic_graph_{name} (\S+)$", text, re.MULTILINE).group(1))


def keep_computing(path, secret, method, params):
    """Asks for one computation after the other, until it is killed."""
    client = Client(path, secret)
    while True:
        client.send("fair-large", method, params)
        client.receive()


class Load:
    """Another process that keeps a computation going."""

    def __init__(self, arguments, method, params):
        self.metrics = arguments.metrics
        what = (arguments.socket, arguments.secret, method, params)
        self.process = multiprocessing.Process(target=keep_computing, args=what, daemon=True)

    def __enter__(self):
        self.process.start()
        while metric(self.metrics, "computations_running") == 0:
            time.sleep(0.01)

    def __exit__(self, *_):
        self.process.kill()
        self.process.join()
        while metric(self.metrics, "computations_running") > 0:
            time.sleep(0.01)


def time_to_free(arguments, method, params, after):
    """Milliseconds from the close of the client to no running computation, as seen through the metrics."""
    client = Client(arguments.socket, arguments.secret)
    client.send("fair-large", method, params)
    while metric(arguments.metrics, "computations_running") == 0:
        time.sleep(0.005)
    time.sleep(after)
    client.close()
    begun = time.perf_counter()
    while metric(arguments.metrics, "computations_running") > 0:
        pass
    return (time.perf_counter() - begun) * 1000


def show(name, found):
    reads = "  ".join(
        f"{method} p50 {p50:6.0f} p99 {p99:6.0f} max {worst:8.0f} us"
        for method, (p50, p99, worst) in found.items()
    )
    print(f"{name:32} {reads}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("socket")
    parser.add_argument("metrics", help="HOST:PORT")
    parser.add_argument("--secret", default=os.environ.get("GRAPH_SERVICE_AUTH_SECRET", ""))
    parser.add_argument("--nodes", type=int, default=1_000_000)
    parser.add_argument("--edges", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    client = Client(arguments.socket, arguments.secret)
    load(client, "fair-small", 1000, 3000)
    load(client, "fair-large", arguments.nodes, arguments.edges)

    cold = time.perf_counter()
    client.call("fair-large", "DegreeCentralityAll")
    warm = time.perf_counter()
    client.call("fair-large", "DegreeCentralityAll")
    done = time.perf_counter()
    print(f"first computation {warm - cold:.3f} s, the next {done - warm:.3f} s")
    begun = time.perf_counter()
    client.call("fair-large", "PageRank", {"damping": 0.85, "iterations": 20})
    print(f"PageRank of 20 iterations {time.perf_counter() - begun:.3f} s")

    loads = [
        ("PageRank", {"damping": 0.85, "iterations": 20}),
        ("BetweennessCentrality", None),
        ("ConnectedComponents", None),
    ]
    for _ in range(arguments.runs):
        show("quiet", point_reads(client, "fair-small", 1000))
        for method, params in loads:
            with Load(arguments, method, params):
                show(f"beside {method}", point_reads(client, "fair-small", 1000))
    for method, params in [
        ("PageRank", {"damping": 0.85, "iterations": 10_000}),
        ("BetweennessCentrality", None),
    ]:
        times = [time_to_free(arguments, method, params, 0.3 + 0.1 * run) for run in range(5)]
        print(f"close to free, {method}: " + ", ".join(f"{ms:.1f}" for ms in times) + " ms")


if __name__ == "__main__":
    main()
