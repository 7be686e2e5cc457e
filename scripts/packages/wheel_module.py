"""Where the program `epistemic-graph-server` of this package is."""

import os
import shutil
import sysconfig
from pathlib import Path

__all__ = ["BinaryNotFoundError", "binary_path"]

_NAME = "epistemic-graph-server"


class BinaryNotFoundError(FileNotFoundError):
    """There is no such program."""


def binary_path() -> Path:
    """What EPISTEMIC_GRAPH_SERVER_BIN names, else the program beside the interpreter, else the first on the PATH."""
    if named := os.environ.get("EPISTEMIC_GRAPH_SERVER_BIN"):
        return Path(named)
    ours = Path(sysconfig.get_path("scripts")) / _NAME
    if os.access(ours, os.X_OK):
        return ours
    if found := shutil.which(_NAME):
        return Path(found)
    raise BinaryNotFoundError(f"there is no {_NAME} beside {ours} or on the PATH; install its wheel again")
