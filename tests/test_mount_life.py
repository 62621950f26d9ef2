# SPDX-License-Identifier: MIT
"""The life of a mount: killed and mounted again, busy, lazily unmounted, two hundred who hang, ends and their codes."""

import os
import pathlib
import re
import select
import signal
import subprocess
import threading
import time

import pytest
from conftest import COMMAND, PATIENCE, PLAIN, PROGRAM, wait_until
from writing import ISSUES, error_of

MOUNTS = "/proc/self/mounts"
HUNG = 200


def is_mounted(where):
    with open(MOUNTS, encoding="utf-8") as f:
        return str(where) in f.read()


def kill(m):
    os.kill(m.pid, signal.SIGKILL)
    assert m.gone()
    os.close(m.pidfd)
    m.pid = None


@pytest.mark.parametrize("spelled", ["{}", "{}/", "sentry", "./sentry//"])
def test_killed_and_mounted_again(mount, sandbox, spelled):
    """A killed program leaves "Transport endpoint is not connected", also for who stands inside: the next start takes that away."""
    m = mount()
    names = os.listdir(m.where / ISSUES)
    inside = os.open(m.where / ISSUES, os.O_RDONLY)
    kill(m)
    assert error_of(os.listdir, m.where / ISSUES) == "ENOTCONN"
    start = [*COMMAND, f"--url={sandbox.url}", spelled.format(m.where)]
    again = subprocess.run(start, capture_output=True, text=True, env=m.env, timeout=20 * PATIENCE, cwd=m.where.parent)
    try:
        assert (again.returncode, again.stderr) == \
            (0, f"sentryfs: {m.where} was still mounted by a program that has ended, and was unmounted\n")
        assert os.listdir(m.where / ISSUES) == names
        assert error_of(os.listdir, inside) == "ENOTCONN"
        assert pathlib.Path(MOUNTS).read_text(encoding="utf-8").count(f" {m.where} ") == 1
    finally:
        os.close(inside)
        subprocess.run(["fusermount3", "-u", m.where], check=True)


def test_a_stale_mount_of_another_program_is_named(sandbox, tmp_path):
    """It is left where it is; what to type is said, and works."""
    where, env = tmp_path / "m", {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "SENTRY_AUTH_TOKEN": sandbox.token}
    where.mkdir()
    other = f"mount -i -t fuse.other -o fd=3,rootmode=40000,user_id=0,group_id=0 other {where} 3<>/dev/fuse"
    subprocess.run(["bash", "-c", other], check=True)
    assert error_of(os.listdir, where) == "ENOTCONN"
    start = subprocess.run([*COMMAND, f"--url={sandbox.url}", where], capture_output=True, text=True, env=env, timeout=20 * PATIENCE)
    assert start.returncode == 2 and "is a stale mount" in start.stderr and is_mounted(where), start.stderr
    told = re.search(r"fusermount3 -uz \S+", start.stderr)[0]
    assert subprocess.run(["sh", "-c", told], check=False).returncode == 0, told
    assert not is_mounted(where)


@pytest.mark.parametrize("where", ["foreground", "background"])
@pytest.mark.parametrize("name", ["TERM", "INT"])
def test_a_signal_while_it_mounts_leaves_no_mount(sandbox, tmp_path, where, name):
    """strace sends it within mount(2), or while fusermount3 gives the mount to an ordinary user."""
    call = "mount" if os.geteuid() == 0 else "recvmsg"
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "SENTRY_AUTH_TOKEN": sandbox.token}
    (tmp_path / "m").mkdir()
    traced = ["strace", "-f", "-o", tmp_path / "log", "-e", f"trace={call}", "-e", f"inject={call}:signal={name}:when=1"]
    start = [PROGRAM, f"--url={sandbox.url}", *(["-f"] if where == "foreground" else []), tmp_path / "m"]
    # strace ends with its last tracee, the one in the background too: without the signal it would not
    subprocess.run([*traced, *start], env=env, capture_output=True, timeout=30)
    left = is_mounted(tmp_path / "m")
    if left:
        subprocess.run(["fusermount3", "-uz", tmp_path / "m"], check=False)
    assert f"{call}(" in (tmp_path / "log").read_text() and not left


@pytest.mark.parametrize("name", ["token_file", "cacert", ".sentryclirc"])
def test_what_is_read_again_is_not_below_the_mount(sandbox, tmp_path, name):
    """There the one thread would wait for itself, unkillably."""
    where = tmp_path / "m"
    where.mkdir()
    (where / name).write_text(f"[auth]\ntoken={sandbox.token}\n" if name[0] == "." else f"{sandbox.token}\n")
    (where / name).chmod(0o600)
    (tmp_path / "link").symlink_to(where)
    option = [] if name[0] == "." else ["-o", f"{name}={tmp_path}/link/{name}"]
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path / "link")}
    start = subprocess.run([PROGRAM, f"--url={sandbox.url}", *option, where], env=env, capture_output=True, text=True, timeout=20)
    assert start.returncode in (1, 2) and "below the mount point" in start.stderr, start
    assert not is_mounted(where)


@pytest.mark.parametrize("where", ["sentry", "sentry/cache"])
def test_a_store_below_the_mount_is_left_out(mount, tmp_path, where):
    """A home that is mounted over: the store would be asked of the mount itself."""
    (tmp_path / "sentry/cache").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / where)
    m = mount(env={"XDG_CACHE_HOME": str(tmp_path / "link")})
    assert m.start.returncode == 0 and "is below the mount point" in m.start.stderr
    assert os.listdir(m.where / ISSUES) and "below the mount point" in m.status()["store"]
    os.kill(m.pid, signal.SIGHUP)
    assert os.listdir(m.where / ISSUES)


