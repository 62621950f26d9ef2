# SPDX-License-Identifier: MIT
"""Each request that changed something has a line in .sentryfs/changes and in syslog, with who did it.

syslog(3) speaks to /dev/log: the program runs in a mount namespace whose /dev/log is a socket of the test's own.
"""

import os
import re
import select
import shutil
import socket
import subprocess
import tempfile

import pytest
from conftest import COMMAND, wait_until
from writing import ISSUES, attempt

USER_NOTICE = 1 << 3 | 5
SCRIPT = """
set -e
mount --make-rprivate /
mount -t tmpfs none "$DEV"
for f in null zero urandom fuse; do touch "$DEV/$f"; mount --bind "/dev/$f" "$DEV/$f"; done
touch "$DEV/log"; mount --bind "$LOG" "$DEV/log"
mount --rbind "$DEV" /dev
"$@"
echo mounted
cat > /dev/null
"""


class Logged:
    """A mount in a namespace of its own, and what it says to syslog."""

    def __init__(self, sandbox, where, token=None):
        self.short = tempfile.mkdtemp(prefix="sfs")
        self.log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.log.bind(f"{self.short}/log")
        os.mkdir(f"{self.short}/dev")
        where.mkdir()
        env = {"PATH": os.environ["PATH"], "HOME": str(where.parent), "LANG": "C.UTF-8", "DEV": f"{self.short}/dev",
               "LOG": f"{self.short}/log", "SENTRY_AUTH_TOKEN": token or sandbox.token,
               "XDG_CACHE_HOME": f"{self.short}/cache",
               **{k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}}
        unshare = ["unshare", "-m"] if os.getuid() == 0 else ["unshare", "-rm"]
        self.holder = subprocess.Popen([*unshare, "bash", "-c", SCRIPT, "audit", *COMMAND,
                                        f"--url={sandbox.url}", str(where)],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)
        self.root = None
        assert self.holder.stdout.readline() == "mounted\n"
        self.root = f"/proc/{self.holder.pid}/root{where}"

    def __truediv__(self, path):
        return f"{self.root}/{path}"

    def read(self, path):
        with open(self / path, encoding="utf-8") as f:
            return f.read()

    def lines(self, seconds=0.0):
        """What was logged; waits at most so long for the first."""
        found = []
        while select.select([self.log], [], [], 0 if found else seconds)[0]:
            found.append(self.log.recv(65536).decode())
        return found

    def close(self):
        try:
            pid = int(dict(line.split("\t", 1) for line in self.read(".sentryfs/status").splitlines())["pid"])
        except OSError:     # the test has ended it
            pid = self.holder.pid
        pidfd = os.pidfd_open(pid)
        self.holder.stdin.close()
        self.holder.wait(20)
        # with the last process the namespace goes, and the mount with it
        if pid != self.holder.pid:
            os.kill(pid, 15)
        assert select.select([pidfd], [], [], 20)[0]
        os.close(pidfd)
        self.log.close()
        shutil.rmtree(self.short, ignore_errors=True)


@pytest.fixture
def logged(sandbox, tmp_path):
    made = []
    sandbox.faults()
    sandbox.forget()

    def make(token=None):
        made.append(Logged(sandbox, tmp_path / "m", token))
        return made[-1]
    yield make
    sandbox.faults()
    for m in made:
        m.close()


def test_each_change_is_in_syslog_and_in_changes(logged, sandbox):
    m = logged()
    status = m / f"{ISSUES}/WEB-7/status"
    values = [v for v in ("resolved", "unresolved", "ignored") if v != m.read(f"{ISSUES}/WEB-7/status").strip()]
    for value in values:
        shell = subprocess.Popen(["sh", "-c", f"echo {value} > '{status}'"])
        assert shell.wait(20) == 0
        (line,) = m.lines(5)
        head = re.match(r"<(\d+)>.* sentryfs\[\d+\]: changed: PUT organizations/acme/issues/\d+/ 200 by "
                        rf"uid {os.getuid()}, pid (\d+) \((\w+)\): (.*)$", line, re.S)
        assert head, line
        assert (int(head[1]), head[3]) == (USER_NOTICE, "sh") and int(head[2]) == shell.pid
        assert f'"status":"{value.split()[0]}' in head[4] or "archived" in head[4]
        assert m.read(".sentryfs/changes").splitlines()[-1].endswith(line[line.index("PUT "):])
    with open(m / f"{ISSUES}/WEB-7/comments/new", "w", encoding="utf-8") as f:
        f.write("seen again\nafter the rollback\n")
    (line,) = m.lines(5)
    assert "changed: POST " in line and "\n" not in line and "seen again" in line
    changes = m.read(".sentryfs/changes")
    assert len(changes.splitlines()) == len(values) + 1 and sandbox.token not in changes + line


def test_who_did_it_can_forge_no_line(logged):
    """A process calls itself what it likes: a line of its own, an escape sequence, also one of C1, letters from right to left."""
    m = logged()
    path = m / f"{ISSUES}/WEB-9/hasSeen"
    value = "false" if m.read(f"{ISSUES}/WEB-9/hasSeen") == "true\n" else "true"
    script = ("import sys; open('/proc/self/comm', 'wb').write(b'a\\n\\x1b[2J\\xc2\\x9b\\xe2\\x80\\xaeb'); "
              "open(sys.argv[1], 'w').write(sys.argv[2])")
    subprocess.run(["/usr/bin/python3", "-c", script, path, value], check=True, timeout=20)
    (line,) = m.lines(5)
    assert "(a??[2J?????b): " in line
    assert len(m.read(".sentryfs/changes").splitlines()) == 1 and "(a??[2J?????b): " in m.read(".sentryfs/changes")


