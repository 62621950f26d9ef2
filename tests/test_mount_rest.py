# SPDX-License-Identifier: MIT
"""What the program takes while it does nothing: memory, and wake-ups. Measured on the plain build alone."""

import select

import pytest
from conftest import PLAIN, Sandbox

pytestmark = pytest.mark.skipif(not PLAIN, reason="figures are those of the plain build")
WINDOW_S = 2


def of_process(pid, name):
    """A number of /proc/PID/status."""
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith(name + ":"))


def wakeups_in_window(m):
    before = of_process(m.pid, "voluntary_ctxt_switches")
    assert not select.select([m.pidfd], [], [], WINDOW_S)[0], "the daemon ended"
    return of_process(m.pid, "voluntary_ctxt_switches") - before


def assert_rests(m):
    """Half a second after it was asked for, what was read goes to the store, and each write may wait for the disk."""
    wakeups_in_window(m)
    assert wakeups_in_window(m) <= WINDOW_S


def test_ten_thousand_issues_take_less_than_60_mib(mount):
    with Sandbox("--issues", 10_000, "--unresolved-only", "--projects", 1) as s:
        m = mount("--max-issues=10000", server=s)
        listed = m.sh("ls -l acme/projects/web/issues | tail -n +2 | wc -l")
        assert int(listed.stdout) == 10_000
        assert m.sh("cat acme/projects/web/issues/*/title | wc -l").stdout.strip() == "10000"
        assert of_process(m.pid, "VmRSS") < 60 * 1024
        assert of_process(m.pid, "VmHWM") < 60 * 1024
        m.unmount()


def test_no_wakeups_at_rest(mounted):
    assert_rests(mounted)
    assert mounted.sh("ls -lR acme/projects/web/issues/WEB-3 && cat acme/members.tsv").returncode == 0
    assert_rests(mounted)


def test_no_wakeups_without_the_server(mount):
    s = Sandbox()
    m = mount("--timeout=2", server=s)
    assert m.sh("ls acme/projects/web/issues").returncode == 0
    s.stop()
    assert m.sh("cat acme/projects/web/issues/WEB-1/details.json").returncode != 0
    assert_rests(m)
