# SPDX-License-Identifier: MIT
"""Many issues and many events: listings in parts, read-ahead and limits, on a real mount."""

import json
import random
import re
import subprocess
import threading
import time
import urllib.request

import pytest
from conftest import PLAIN, Sandbox, server_of

ISSUES = "acme/projects/web/issues"
LIST = "/api/0/organizations/acme/issues/"
WINDOW = 16  # AHEAD_WINDOW_MAX


many = server_of("--issues", 3000, "--unresolved-only", "--events", 3)


@pytest.fixture
def big(mount, many):
    many.control("POST", "options", {"delay_ms": 0})
    many.faults()
    m = mount("--max-issues=5000", server=many)
    assert m.start.returncode == 0, m.start.stderr
    many.forget()
    return m


def walk(server):
    """Names in the order of the server's pages, one after another."""
    url, names, cursor = f"{server.url}{LIST}?query=is%3Aunresolved&limit=100", [], ""
    while cursor is not None:
        request = urllib.request.Request(url + cursor, headers={"Authorization": f"Bearer {server.token}"})
        with urllib.request.urlopen(request, timeout=20) as answer:
            names += [i["shortId"] for i in json.load(answer) if i["project"]["slug"] == "web"]
            following = re.search(r'rel="next"; results="true"; cursor="([^"]*)"', answer.headers["Link"])
        cursor = f"&cursor={following[1]}" if following else None
    return names


def listed(m):
    done = m.sh(f"ls -U {ISSUES}")
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


def rounds(requests):
    """How many of them could not have been under way together, at the least."""
    n, end = 0, 0
    for r in sorted(requests, key=lambda r: r["t"] + r["ms"] / 1000):
        if r["t"] >= end:
            n, end = n + 1, r["t"] + r["ms"] / 1000
    return n


def test_the_listing_is_what_pages_in_order_give(big, many):
    names = listed(big)
    asked = [r for r in many.requests() if r["path"] == LIST]
    assert len(names) == 3000
    assert names == walk(many)
    assert len(asked) <= 30 * 1.25 + 24


def test_parts_come_side_by_side(big, many):
    many.calm()
    many.control("POST", "options", {"delay_ms": 50})
    assert len(listed(big)) == 3000
    asked = [r for r in many.requests() if r["path"] == LIST]
    assert rounds(asked) <= 10, "30 pages, one after another, would be 30"


def test_issues_that_get_events_meanwhile(big, many):
    many.calm()
    many.control("POST", "options", {"delay_ms": 20})
    there, draw, moved, ended = walk(many), random.Random(7), [], threading.Event()

    def move():
        while not ended.is_set():
            moved.append(draw.choice(there))
            many.control("POST", "mutate", {"op": "new_event", "issue": moved[-1]})

    mover = threading.Thread(target=move)
    mover.start()
    try:
        names = listed(big)
    finally:
        ended.set()
        mover.join()
    assert len(moved) > 5
    assert len(names) == len(set(names))
    assert len(there) == 3000 and set(names) == set(there)


def test_siblings_in_the_order_of_the_listing(big, many):
    many.calm()
    names = listed(big)[:40]
    many.control("POST", "options", {"delay_ms": 50})
    many.forget()
    done = big.sh(f"cd {ISSUES} && cat {' '.join(f'{n}/details.json' for n in names)}")
    assert (done.returncode, done.stderr) == (0, "")
    many.wait_for("/issues/")
    assert re.findall(r'"shortId": ?"([^"]+)"', done.stdout) == names
    asked = [r for r in many.requests() if r["status"]]
    assert 40 <= len(many.requests()) <= 40 + WINDOW
    assert rounds(asked) <= 20


def test_siblings_far_apart(big, many):
    names = listed(big)
    many.forget()
    for at in (1500, 30, 2900, 700, 2200, 350):
        assert big.sh(f"cat {ISSUES}/{names[at]}/details.json").returncode == 0
    assert len(many.requests()) == 6


def test_readers_within_the_limits(mount):
    with Sandbox("--issues", 200, "--unresolved-only", "--events", 3, "--rate-limits") as s:
        m = mount(server=s)
        names = listed(m)
        s.forget()
        chosen = random.Random(7).sample(names[:150], 60)
        readers = subprocess.Popen(
            ["xargs", "-P12", "-n1", "sh", "-c", 'set -- "$0"/events/*.json; cat "$1"'], cwd=m.where / ISSUES,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        readers.stdin.write("\n".join(chosen))
        readers.stdin.close()
        s.wait_for("/events/")
        began = time.monotonic()
        assert m.sh(f"cat {ISSUES}/{names[180]}/details.json").returncode == 0
        took = time.monotonic() - began
        assert readers.poll() is None, "the readers had ended before"
        out, err = readers.stdout.read(), readers.stderr.read()
        assert (readers.wait(), err) == (0, "")
        assert len(re.findall(r'"eventID": ?"', out)) >= 60
        statuses = [r["status"] for r in s.requests()]
        assert statuses.count(429) <= len(statuses) / 100, (statuses.count(429), len(statuses))
        assert took < 1.5 or not PLAIN, took
        m.unmount()


def test_a_listing_larger_than_cache_memory(mount, many):
    """It is dropped when something else needs the room, and taken from the store again."""
    m = mount("--max-issues=5000", "-ocache_memory=1M", server=many)
    many.forget()
    names = listed(m)
    assert len(names) == 3000
    first = len(many.requests())
    for name in names[:3]:
        assert m.sh(f"cat {ISSUES}/{name}/details.json").returncode == 0
    assert listed(m) == names
    assert len(many.requests()) == first + 3
    assert int(m.status()["cached_bytes"]) < 16 << 20
