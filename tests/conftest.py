# SPDX-License-Identifier: MIT
"""A real server and a real mount for each test: the sandbox on loopback, and the program that SENTRYFS names.

Nothing here sleeps: a mount is up when the program went to the background, a daemon is gone when its pidfd says so,
and what takes time is asked for until it is so, within a bound.
"""

import itertools
import os
import pathlib
import select
import shlex
import signal
import subprocess
import sys
import tempfile
import time

import needs
import pytest
from sandbox.client import Sandbox as Client

TESTS = pathlib.Path(__file__).resolve().parent
TOP = TESTS.parent
PROGRAM = os.environ.get("SENTRYFS", str(TOP / "build" / "sentryfs"))
# what the program is started under (valgrind), which keeps its pid; whether it is as users have it: figures are measured
# then alone; and how many times longer than for the plain program a test waits
WRAPPER = shlex.split(os.environ.get("SENTRYFS_WRAPPER", ""))
COMMAND = [*WRAPPER, PROGRAM]
PATIENCE = 5 if WRAPPER else 1
PLAIN = not WRAPPER and b"__asan_init" not in pathlib.Path(PROGRAM).read_bytes()

# nohup, and a shell without job control, start us with these ignored, and what we start could not take them up again
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

MOUNTS = itertools.count(1)

# whose shapes, errors and paths the servers of the tests have, unless a test says so itself; what they lack is in needs.py
DIALECT = os.environ.get("SENTRYFS_DIALECT", "sentry")


