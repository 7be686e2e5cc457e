"""Validates the manifests below a folder, as deploy/kubernetes, against the schemas of Kubernetes and of the Prometheus
operator. Exits 1 with every difference; needs the environment `kubernetes` that scripts/setup makes.

    kubernetes_check.py FOLDER
"""

import copy
import json
import sys
from pathlib import Path

import kubernetes_validate
import yaml
from cloudcoil.models.prometheus_operator import v1 as prometheus_operator

# The oldest that has all we use, and the newest that is known.
VERSIONS = ("1.27", kubernetes_validate.latest_version())


def validate(name, item, problems):
    """Adds what is wrong with an object to `problems`."""
    try:
        if item["apiVersion"].startswith("monitoring.coreos.com/"):
            model = getattr(prometheus_operator, item["kind"]).model_validate(item)
            # Fields that the model does not know are dropped by it.
            known = json.loads(model.model_dump_json(by_alias=True, exclude_unset=True))
            if known != item:
                problems.append(f"{name}: only this is known: {json.dumps(known)}")
            return
        for version in VERSIONS:
            kubernetes_validate.validate(item, version, strict=True)
    except Exception as error:
        problems.append(f"{name}: {error}")


def patched(item, operations):
    """The object with JSON patch operations, of which `add` behind the end of a list is known."""
    item = copy.deepcopy(item)
    for operation in operations:
        *path, last = operation["path"].strip("/").split("/")
        if operation["op"] != "add" or last != "-":
            raise ValueError(f"an unknown operation: {operation}")
        place = item
        for step in path:
            place = place[int(step) if isinstance(place, list) else step]
        place.append(operation["value"])
    return item


def main():
    folder = Path(sys.argv[1])
    problems, objects = [], {}
    folders = ("base", "monitoring", "object-store")
    for file in sorted(file for name in folders for file in folder.glob(f"{name}/*.yaml")):
        for item in yaml.safe_load_all(file.read_text()):
            if not item["apiVersion"].startswith("kustomize.config.k8s.io/"):
                name = f"{file.name} {item['kind']} {item['metadata']['name']}"
                objects[item["kind"], item["metadata"]["name"]] = item
                validate(name, item, problems)

    operations = yaml.safe_load((folder / "expect-stores/shards.yaml").read_text())
    shards = objects["StatefulSet", "shard"]
    validate("expect-stores", patched(shards, operations), problems)

    # Each of these has to be noticed.
    wrong = copy.deepcopy(shards)
    wrong["spec"]["replica"] = 3
    monitor = copy.deepcopy(objects["ServiceMonitor", "shards"])
    monitor["spec"]["endpoints"][0]["intervall"] = "15s"
    for mistake in (wrong, monitor):
        noticed = []
        validate("mistake", mistake, noticed)
        if not noticed:
            problems.append(f"a mistake in {mistake['kind']} is not noticed")

    for problem in problems:
        print(problem)
    if problems:
        sys.exit(1)
    print(f"ok {len(objects)} objects")


main()