def test_what_was_sent_is_no_order_to_a_terminal(logged):
    """C1 and what turns the text round are letters to JSON; a text that is cut is cut anywhere."""
    m = logged()
    for text, seen in (("a\u009b2J\u202eb", "a 2J b"), ("xy" + "\u00e9" * 200, "\u00e9\ufffd...")):
        with open(m / f"{ISSUES}/WEB-9/comments/new", "w", encoding="utf-8") as f:
            f.write(text)
        (line,) = m.lines(5)
        assert "changed: POST " in line and seen in line and not set("\u009b\u202e") & set(line)


def test_what_was_not_done_is_not_said_to_be(logged, sandbox):
    """Refused: no line. No answer, but done: one. No answer at all: one that says so."""
    m = logged()
    path = m / f"{ISSUES}/WEB-8/isBookmarked"
    present = open(path, encoding="utf-8").read().strip()
    other = "false" if present == "true" else "true"
    sandbox.faults({"method": "PUT", "status": 400, "body": {"detail": "no"}})
    assert attempt(path, other) == ("write", "EINVAL")
    sandbox.faults({"method": "PUT", "status": 502, "body": "<html>"})
    assert attempt(path, other) == ("write", "EIO")
    assert m.lines() == [] and m.read(".sentryfs/changes") == ""
    sandbox.faults({"method": "PUT", "drop": True, "keep": True})
    assert attempt(path, other) is None
    (line,) = m.lines(5)
    assert ", seen to be done by uid" in line
    sandbox.faults({"method": "PUT", "drop": True}, {"method": "GET", "path": "/issues/", "status": 500})
    assert attempt(path, present) == ("write", "EIO")
    (line,) = m.lines(5)
    assert ", not known whether it was done, by uid" in line
    assert len(m.read(".sentryfs/changes").splitlines()) == 2


def test_what_is_under_way_when_the_mount_ends_is_said(logged, sandbox):
    m = logged()
    path = m / f"{ISSUES}/WEB-12/status"
    value = "ignored" if m.read(f"{ISSUES}/WEB-12/status") != "ignored\n" else "resolved"
    pid = int(dict(line.split("\t", 1) for line in m.read(".sentryfs/status").splitlines())["pid"])
    sandbox.faults({"method": "PUT", "hang": "before-headers", "keep": True})
    with subprocess.Popen(["sh", "-c", f"echo {value} > '{path}'"], stderr=subprocess.DEVNULL) as shell:
        wait_until(lambda: sandbox.control("GET", "faults")["hanging"], "the request")
        os.kill(pid, 15)
        assert shell.wait(20) != 0
        (line,) = m.lines(5)
    assert re.search(r"changed: PUT \S+ 0, not known whether it was done when the mount ended, by uid", line), line
    assert sandbox.control("GET", "issues/WEB-12")["status"] == value, "it was done"


def test_a_log_that_takes_nothing_holds_nobody_up(logged):
    """syslog(3) waits for a reader of /dev/log; whoever writes here must not."""
    m = logged()
    path, n = m / f"{ISSUES}/WEB-10/isBookmarked", 40
    assert n > int(open("/proc/sys/net/unix/max_dgram_qlen", encoding="ascii").read())
    script = f"for i in $(seq {n // 2}); do echo 1 > {path} && echo 0 > {path} || exit 1; done"
    assert subprocess.run(["bash", "-c", f"echo 0 > {path}; {script}"], timeout=60, check=False).returncode == 0
    assert len(m.read(".sentryfs/changes").splitlines()) >= n
    assert len(m.lines()) > 1
    with open(path, "w", encoding="ascii") as f:
        f.write("1")
    assert len(m.lines(5)) == 1, "it goes on when somebody reads"


def test_a_terminal_that_takes_nothing_holds_nobody_up(sandbox, tmp_path):
    """Standard error is a pipe that nobody reads and that is full."""
    where, env = tmp_path / "fg", {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "SENTRY_AUTH_TOKEN": sandbox.token}
    where.mkdir()
    sandbox.faults()
    read, write = os.pipe()
    program = subprocess.Popen([*COMMAND, "-f", "-o", "cache=memory", f"--url={sandbox.url}", where], stderr=write, env=env)
    wait_until(lambda: (where / "acme").exists(), "the mount")
    os.set_blocking(write, False)
    try:
        while True:
            os.write(write, bytes(4096))
    except BlockingIOError:
        os.set_blocking(write, True)
    path = where / ISSUES / "WEB-11/isBookmarked"
    done = subprocess.run(["bash", "-c", f"for v in 0 1 0 1; do echo $v > {path} || exit 1; done"], timeout=60, check=False)
    assert done.returncode == 0 and len((where / ".sentryfs/changes").read_text().splitlines()) >= 3
    subprocess.run(["fusermount3", "-u", where], check=True)
    assert program.wait(20) == 0
    os.close(read)
    os.close(write)


def test_in_the_foreground_it_goes_to_the_terminal(sandbox, mount, tmp_path):
    where = tmp_path / "fg"
    where.mkdir()
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "SENTRY_AUTH_TOKEN": sandbox.token,
           **{k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}}
    with open(tmp_path / "err", "wb") as err:
        program = subprocess.Popen([*COMMAND, "-f", "-o", "cache=memory", f"--url={sandbox.url}", where],
                                   stderr=err, env=env)
    wait_until(lambda: (where / "acme").exists(), "the mount")
    assert attempt(where / ISSUES / "WEB-9/assignedTo", "jane\n") is None
    wait_until(lambda: "changed: PUT" in (tmp_path / "err").read_text(), "the line", 5)
    assert "sentryfs: changed: PUT organizations/acme/issues/" in (tmp_path / "err").read_text()
    subprocess.run(["fusermount3", "-u", where], check=True)
    assert program.wait(20) == 0, "unmounted in the foreground: 0"
