"""What all the made-up answers share."""

import time

SHARDS = 24
GiB, MiB = 2**30, 2**20
# Names that people and machines have come up with; each has to stay one line of text.
HOSTILE = [
    "",
    "  leading and  double blanks ",
    "right\u202eto-left",
    "<b onclick=alert(1)>bold</b>",
    "株式会社の知識",
    "שלום עולם",
    "a/b#c?d&e=%2e",
    "x" * 140 + " the middle " + "y" * 148,
    "tab\tand\nline",
]


def now_ms():
    return int(time.time() * 1000)


class World:
    """What was set by `/fake`, and which addresses were asked."""

    def __init__(self):
        self.set = {}
        self.asked = []
        self.began = now_ms() - 3_000_000

    def is_down(self, n):
        return str(n) in self.set.get("down", "").split(",")

    def is_empty(self):
        return self.set.get("scenario") == "empty"

    def check(self):
        if self.set.get("scenario") == "denied":
            raise Problem(403, "ACCESS_DENIED", "The agent `viewer` may not see this: it needs the role operator.")
        if self.set.get("scenario") == "error":
            raise Problem(502, "ENGINE_UNREACHABLE", "No shard answered. " + "Each of them was asked and none said a word. " * 8)


class Problem(Exception):
    def __init__(self, status, code, text):
        super().__init__(text)
        self.status = status
        self.error = {"code": code, "text": text}
