# SPDX-License-Identifier: MIT
"""The table: a line for each side that a row is measured against."""

import dataclasses

HEAD = ("row", "sentryfs, s", "against", "s", "times as fast", "requests", "of the other", "RSS, MiB", "runs", "figure",
        "met")


@dataclasses.dataclass
class Line:
    row: str
    ours: str = ""
    against: str = ""
    other: str = ""
    ratio: str = ""
    requests: str = ""
    their_requests: str = ""
    rss: str = ""
    runs: str = ""
    figure: str = ""
    met: str = ""


def time_of(seconds):
    if seconds is None:
        return ""
    return f"{seconds:.0f}" if seconds >= 100 else f"{seconds:.2f}" if seconds >= 1 else f"{seconds:.4f}"


def ratio_of(value):
    return "" if value is None else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def table(lines):
    rows = [HEAD] + [dataclasses.astuple(line) for line in lines]
    wide = [max(len(r[i]) for r in rows) for i in range(len(HEAD))]
    out = ["| " + " | ".join(text.ljust(w) for text, w in zip(r, wide)) + " |" for r in rows]
    out.insert(1, "|" + "|".join("-" * (w + 2) for w in wide) + "|")
    return "\n".join(out)
