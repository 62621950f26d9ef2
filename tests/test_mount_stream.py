# SPDX-License-Identifier: MIT
"""A long listing gives its first names before its last page has come, each once, and says when the rest does not come."""

import ctypes
import errno
import os
import pathlib
import signal
import subprocess
import time

import pytest
from conftest import PLAIN, PROGRAM, server_of, wait_until

ISSUES = "acme/projects/web/issues"
MADE_UP = r"cursor=\d+000(%3A|:)0(%3A|:)0"    # a cursor of a part


long = server_of("--issues", 2500, "--unresolved-only")


@pytest.fixture
def in_order(long):
    """The names as pages in order give them: newest first, now."""
    return long.newest_first("web")


@pytest.fixture
def halfway(mount, long, in_order):
    """A mount whose listing, in order, is stuck behind the tenth page, and the open directory."""
    long.faults({"path": "/acme/issues/$", "query": MADE_UP, "status": 400, "body": '{"detail":"Invalid cursor."}'},
                {"path": "/acme/issues/$", "after": 10, "hang": "before-headers"})
    assert in_order
    long.forget()
    m = mount("--max-issues=5000", server=long)
    fd = os.open(m.where / ISSUES, os.O_RDONLY | os.O_DIRECTORY)
    yield m, fd
    long.faults()
    os.close(fd)


class Dir:
    """opendir(3) and its kin, of which Python has no telldir."""

    class Entry(ctypes.Structure):
        _fields_ = [("ino", ctypes.c_uint64), ("off", ctypes.c_int64), ("len", ctypes.c_ushort), ("type", ctypes.c_ubyte),
                    ("name", ctypes.c_char * 256)]

    def __init__(self, fd):
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.libc.fdopendir.restype = ctypes.c_void_p
        self.libc.readdir.restype = ctypes.POINTER(self.Entry)
        self.libc.telldir.restype = ctypes.c_long
        self.handle = ctypes.c_void_p(self.libc.fdopendir(os.dup(fd)))

    def read(self):
        """The next name, or None at the end."""
        ctypes.set_errno(0)
        entry = self.libc.readdir(self.handle)
        if entry:
            return entry.contents.name.decode()
        if ctypes.get_errno():
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        return None

    def names(self, n=None):
        out = []
        while n is None or len(out) < n:
            name = self.read()
            if name is None:
                break
            if name not in (".", ".."):
                out.append(name)
        return out

    def tell(self):
        return self.libc.telldir(self.handle)

    def seek(self, where):
        self.libc.seekdir(self.handle, ctypes.c_long(where))

    def rewind(self):
        self.libc.rewinddir(self.handle)

    def close(self):
        self.libc.closedir(self.handle)


def test_the_first_names_come_before_the_last_page(halfway, long, in_order):
    _, fd = halfway
    d = Dir(fd)
    assert d.names(300) == in_order[:300], "the newest first"
    assert len([r for r in long.requests() if r["status"] is None]) >= 1, "it is not all there"
    long.faults()
    rest = d.names()
    d.close()
    assert in_order[300:] == rest


def test_tell_seek_and_rewind_while_it_comes(halfway, long, in_order):
    _, fd = halfway
    d = Dir(fd)
    d.names(100)
    at = d.tell()
    assert d.names(50) == in_order[100:150]
    d.seek(at)
    assert d.names(50) == in_order[100:150]
    d.rewind()
    assert d.names(200) == in_order[:200]
    long.faults()
    assert d.names() == in_order[200:]
    d.seek(at)
    assert d.names() == in_order[100:]
    d.rewind()
    assert d.names() == in_order
    d.close()


def test_two_readers_while_it_comes(halfway, long, in_order):
    m, fd = halfway
    again = os.open(m.where / ISSUES, os.O_RDONLY | os.O_DIRECTORY)
    first, other = Dir(fd), Dir(again)
    os.close(again)
    assert first.names(200) == other.names(200) == in_order[:200]
    long.faults()
    assert first.names() == other.names() == in_order[200:]
    first.close()
    other.close()
    asked = [r for r in long.requests() if r["path"].endswith("/acme/issues/") and r["status"]]
    assert 25 <= len(asked) < 50, "one listing for both: each is 25 pages at the least"


def test_names_that_move_while_it_comes_are_given_once(halfway, long, in_order):
    _, fd = halfway
    d = Dir(fd)
    names = d.names(200)
    long.control("POST", "mutate", [{"op": "new_event", "issue": name} for name in in_order[::125]])
    long.faults()
    names += d.names()
    d.close()
    assert len(names) == len(set(names)) and set(names) == set(in_order)


def test_a_listing_that_fails_halfway_says_so(halfway, long, in_order):
    m, fd = halfway
    d = Dir(fd)
    names = d.names(100)
    long.faults({"path": "/acme/issues/$", "status": 500})
    with pytest.raises(OSError) as e:
        names += d.names()
    d.close()
    assert e.value.errno == errno.EIO
    assert names == in_order[:len(names)] and len(names) >= 100
    assert "acme/issues/" in (m.where / ".sentryfs/errors").read_text()
    done = m.sh(f"ls {ISSUES}")
    assert done.returncode != 0 and "Input/output error" in done.stderr
    long.faults()
    assert sorted(os.listdir(m.where / ISSUES)) == sorted(in_order)


def test_a_fetch_of_it_says_so_too(halfway, long):
    """readdir(3) ends with an error that nobody asks for: what was not listed was not fetched."""
    m, _ = halfway
    with subprocess.Popen([PROGRAM, "fetch", m.where / ISSUES], env=m.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True) as p:
        wait_until(lambda: "getdents" in syscall_of(p.pid), "the fetch to wait in READDIR")
        long.faults({"path": "/api/0/", "status": 500})
        said = p.stderr.readline()
        p.send_signal(signal.SIGINT)
        p.communicate(timeout=60)
    assert said.endswith(f"{ISSUES}: Input/output error\n"), said


def test_who_waits_for_a_page_can_be_ended(halfway, long):
    m, _ = halfway
    reader = subprocess.Popen(["ls", "-U", m.where / ISSUES], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_until(lambda: "getdents" in syscall_of(reader.pid), "the reader to wait in READDIR")
    reader.terminate()
    assert reader.wait(10) == -signal.SIGTERM


def syscall_of(pid):
    """Its system call, by name where it is one that these tests wait for."""
    number = pathlib.Path(f"/proc/{pid}/syscall").read_text().split()[0]
    return {"217": "getdents", "61": "getdents"}.get(number, number)


def test_a_name_is_looked_up_while_somebody_waits_for_a_page(halfway, long, in_order):
    m, _ = halfway
    reader = subprocess.Popen(["ls", "-U", m.where / ISSUES], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        wait_until(lambda: "getdents" in syscall_of(reader.pid), "the reader to wait in READDIR")
        for name in (in_order[3], in_order[2400]):
            began = time.monotonic()
            assert (m.where / ISSUES / name / "shortId").read_text() == f"{name}\n"
            assert time.monotonic() - began < 5 or not PLAIN
        long.faults()
        assert len(reader.communicate(timeout=60)[0].split()) == len(in_order)
    finally:
        reader.kill()
        reader.wait()


def test_a_listing_of_a_thousand_is_given_whole_or_not_at_all(mount, long):
    long.faults({"path": "/acme/issues/$", "after": 5, "delay_ms": 300}, {"path": "/acme/issues/$", "after": 3, "status": 500})
    m = mount("--max-issues=1000", server=long)
    with pytest.raises(OSError):
        os.close(os.open(m.where / ISSUES, os.O_RDONLY | os.O_DIRECTORY))
