"""A gateway without a tier: serves the dashboard's files and made-up answers in the shapes of the real one.

usage: python3 tests/python/fake_gateway PAGE_FOLDER [--port N]

It prints its port. `/fake?down=9&role=operator` changes what it says from then on; `/fake` alone resets it. Everything is made from
seeds, so that two runs show the same. It stands in where a real tier would take minutes to fill: 24 shards, 100,000 graphs, a hub
of 50,000 neighbours, a shard that is down, no data at all, no permission.
"""

import argparse
import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

sys.path.insert(0, str(Path(__file__).parent))
import explorer  # noqa: E402
import graphs  # noqa: E402
import series  # noqa: E402
import tier  # noqa: E402
from answers import Problem, World, now_ms  # noqa: E402

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; worker-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
KINDS = {".js": "text/javascript", ".css": "text/css", ".html": "text/html"}
PAGES = ("/", "/shards", "/graphs", "/graph", "/explore", "/moves", "/where")
ANSWERS = {
    "/api/tier": tier.tier,
    "/api/shard": tier.shard,
    "/api/shard/series": series.series,
    "/api/graphs": graphs.listing,
    "/api/graph": graphs.graph,
    "/api/graph/ledger": graphs.ledger,
    "/api/moves": tier.moves,
    "/api/where": graphs.where,
    "/api/explore/search": explorer.search,
    "/api/explore/node": explorer.node,
    "/api/explore/neighbours": explorer.neighbours,
    "/api/explore/edges": explorer.edges,
    "/api/explore/path": explorer.path,
    "/api/explore/blast": explorer.blast,
    "/api/checkpoint": tier.checkpoint,
}
world = World()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    folder: Path

    def log_message(self, *_):
        pass

    def answer(self, status, kind, body, **headers):
        self.send_response(status)
        for name, value in {
            "Content-Type": f"{kind}; charset=utf-8",
            "Content-Length": str(len(body)),
            "Content-Security-Policy": POLICY,
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def signed_in(self):
        return not world.set.get("token") or "session=yes" in self.headers.get("Cookie", "")

    def file(self, path):
        place = (self.folder / path.lstrip("/")).resolve()
        if place.is_file() and self.folder in place.parents:
            return self.answer(200, KINDS[place.suffix], place.read_bytes())
        return self.answer(404, "text/plain", b"no such file\n")

    def api(self, path, asked):
        time.sleep(float(world.set.get("delay", 0)))
        world.asked.append(path)
        if not self.signed_in():
            status, made = 401, {"error": {"code": "AUTHENTICATION_FAILED", "text": "A token is needed."}}
        else:
            try:
                status, made = 200, ANSWERS[path](world, asked)
            except Problem as problem:
                status, made = problem.status, {"error": problem.error}
        body = json.dumps({"now_ms": now_ms(), "of": tier.freshness(world), **made}).encode()
        return self.answer(status, "application/json", body)

    def do_GET(self):
        split = urlsplit(self.path)
        asked = dict(parse_qsl(split.query, keep_blank_values=True))
        if split.path == "/fake":
            world.set = asked
            return self.answer(200, "application/json", json.dumps(world.asked).encode())
        if split.path in ANSWERS:
            return self.api(split.path, asked)
        if split.path == "/login":
            page = (self.folder / "login.html").read_text().replace("{message}", "")
            return self.answer(200, "text/html", page.encode())
        if split.path in PAGES or split.path.startswith("/shard/"):
            if not self.signed_in():
                return self.answer(303, "text/plain", b"", Location="/login")
            return self.file("/index.html")
        return self.file(split.path)

    def do_POST(self):
        split = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if split.path == "/login":
            place = dict(parse_qsl(split.query)).get("next", "/")
            return self.answer(303, "text/plain", b"", Location=place, Set_Cookie="session=yes; HttpOnly; SameSite=Strict")
        if split.path == "/logout":
            return self.answer(303, "text/plain", b"", Location="/login", Set_Cookie="session=; Max-Age=0")
        if split.path in ANSWERS and self.headers.get("X-Requested-With") == "dashboard":
            return self.api(split.path, json.loads(body))
        return self.answer(404, "text/plain", b"")


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request, client_address):
        # A page that is left lets go of its questions.
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    Handler.folder = options.folder.resolve()
    server = Server(("127.0.0.1", options.port), Handler)
    threading.Thread(target=explorer.data, daemon=True).start()
    print(server.server_port, flush=True)
    server.serve_forever()


main()
