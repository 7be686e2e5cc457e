"""Validates a CycloneDX document against the schema of its version, and every reference and licence in it. Exits 1 with what
is wrong; needs the environment `cyclonedx` that scripts/setup makes.

    sbom_check.py FILE
"""

import json
import re
import sys
from pathlib import Path

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from license_expression import get_spdx_licensing


def problems(text):
    """What is wrong with a document."""
    bom = json.loads(text)
    version = SchemaVersion.from_version(bom["specVersion"])
    found = [str(error) for error in JsonStrictValidator(version).validate_str(text, all_errors=True) or ()]
    top = bom["metadata"]["component"]
    refs = [top["bom-ref"], *(component["bom-ref"] for component in bom["components"])]
    found += [f"{ref} is there twice" for ref in {ref for ref in refs if refs.count(ref) > 1}]
    for dependency in bom["dependencies"]:
        named = (dependency["ref"], *dependency["dependsOn"])
        found += [f"{ref} is not in the document" for ref in named if ref not in refs]
    # What nothing leads to should not be in it.
    wanted, reached = {entry["ref"]: entry["dependsOn"] for entry in bom["dependencies"]}, set()
    waiting = [top["bom-ref"]]
    while waiting:
        ref = waiting.pop()
        if ref not in reached:
            reached.add(ref)
            waiting += wanted.get(ref, ())
    found += [f"nothing needs {ref}" for ref in refs if ref not in reached]
    spdx = get_spdx_licensing()
    for component in (top, *bom["components"]):
        for licence in component.get("licenses", ()):
            # "+", or any later version, is an operator that the checker does not know.
            errors = spdx.validate(re.sub(r"\+(?=[\s)]|$)", "", licence["expression"])).errors
            found += [f"{component['name']}: {error}" for error in errors]
    return found


def main():
    found = problems(Path(sys.argv[1]).read_text())
    for problem in found:
        print(problem)
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
