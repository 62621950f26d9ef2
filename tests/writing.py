# SPDX-License-Identifier: MIT
"""For tests of writing: a server full of unresolved issues, a mount that has just listed them, an issue a test."""

import errno
import itertools
import json
import os
import re
import threading
import time

import pytest
from conftest import Mount, server_of, wait_until
from sandbox.world import base32

ISSUES = "acme/projects/web/issues"
COUNT = 900     # issues of the server; those that `unlike` gives are unassigned, without comments, not bookmarked
FIRST_ID = 5_000_000_001
FRESH_S = 15    # a mount is used so long: well within the 30 s for which a row may answer "equal, nothing to send"
ERROR_WORDS = ("resolved", "unresolved", "ignored", "resolvedInNextRelease")


def name_of(number):
    return "WEB-" + base32(number)


def numbers():
    return (n for n in range(7, COUNT + 1) if n % 4 in (0, 3) and n % 6 and n % 9)


class Issue:
    def __init__(self, mount, sandbox, number):
        self.mount, self.sandbox, self.name, self.id = mount, sandbox, name_of(number), str(FIRST_ID + number - 1)
        self.path = mount.where / ISSUES / self.name
        self.route = f"/issues/({self.name}|{self.id})/$"

    def __truediv__(self, name):
        return self.path / name

    def read(self, name):
        return (self.path / name).read_text()

    def error(self):
        return self.read("last-error")

    def json(self):
        return json.loads(self.read("issue.json"))

    def server(self):
        return self.sandbox.control("GET", f"issues/{self.name}")


def attempt(path, data, flags=os.O_WRONLY | os.O_TRUNC):
    """None after a success, else (call, errno): which of open, write and close failed, and how."""
    data = data.encode() if isinstance(data, str) else data
    fd, call = -1, "open"
    try:
        fd, call = os.open(path, flags), "write"
        while data:
            data = data[os.write(fd, data):]
    except OSError as e:
        return call, errno.errorcode[e.errno]
    finally:
        if fd >= 0:
            try:
                os.close(fd)
            except OSError as e:
                return "close", errno.errorcode[e.errno]
    return None


def error_of(call, *args):
    """The name of the errno of call(*args), or None."""
    try:
        call(*args)
    except OSError as e:
        return errno.errorcode[e.errno]
    return None


def normal(entry):
    """(method, path, body) of an entry of the log: below the organization, issues by short id, ids= as short ids."""
    path = entry["path"].removeprefix("/api/0/").removeprefix("organizations/acme/")

    def short(match):
        number = int(match[0]) - FIRST_ID + 1
        return name_of(number) if 0 < number <= COUNT else match[0]
    path = re.sub(r"(?<=issues/)\d{10}(?=/)", short, path)
    if entry["method"] != "GET" and entry["query"]:
        path += "?" + re.sub(r"(?<=id=)\d{10}\b", short, entry["query"])
    body = entry["body"]
    try:
        body = json.loads(body) if body else None
    except ValueError:
        pass
    return entry["method"], path, body


def asked(sandbox):
    """Every request since sandbox.forget()."""
    return [normal(e) for e in sandbox.requests()]


def sent(sandbox):
    """Those that change something."""
    return [r for r in asked(sandbox) if r[0] != "GET"]


def put(issue, **body):
    return "PUT", f"issues/{issue.name}/", body


class Shared:
    """A mount for many tests that is made anew before its listing ages."""

    def __init__(self, sandbox, where, *args):
        self.sandbox, self.where, self.args, self.mount, self.born = sandbox, where, args, None, 0
        self.supply = numbers()

    def fresh(self):
        if self.mount is None or time.monotonic() - self.born > FRESH_S:
            self.unmount()
            self.sandbox.forget()
            self.mount, self.born = Mount(self.sandbox, self.where, *self.args), time.monotonic()
            assert self.mount.start.returncode == 0, self.mount.start.stderr
            listed(self.mount, self.sandbox)
        return self.mount

    def issue(self):
        return Issue(self.mount, self.sandbox, next(self.supply))

    def issues(self, n):
        return [self.issue() for _ in range(n)]

    def unmount(self):
        if self.mount:
            self.mount.unmount()
            self.mount = None


def listed(mount, sandbox):
    """The mount has listed the issues, and knows what its token may do."""
    names = os.listdir(mount.where / ISSUES)
    wait_until(lambda: any(r["path"] == "/api/0/" and r["status"] for r in sandbox.requests()), "GET /api/0/", 5)
    return names


def rotated(values, present):
    """`values` in their order, beginning with one that is not `present`."""
    values = list(values)
    start = next(i for i, v in enumerate(values) if v != present)
    return list(itertools.islice(itertools.cycle(values), start, start + len(values)))


def in_threads(*calls):
    found = [None] * len(calls)

    def run(n, call):
        found[n] = call()
    threads = [threading.Thread(target=run, args=c) for c in enumerate(calls)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    return found


# ---- fixtures: a module that imports them has its own server and mount ----

sandbox = server_of("--issues", COUNT, "--unresolved-only")


@pytest.fixture(scope="module")
def shared(sandbox, tmp_path_factory):
    s = Shared(sandbox, tmp_path_factory.mktemp("shared") / "sentry")
    yield s
    s.unmount()


@pytest.fixture
def web(shared, sandbox):
    """The shared mount, with a fresh listing; nothing in the log."""
    sandbox.faults()
    m = shared.fresh()
    sandbox.forget()
    yield m
    sandbox.faults()


@pytest.fixture
def issue(shared, web):
    return shared.issue()