def pytest_collection_modifyitems(config, items):
    left_out = [i for i in items if not needs.has(DIALECT, i.path.name, i.name)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [i for i in items if i not in left_out]


# SENTRYFS_FAULTS=10 SENTRYFS_SEED=7: one answer to a GET in ten is spoilt, never two to the same one in a row, in a way
# that the program must make good by asking again: whatever a test says of what is read and asked for holds all the same
SPOILT = "in the background"
FAULTS = float(os.environ.get("SENTRYFS_FAULTS", "0"))
SEED = int(os.environ.get("SENTRYFS_SEED", "1"))
PASSING = ({"status": 502, "body": "<html>"}, {"status": 503, "body": ""}, {"status": 504, "body": "<html>"},
           {"reset": 0}, {"reset": 20}, {"cut": 20}, {"cut": True})


DRAWS = itertools.count()


def background():
    each = FAULTS / 100 / len(PASSING)
    rule = {"method": "GET", "path": "^/api/0/", "agent": "^sentryfs/", "apart": True, "note": SPOILT, "probability": each}
    # each plan draws anew, or the first requests of every test would meet the same
    return [{**rule, "seed": SEED * 100_000 + next(DRAWS), **fault} for fault in PASSING if FAULTS]


def pytest_sessionfinish(session):
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["spoilt"] = Sandbox.spoilt


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    Sandbox.spoilt += getattr(node, "workeroutput", {}).get("spoilt", 0)


def pytest_terminal_summary(terminalreporter):
    if FAULTS:
        terminalreporter.write_line(f"seed {SEED}: {Sandbox.spoilt} answers were spoilt in the background")


class Sandbox(Client):
    """Of the kind that is tried, with what is spoilt in the background."""

    spoilt = 0      # by all of them

    def __init__(self, *args):
        super().__init__(*args, *([] if "--dialect" in args else ["--dialect", DIALECT]))
        if FAULTS:
            own = [{k: v for k, v in rule.items() if k not in ("hits", "left")} for rule in self.control("GET", "faults")["rules"]]
            self.control("POST", "faults", [*background(), *own])

    def every_request(self):
        """Those of the log."""
        return super().requests()

    def requests(self):
        """Those; the ones that were spoilt in the background were not answered, and are asked again."""
        return [r for r in self.every_request() if r.get("note") != SPOILT]

    def newest_first(self, project):
        """The names of its unresolved issues as pages in order give them."""
        pages = self.walk(self.org + "/issues/", project=-1, limit=100, query=f"is:unresolved project:{project}")
        return [i["shortId"] for page in pages for i in page.json]

    def faults(self, *rules):
        return super().faults(*rules, *background())

    def calm(self):
        """Nothing is spoilt in the background from here on: for who measures what is asked for at once."""
        super().faults()

    def wait_for(self, path):
        """Until a request for `path` has arrived."""
        wait_until(lambda: any(path in r["path"] for r in self.requests()), f"a request for {path}")

    def stop(self):
        if FAULTS and self.process.poll() is None:
            Sandbox.spoilt += self.control("GET", "faults")["apart"]
        return super().stop()


def server_of(*args, scope="module"):
    """A fixture: a server with these options."""
    @pytest.fixture(scope=scope)
    def server():
        with Sandbox(*args) as s:
            yield s
    return server


def put_program(path):
    """The program at `path`, for what starts it by its name."""
    if WRAPPER:
        path.write_text(f'#!/bin/bash\nexec {shlex.join(COMMAND)} "$@"\n')
        path.chmod(0o755)
    else:
        path.symlink_to(PROGRAM)


def open_to_all(path):
    """Lets every user walk to `path`, which pytest made for its own user alone."""
    for parent in (path, *path.parents):
        if parent.stat().st_uid == os.getuid() and str(parent).startswith(f"{tempfile.gettempdir()}/"):
            parent.chmod(0o755)


def wait_until(condition, what, seconds=20):
    end = time.monotonic() + seconds * PATIENCE
    while not condition():
        assert time.monotonic() < end, f"waited in vain for {what}"
        select.select([], [], [], 0.01)


class Mount:
    def __init__(self, sandbox, where, *args, source=None, token=None, env=None, within=()):
        self.where, self.within = where, within     # a command that runs another one elsewhere, such as in a namespace
        where.mkdir(exist_ok=True)
        command = [*within, *COMMAND, f"--url={sandbox.url}", *args, *([source] if source else []), str(where)]
        self.env = {"PATH": os.environ["PATH"], "HOME": str(where.parent), "LANG": "C.UTF-8",
                    # what one mount has seen, another has not, unless a test says so
                    "XDG_CACHE_HOME": str(where.parent / f".cache-{next(MOUNTS)}"),
                    "SENTRY_AUTH_TOKEN": token or sandbox.token,
                    **{k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}, **(env or {})}
        self.start = subprocess.run(command, env=self.env, capture_output=True, text=True, timeout=60 * PATIENCE)
        self.pid = None
        if self.start.returncode == 0:
            self.pid = int(self.status()["pid"])
            self.pidfd = os.pidfd_open(self.pid)

    def status(self):
        lines = (self.where / ".sentryfs/status").read_text().splitlines()
        return dict(line.split("\t", 1) for line in lines)

    def sh(self, command, **more):
        return subprocess.run(["bash", "-c", command], cwd=self.where, capture_output=True, text=True,
                              timeout=120 * PATIENCE, **more)

    def gone(self):
        """The daemon has ended: its pidfd says so."""
        return bool(select.select([self.pidfd], [], [], 20 * PATIENCE)[0])

    def unmount(self):
        if self.pid is None:
            return
        subprocess.run([*self.within, "fusermount3", "-u", self.where], check=False, capture_output=True)
        if not select.select([self.pidfd], [], [], 10 * PATIENCE)[0]:
            subprocess.run([*self.within, "fusermount3", "-uz", self.where], check=False, capture_output=True)
            os.kill(self.pid, signal.SIGTERM)
        assert self.gone(), "the daemon did not end after the unmount"
        os.close(self.pidfd)
        self.pid = None


sandbox = server_of()


@pytest.fixture
def mount(sandbox, tmp_path):
    """A function that mounts; everything is unmounted afterwards."""
    mounts = []
    sandbox.faults()
    sandbox.forget()

    def make(*args, server=None, name="sentry", **more):
        m = Mount(server or sandbox, tmp_path / name, *args, **more)
        mounts.append(m)
        return m

    yield make
    sandbox.faults()
    for m in mounts:
        m.unmount()


@pytest.fixture
def mounted(mount):
    m = mount()
    assert m.start.returncode == 0, m.start.stderr
    return m


if sys.version_info < (3, 11):
    raise SystemExit("the tests need Python 3.11 (os.pidfd_open, match)")
