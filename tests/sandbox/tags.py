# SPDX-License-Identifier: MIT
"""The tags of events and their sums over an issue."""

from . import catalog
from .issues import environment
from .world import iso, mix

BROWSERS = ("Chrome 141.0", "Firefox 144.0", "Safari 18.6", "Edge 141.0")
SERVERS = ("web-1", "web-2", "web-3", "worker-1")
SYSTEMS = ("Linux 6.1", "Windows 11", "macOS 15.6", "Android 15")
NAMES = {"environment": "Environment", "level": "Level", "release": "Release", "browser": "Browser",
         "server_name": "Server", "os": "OS", "user": "User", "url": "URL", "transaction": "Transaction"}
SUMMED = 500    # an issue's sums are taken over at most this many events, and scaled


def of_event(world, origin, serial):
    """[(key, value)] of one event."""
    if origin.literal:
        return [(t["key"], t["value"]) for t in origin.literal.get("tags", [])]
    h = mix(origin.shape, serial, 5)
    releases = origin.project.releases
    tags = [("environment", environment(origin, serial)), ("level", origin.level),
            ("handled", "no" if origin.unhandled else "yes"),
            ("release", releases[min((origin.shape >> 5) % 8 + (h % 4), 11)]),
            ("server_name", SERVERS[(h >> 4) % 4]), ("os", SYSTEMS[(h >> 8) % 4]), ("user", f"id:{h % 9 + 1}")]
    if origin.platform in ("python", "javascript"):
        tags.append(("browser", BROWSERS[(h >> 12) % 4]))
        tags.append(("url", f"https://acme.example/{catalog.WORDS[(origin.shape >> 16) % 20]}/{h % 5}/"))
    tags.append(("transaction", origin.culprit))
    if origin.title == catalog.HOSTILE_TITLE:
        tags += [("weird key/with..slash", "value\nwith newline"), ("..", "dots"), ("ключ", "значение \u202e"),
                 ("empty", "")]
    tags.sort()
    return tags


def sums(world, issue, environments=(), window=None):
    """{key: {value: [count, first, last]}}"""
    refs = world.refs(issue)
    found = {}
    for when, origin_id, serial in refs[:SUMMED]:
        origin = world.issues[origin_id]
        if environments and environment(origin, serial) not in environments:
            continue
        if window and not window[0] <= when <= window[1]:
            continue
        for key, value in of_event(world, origin, serial):
            cell = found.setdefault(key, {}).setdefault(value, [0, when, when])
            cell[0] += 1
            cell[1], cell[2] = min(cell[1], when), max(cell[2], when)
    return found


def value_object(key, value, cell):
    out = {"key": key, "name": value, "value": value, "count": cell[0], "lastSeen": iso(cell[2]),
           "firstSeen": iso(cell[1])}
    if key == "user":
        out["query"] = f'user.id:"{value[3:]}"'
    return out


def key_object(key, cells, limit):
    ordered = sorted(cells.items(), key=lambda kv: (-kv[1][0], kv[0]))
    return {"key": key, "name": NAMES.get(key, key.replace("_", " ").title()), "uniqueValues": len(cells),
            "totalValues": sum(c[0] for c in cells.values()),
            "topValues": [value_object(key, v, c) for v, c in ordered[:limit]]}


def overview(world, issue, limit=10, keys=(), environments=(), window=None):
    found = sums(world, issue, environments, window)
    return [key_object(k, cells, limit) for k, cells in sorted(found.items()) if not keys or k in keys]
