# SPDX-License-Identifier: MIT
"""tools/demo as a newcomer meets it: its five commands work as they are printed, its data is believable, it ends."""

import collections
import json
import os
import pathlib
import re
import select
import signal
import subprocess

import pytest
from conftest import PLAIN, TOP, wait_until

pytestmark = pytest.mark.skipif(not PLAIN, reason="the demo builds and runs the plain program")
DEMO = TOP / "tools/demo"


@pytest.fixture
def folder(tmp_path):
    """Where the demo makes its own folder: what is typed must work with such a name, too."""
    path = tmp_path / "my demos"
    path.mkdir()
    return path


def environment(folder):
    return {**{k: v for k, v in os.environ.items() if not k.startswith("SENTRY_")}, "TMPDIR": str(folder)}


def commands(text):
    return re.findall(r"^  (\S.*)$", text, re.M)


def mounts():
    return pathlib.Path("/proc/self/mounts").read_text(encoding="utf-8").replace("\\040", " ")


def run(line):
    return subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=60)


def pid_of(folder):
    status = next(folder.glob("*/sentry/.sentryfs/status")).read_text()
    return int(re.search(r"^pid\t(\d+)$", status, re.M)[1])


@pytest.fixture
def detached(folder):
    done = subprocess.run([DEMO, "--detach"], env=environment(folder), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    stop = re.search(r"^It stays\. To stop it: (.+)$", done.stdout, re.M)[1]
    pidfd = os.pidfd_open(pid_of(folder))
    yield done.stdout
    assert str(folder) in mounts()
    stopped = run(stop)
    assert (stopped.returncode, stopped.stdout, stopped.stderr) == (0, "", "")
    assert str(folder) not in mounts() and list(folder.iterdir()) == []
    assert select.select([pidfd], [], [], 20)[0], "the daemon ends"
    os.close(pidfd)


def test_its_five_commands_work_as_printed(detached):
    lines = commands(detached)
    assert len(lines) == 5 and len({line.split()[0] for line in lines}) >= 3
    for line in lines:
        done = run(line)
        assert (done.returncode, done.stderr) == (0, "") and done.stdout, line


def test_its_data_is_believable(detached, folder):
    projects = next(folder.glob("*/sentry/acme/projects"))
    assert len(os.listdir(projects)) == 3
    seen, events = collections.defaultdict(set), 0
    for issue in projects.glob("*/issues/*"):
        data = json.loads((issue / "issue.json").read_text())
        events += int(data["count"])
        for member in ("level", "platform", "substatus", "priority"):
            seen[member].add(data[member])
        seen["assigned"].add((data["assignedTo"] or {}).get("type"))
        seen["issues"].add(issue.name)
    assert len(seen["issues"]) > 150 and events > 2000
    assert {"error", "fatal", "warning", "info"} <= seen["level"]
    assert {"python", "javascript", "java", "go", "native"} <= seen["platform"]
    assert seen["assigned"] == {None, "user", "team"}
    assert {"new", "ongoing", "escalating", "regressed"} <= seen["substatus"]
    web = projects / "web/issues"
    assert int((web / "WEB-1/count").read_text()) > 100
    assert (web / "WEB-4/status").read_text() == "resolved\n" and (web / "WEB-5/status").read_text() == "ignored\n"
    hostile = json.loads((web / "WEB-2/issue.json").read_text())["title"]
    assert any(ord(c) > 127 for c in hostile) and "../" in hostile
    for platform in ("python", "javascript", "java", "go", "native"):
        issue = next(i for i in projects.glob("*/issues/*") if (i / "platform").read_text() == platform + "\n"
                     and (i / "type").read_text() == "error\n")
        entries = {e["type"] for e in json.loads((issue / "events/latest.json").read_text())["entries"]}
        assert {"exception", "breadcrumbs"} <= entries, platform
        assert "request" in entries or platform in ("go", "native")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_ends_and_leaves_nothing(folder, how):
    demo = subprocess.Popen([DEMO], env=environment(folder), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            start_new_session=True)
    text = ""
    while "Ctrl-C stops it." not in text:
        line = demo.stdout.readline()
        assert line, text
        text += line
    assert len(commands(text)) == 5 and str(folder) in mounts()
    pidfd = os.pidfd_open(pid_of(folder))
    os.killpg(demo.pid, how)      # as a terminal does at Ctrl-C
    assert demo.wait(20) == 0
    demo.stdout.close()
    assert str(folder) not in mounts() and list(folder.iterdir()) == []
    assert select.select([pidfd], [], [], 20)[0], "the daemon ends"
    os.close(pidfd)


def test_it_ends_although_somebody_is_inside(folder):
    demo = subprocess.Popen([DEMO], env=environment(folder), stdout=subprocess.PIPE, text=True, start_new_session=True)
    while "Ctrl-C stops it." not in demo.stdout.readline():
        pass
    inside = os.open(next(folder.glob("*/sentry/acme")), os.O_RDONLY)
    os.killpg(demo.pid, signal.SIGINT)
    assert demo.wait(20) == 0
    demo.stdout.close()
    os.close(inside)
    wait_until(lambda: str(folder) not in mounts() and list(folder.iterdir()) == [], "the end of the mount")


def test_wrong_arguments_and_help(folder):
    done = subprocess.run([DEMO, "--detatch"], env=environment(folder), capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "--detatch" in done.stderr and "usage: tools/demo [--detach]" in done.stderr
    done = subprocess.run([DEMO, "--help"], env=environment(folder), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "--detach" in done.stdout


@pytest.mark.parametrize("tool", ["demo", "test"])
def test_without_apt_it_says_what_is_needed(tmp_path, tool):
    """Another distribution: neither apt nor, here, a compiler."""
    for name in ("bash", "dirname", "id", "sed"):
        (tmp_path / name).symlink_to(run(f"command -v {name}").stdout.strip())
    done = subprocess.run([DEMO.with_name(tool)], env={"PATH": str(tmp_path)}, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and done.stdout == "" and len(done.stderr.splitlines()) == 1
    assert "no apt on this machine" in done.stderr and "libfuse3-dev" in done.stderr and "meson" in done.stderr
