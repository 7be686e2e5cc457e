"""The software bill of materials, as CycloneDX 1.6: every crate that is compiled into the programs or runs while they are
built, as Cargo resolves them by Cargo.lock, and the programs with their checksums.

Crates for tests alone are not in it. What a crate brings along in C or C++ (RocksDB, zstd, jemalloc, ring) is part of that
crate, whose version tells which one it is.
"""

import hashlib
import json
import re
import tomllib
import uuid
from datetime import datetime, timezone

from .release import PROGRAMS, ROOT, run

PACKAGES = ("epistemic-engine", "epistemic-gateway", "epistemic-egctl")
REGISTRY = "registry+https://github.com/rust-lang/crates.io-index"
# For serialNumber: equal documents have equal ones.
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://epistemic-graph.invalid/sbom")


def metadata():
    """What Cargo knows of all packages, by their ids."""
    host = re.search(r"^host: (\S+)$", run("rustc", "-vV"), re.MULTILINE).group(1)
    told = run("cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", host, cwd=ROOT)
    return json.loads(told)


def built():
    """Name and version of each crate that a build of the programs compiles, build scripts included."""
    chosen = [argument for package in PACKAGES for argument in ("--package", package)]
    form = ("--edges", "normal,build", "--prefix", "none", "--format", "{p}")
    listed = run("cargo", "tree", "--locked", *chosen, *form, cwd=ROOT)
    return {tuple(line.split()[:2]) for line in listed.splitlines() if line}


def checksums():
    """SHA-256 of each crate of the registry, as Cargo checks it."""
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text())
    return {(crate["name"], crate["version"]): crate.get("checksum") for crate in lock["package"]}


def purl(name, version):
    """The package URL of a crate."""
    return f"pkg:cargo/{name}@{version.replace('+', '%2B')}"


def component(package, checksum):
    """One crate."""
    name, version = package["name"], package["version"]
    found = {"type": "library", "bom-ref": purl(name, version), "name": name, "version": version}
    if package["description"]:
        found["description"] = " ".join(package["description"].split())
    if package["license"]:
        # As crates wrote it before SPDX expressions.
        found["licenses"] = [{"expression": package["license"].replace("/", " OR ")}]
    if checksum:
        found["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    if package["source"] == REGISTRY:
        found["purl"] = purl(name, version)
    if package["repository"] and package["source"]:
        found["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
    return found


def document(release):
    """The whole document."""
    known, chosen, sums = metadata(), built(), checksums()
    packages = {
        package["id"]: package
        for package in known["packages"]
        if (package["name"], f"v{package['version']}") in chosen
    }
    refs = {key: purl(package["name"], package["version"]) for key, package in packages.items()}
    components = [
        component(package, sums.get((package["name"], package["version"])))
        for package in sorted(packages.values(), key=lambda package: (package["name"], package["version"]))
    ]
    top = purl("epistemic-graph", release.version)
    depends = {}
    for node in known["resolve"]["nodes"]:
        if node["id"] in packages:
            wanted = (edge["pkg"] for edge in node["deps"] if any(kind["kind"] != "dev" for kind in edge["dep_kinds"]))
            depends[refs[node["id"]]] = sorted({refs[key] for key in wanted if key in refs})
    programs = []
    for name, package in zip(PROGRAMS, PACKAGES, strict=True):
        content = hashlib.sha256(release.program(name).read_bytes()).hexdigest()
        ref = f"program:{name}"
        programs.append(
            {
                "type": "application",
                "bom-ref": ref,
                "name": name,
                "version": release.version,
                "hashes": [{"alg": "SHA-256", "content": content}],
            }
        )
        depends[ref] = [ref for key, ref in refs.items() if packages[key]["name"] == package]
    depends[top] = [program["bom-ref"] for program in programs]
    bom = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": datetime.fromtimestamp(release.time, timezone.utc).isoformat().replace("+00:00", "Z"),
            "tools": {"components": [{"type": "application", "name": "scripts/package", "version": release.version}]},
            "component": {
                "type": "application",
                "bom-ref": top,
                "name": "epistemic-graph",
                "version": release.version,
                "licenses": [{"expression": "MIT"}],
            },
        },
        "components": [*programs, *components],
        "dependencies": [{"ref": ref, "dependsOn": depends[ref]} for ref in sorted(depends)],
    }
    serial = uuid.uuid5(NAMESPACE, json.dumps(bom, sort_keys=True))
    return {**bom, "serialNumber": f"urn:uuid:{serial}"}


def build(release, out):
    """Writes `epistemic-graph-VERSION.cdx.json`."""
    path = out / f"epistemic-graph-{release.version}.cdx.json"
    path.write_text(json.dumps(document(release), indent=1) + "\n")
    return path