def test_auto_unmount(mount):
    m = mount("-o", "auto_unmount")
    assert m.start.returncode == 0, m.start.stderr
    kill(m)
    wait_until(lambda: not is_mounted(m.where), "the unmount")
    assert os.listdir(m.where) == []


def test_busy_then_lazily(mount, sandbox):
    m = mount()
    file = open(m.where / ISSUES / "WEB-1/issue.json", "rb")
    begun = file.read(10)
    busy = subprocess.run(["fusermount3", "-u", m.where], capture_output=True, text=True)
    assert busy.returncode == 1 and "busy" in busy.stderr, busy
    assert os.listdir(m.where / ISSUES), "a refused unmount changes nothing"
    assert subprocess.run(["fusermount3", "-uz", m.where]).returncode == 0
    assert not is_mounted(m.where) and os.listdir(m.where) == []
    # who is in there goes on until it leaves
    assert not select.select([m.pidfd], [], [], 0.2)[0]
    assert (begun + file.read()).endswith(b"}\n")
    file.close()
    assert m.gone()
    os.close(m.pidfd)
    m.pid = None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=lambda n: n.name)
def test_two_hundred_who_hang_can_all_be_interrupted(mount, sandbox, number):
    m = mount()
    names = os.listdir(m.where / ISSUES)
    sandbox.forget()
    sandbox.faults({"path": "/issues/[^/]+/", "hang": "before-headers"})
    files = ("details.json", "events/recommended.json", "hashes", "comments")
    paths = [m.where / ISSUES / names[n % len(names)] / files[n // len(names) % len(files)] for n in range(HUNG)]
    readers = [subprocess.Popen(["cat" if "." in p.name else "ls", p],
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for p in paths]
    wait_until(lambda: len(sandbox.requests()) >= 8, "requests")
    wait_until(lambda: int(m.status()["operations"]) > HUNG, "the readers")
    # what is known is given out all the same
    begin = time.monotonic()
    assert all((m.where / ISSUES / n / "title").read_text() for n in names[:20])
    assert not PLAIN or time.monotonic() - begin < 2
    begin = time.monotonic()
    for r in readers:
        r.send_signal(number)
    assert {r.wait(20) for r in readers} == {-number}
    took = time.monotonic() - begin
    assert not PLAIN or took < 3, f"{HUNG} readers ended in {took:.1f} s"
    sandbox.faults()
    wait_until(lambda: error_of((m.where / ISSUES / names[5] / "details.json").read_bytes) is None, "an answer")


def test_the_end_under_readers_who_hang(mount, sandbox):
    """SIGTERM: each of them is told, none stays."""
    m = mount()
    names = os.listdir(m.where / ISSUES)
    sandbox.faults({"path": "/issues/[^/]+/", "hang": "before-headers"})
    found = []
    readers = [threading.Thread(target=lambda n=n: found.append(
        error_of((m.where / ISSUES / n / "details.json").read_bytes))) for n in names[:20]]
    known = int(m.status()["operations"])
    for r in readers:
        r.start()
    wait_until(lambda: int(m.status()["operations"]) > known + 60, "the readers")
    os.kill(m.pid, signal.SIGTERM)
    assert m.gone()
    for r in readers:
        r.join(20)
    assert len(found) == 20 and set(found) <= {"ENOTCONN", "ECONNABORTED"}, found
    assert not is_mounted(m.where)
    os.close(m.pidfd)
    m.pid = None


# ---- into the background ----

def test_the_parent_ends_when_the_tree_can_be_used(mount, sandbox):
    """0, and nothing on the terminal; whoever waits for the end of its output does not wait for the mount's."""
    m = mount()
    assert (m.start.returncode, m.start.stdout, m.start.stderr) == (0, "", "")
    assert os.listdir(m.where / ISSUES)
    assert os.readlink(f"/proc/{m.pid}/cwd") == "/"
    assert [os.readlink(f"/proc/{m.pid}/fd/{n}") for n in range(3)] == ["/dev/null"] * 3
    assert os.getsid(m.pid) == m.pid and os.getppid() != m.pid


@pytest.mark.parametrize("args,code,words", [
    (["--nonsense"], 2, "nonsense"), (["--timeout=0"], 2, "timeout"), ([], 2, "mount point"),
    (["acme/nosuch", "{m}"], 1, "no project nosuch"), (["--help"], 0, ""), (["--version"], 0, ""),
])
def test_exit_codes(sandbox, tmp_path, args, code, words):
    (tmp_path / "m").mkdir()
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "SENTRY_AUTH_TOKEN": sandbox.token}
    done = subprocess.run([*COMMAND, f"--url={sandbox.url}", *(a.format(m=tmp_path / "m") for a in args)], env=env,
                          capture_output=True, text=True, timeout=30)
    assert done.returncode == code and words in done.stderr, done
    assert not is_mounted(tmp_path / "m")



def test_in_a_directory_that_was_deleted(sandbox, tmp_path):
    """A relative name is a file that is not there, and all else is as anywhere."""
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "SENTRY_AUTH_TOKEN": sandbox.token}
    (tmp_path / "m").mkdir()
    there = ["bash", "-c", 'mkdir gone && cd gone && rmdir ../gone && exec "$@"', "-", *COMMAND, f"--url={sandbox.url}"]
    missing = {"token_file=t": "the token file t does not exist", "cacert=c": "option cacert: 'c' is not accepted", "ro": ""}
    for option, words in missing.items():
        done = subprocess.run([*there, "-o", option, tmp_path / "m"], env=env, cwd=tmp_path, capture_output=True, text=True,
                              timeout=30)
        assert words in done.stderr and bool(done.returncode) == bool(words) == bool(done.stderr)
    subprocess.run(["fusermount3", "-u", tmp_path / "m"], check=True)
