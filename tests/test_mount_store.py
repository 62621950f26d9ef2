# SPDX-License-Identifier: MIT
"""The store: what one mount has seen, the next one has without asking, and never anything that is wrong with it."""

import hashlib
import os
import pathlib
import resource
import re
import signal
import sqlite3
import stat
import time

import pytest
from conftest import WRAPPER, server_of, wait_until

ISSUES = "acme/projects/web/issues"


server = server_of(scope="function")


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def kept(mount, server, cache):
    """A function that mounts with the test's own cache directory, on the test's own server."""
    def make(*args, name="sentry", **more):
        more.setdefault("env", {})
        more["env"].setdefault("XDG_CACHE_HOME", str(cache))
        m = mount(*args, server=server, name=name, **more)
        assert m.start.returncode == 0, m.start.stderr
        return m
    return make


def files(cache):
    return sorted((cache / "sentryfs").glob("*")) if (cache / "sentryfs").exists() else []


def database(cache):
    (path,) = (cache / "sentryfs").glob("*.db")
    return path


def listing(m):
    return m.sh(f"ls -l --time-style=full-iso {ISSUES}").stdout


def events_of(m, issue):
    return sorted(p.name for p in (m.where / ISSUES / issue / "events").iterdir() if not p.is_symlink())


def see(m):
    """Lists, and reads of three issues all that they have."""
    first = sorted(os.listdir(m.where / ISSUES))[:3]
    seen = m.sh(f"cd {ISSUES} && grep -r . {' '.join(first)} | sort")
    assert seen.returncode == 0 and len(seen.stdout) > 10000, seen.stderr
    return first, listing(m), seen.stdout.replace(str(m.where), "@")


def see_again(m, first, list_first=True):
    if list_first:
        listing(m)
    seen = m.sh(f"cd {ISSUES} && grep -r . {' '.join(first)} | sort")
    assert seen.returncode == 0, seen.stderr
    return listing(m), seen.stdout.replace(str(m.where), "@")


def test_a_second_mount_asks_for_nothing_that_was_seen(kept, server):
    m = kept()
    first, listed, seen = see(m)
    m.unmount()
    server.forget()
    m = kept()
    assert asked_for(server) == ["/api/0/organizations/"]
    assert see_again(m, first, list_first=False) == (listed, seen)
    assert asked_for(server, first) == ["/api/0/organizations/"]


def test_it_goes_on_while_the_server_does_not_answer(kept, server):
    """What is older than it may be is shown at once, and asked for meanwhile."""
    m = kept()
    first, listed, seen = see(m)
    m.unmount()
    path = next(database_in(m))
    with sqlite3.connect(path) as db:
        db.execute("UPDATE entry SET asked = asked - 100000 WHERE kind = 1")
    db.close()
    m = kept()
    server.faults({"path": "/issues/", "delay_ms": 5000})
    begin = time.monotonic()
    assert listing(m) == listed
    assert time.monotonic() - begin < 3
    server.wait_for("/organizations/acme/issues/")
    server.faults()


def asked_for(server, issues=()):
    """All but what is read ahead, for which nobody waits: pages of events, and anything of other issues than these."""
    known = {*issues, *(server.control("GET", f"issues/{name}")["id"] for name in issues)}
    found = [(r["path"], re.search("/issues/([^/]+)/", r["path"])) for r in server.requests() if "full=1" not in r["query"]]
    return [path for path, issue in found if not (known and issue and issue[1] not in known)]


def database_in(m):
    return pathlib.Path(m.env["XDG_CACHE_HOME"]).glob("sentryfs/*.db")


def test_the_server_is_gone(kept, server):
    m = kept()
    first, listed, seen = see(m)
    m.unmount()
    m = kept()
    server.process.send_signal(signal.SIGTERM)
    server.process.wait(20)
    assert see_again(m, first) == (listed, seen)


def test_offline(kept, server):
    m = kept()
    first, listed, seen = see(m)
    unseen = sorted(os.listdir(m.where / ISSUES))[-1]
    m.unmount()
    server.forget()
    m = kept("-ooffline")
    assert m.status()["online"] == "no, by option offline"
    assert see_again(m, first) == (listed, seen)
    done = m.sh(f"cat {ISSUES}/{unseen}/details.json")
    assert done.returncode == 1 and "No route to host" in done.stderr
    assert "offline by its option, and the store does not have it" in (m.where / ".sentryfs/errors").read_text()
    begin = time.monotonic()
    done = m.sh(f"echo resolved > {ISSUES}/{first[0]}/status")
    assert done.returncode == 1 and "No route to host" in done.stderr
    assert time.monotonic() - begin < 1
    assert server.requests() == []


@pytest.mark.parametrize("source", ["", "acme", "acme/web"])
def test_the_server_is_gone_before_the_mount(kept, server, source):
    """Without the option, too: the kept is shown, with a word about it, and comes back by itself with the server."""
    issues = ISSUES.removeprefix("acme/projects/web/" if source == "acme/web" else f"{source}/")
    m = kept(source=source)
    seen = m.sh(f"ls {issues}; cat {issues}/WEB-1/title").stdout
    m.unmount()
    server.faults({"path": "/api/0/", "drop": True})
    m = kept(source=source)
    assert "showing what an earlier mount has seen" in m.start.stderr
    assert m.sh(f"ls {issues}; cat {issues}/WEB-1/title").stdout == seen != ""
    server.faults()
    wait_until(lambda: m.sh(f"cat {issues}/WEB-1/details.json").returncode == 0, "the server to be there again")


def test_the_server_is_gone_and_nothing_was_kept(mount, server, cache):
    server.faults({"path": "/api/0/", "drop": True})
    m = mount(server=server, env={"XDG_CACHE_HOME": str(cache)})
    assert m.start.returncode == 1 and "showing" not in m.start.stderr


@pytest.mark.parametrize("source", ["acme", "acme/web"])
def test_offline_of_one_organization_or_project(kept, server, source):
    issues = ISSUES.removeprefix("acme/" if source == "acme" else "acme/projects/web/")
    m = kept(source=source)
    seen = m.sh(f"ls {issues}; cat {issues}/WEB-1/title").stdout
    m.unmount()
    server.forget()
    m = kept("-ooffline", source=source)
    assert m.sh(f"ls {issues}; cat {issues}/WEB-1/title").stdout == seen != ""
    assert server.requests() == []


def test_an_issue_is_known_by_its_name_in_the_organization(kept, server):
    m = kept()
    m.sh(f"ls {ISSUES}")
    name = sorted(os.listdir(m.where / ISSUES))[3]
    status = (m.where / f"acme/issues/{name}/status").read_text()
    m.unmount()
    server.forget()
    m = kept()
    assert (m.where / f"acme/issues/{name.lower()}/status").read_text() == status
    assert asked_for(server) == ["/api/0/organizations/"]


def test_another_maximum_is_another_listing(kept, server):
    m = kept("-omax_issues=5")
    assert len(listing(m).splitlines()) == 6
    m.unmount()
    m = kept()
    whole = listing(m)
    assert len(whole.splitlines()) > 20
    m.unmount()
    m = kept("-omax_issues=5")
    assert len(listing(m).splitlines()) == 6


def test_what_is_very_old_waits_for_the_server_but_not_for_long(kept, server, cache):
    m = kept()
    first, listed, seen = see(m)
    m.unmount()
    with sqlite3.connect(database(cache)) as db:
        db.execute("UPDATE entry SET asked = asked - 86400000")
    db.close()
    m = kept()
    begin = time.monotonic()
    server.faults({"path": "/issues/", "delay_ms": 10000}, {"path": "/projects/", "delay_ms": 10000})
    assert listing(m) == listed
    assert 0.9 < time.monotonic() - begin < 6
    server.faults()
    m.unmount()
    m = kept()
    server.stop()
    assert see_again(m, first) == (listed, seen)


def test_offline_without_a_store(mount, server, cache):
    m = mount("-ooffline", server=server)
    assert m.start.returncode == 1 and "offline by its option" in m.start.stderr
    assert server.requests() == []


def test_memory_leaves_no_file(kept, cache):
    m = kept("-ocache=memory")
    see(m)
    assert m.status()["store"] == "memory only, by option cache"
    m.unmount()
    assert files(cache) == []


def test_modes_and_no_token(kept, server, cache):
    m = kept()
    see(m)
    assert {stat.S_IMODE(p.stat().st_mode) for p in files(cache)} == {0o600}
    m.unmount()
    assert stat.S_IMODE((cache / "sentryfs").stat().st_mode) == 0o700
    assert {stat.S_IMODE(p.stat().st_mode) for p in files(cache)} == {0o600}
    token = server.token.encode()
    known = [token, token.hex().encode(), *(hashlib.new(h, token).hexdigest().encode() for h in ("sha256", "sha1", "md5"))]
    for p in files(cache):
        data = p.name.encode() + p.read_bytes()
        assert not any(k in data for k in known)


def test_another_token_does_not_see_it(kept, server, cache):
    m = kept()
    see(m)
    m.unmount()
    server.forget()
    other = server.make_token("event:read", "org:read", "project:read")
    m = kept(token=other)
    listing(m)
    assert any(r["path"].endswith("/issues/") for r in server.requests())


def test_a_refused_token_does_not_mount(kept, mount, server, cache):
    m = kept()
    see(m)
    m.unmount()
    server.faults({"path": "/api/0/", "status": 401})
    m = mount(server=server, env={"XDG_CACHE_HOME": str(cache)})
    assert m.start.returncode == 1 and "refuses the token" in m.start.stderr


@pytest.mark.parametrize("damage", ["text", "cut", "foreign", "newer", "other", "middle"])
def test_a_broken_store_is_set_aside(kept, server, cache, damage):
    m = kept()
    first, listed, seen = see(m)
    m.unmount()
    path = database(cache)
    if damage == "text":
        path.write_bytes(b"these are not the bytes of a database " * 1000)
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:5000])
    elif damage == "middle":
        data = bytearray(path.read_bytes())
        for at in range(4096, len(data) - 4096, 4096):
            data[at:at + 64] = os.urandom(64)
        path.write_bytes(data)
    else:
        with sqlite3.connect(path) as db:
            if damage == "newer":
                db.execute("PRAGMA user_version = 2")
            elif damage == "foreign":
                db.execute("PRAGMA application_id = 7")
            else:
                db.execute("CREATE TABLE more (x)")
        db.close()
    m = kept()
    assert see_again(m, first) == (listed, seen)
    assert path.with_name(path.name + ".bad").exists()
    if damage != "middle":
        assert "is set aside" in m.start.stderr
    m.unmount()


@pytest.mark.parametrize("how", ["directory", "file", "link", "nowhere", "unwritable", "locked"])
def test_a_store_that_cannot_be_is_left_out(kept, server, cache, tmp_path, how):
    m = kept()
    first, listed, seen = see(m)
    m.unmount()
    path, env, db = database(cache), {}, None
    if how == "directory":
        path.unlink()
        path.mkdir()
    elif how == "file":
        env = {"XDG_CACHE_HOME": str(path)}
    elif how == "link":
        path.unlink()
        path.symlink_to(tmp_path / "elsewhere")
    elif how == "unwritable":
        env = {"XDG_CACHE_HOME": "/proc"}
    elif how == "locked":
        db = sqlite3.connect(path)
        db.execute("BEGIN IMMEDIATE")
    else:
        env = {"XDG_CACHE_HOME": "relative", "HOME": "relative"}
    m = kept(env=env)
    assert m.status()["store"].startswith("memory only: ")
    assert "nothing is kept on disk: " in m.start.stderr
    assert see_again(m, first) == (listed, seen)
    assert not (tmp_path / "elsewhere").exists()
    if db:
        db.close()


def test_a_cache_directory_behind_a_link(kept, server, cache, tmp_path):
    cache.mkdir()
    (tmp_path / "link").symlink_to(cache)
    m = kept(env={"XDG_CACHE_HOME": str(tmp_path / "link")})
    assert m.status()["store"].startswith(str(database(cache)))


def test_two_mounts_at_once(kept, server, cache):
    a = kept(name="a")
    first, listed, seen = see(a)
    b = kept(name="b")
    assert "another mount" in b.start.stderr and "another mount" in b.status()["store"]
    assert see_again(b, first) == (listed, seen)
    a.unmount()
    b.unmount()
    server.forget()
    c = kept(name="c")
    assert see_again(c, first) == (listed, seen)
    # under a wrapper what is listed is older by now than it may be
    assert WRAPPER or asked_for(server, first) == ["/api/0/organizations/"]


def test_size_bound(kept, cache):
    m = kept("-ocache_size=1M", "-omax_events=1000")
    m.sh(f"cat {ISSUES}/*/events/*.json | wc -c")
    m.unmount()
    assert sum(p.stat().st_size for p in files(cache)) < 3 << 20


@pytest.mark.parametrize("how", ["unmount", "kill"])
def test_own_write_is_there_at_the_next_mount(kept, server, cache, how):
    m = kept()
    first, _, _ = see(m)
    assert m.sh(f"cd {ISSUES}/{first[0]} && cat details.json > /dev/null && echo resolved > status").returncode == 0
    assert m.sh(f"cd {ISSUES}/{first[1]} && echo high > priority && echo hello > comments/new").returncode == 0
    if how == "kill":
        # what a change made is on disk after 20 ms
        wait_until(lambda: time.time() - max(p.stat().st_mtime for p in files(cache)) > 0.2, "the store to be at rest")
        os.kill(m.pid, signal.SIGKILL)
        assert m.gone()
    m.unmount()
    m = kept("-ooffline")
    names = os.listdir(m.where / ISSUES)
    assert first[0] not in names and first[1] in names
    assert (m.where / ISSUES / first[0] / "status").read_text() == "resolved\n"
    assert (m.where / ISSUES / first[1] / "priority").read_text() == "high\n"
    assert m.sh(f"cat {ISSUES}/{first[0]}/details.json").returncode == 1
    assert m.sh(f"ls {ISSUES}/{first[1]}/comments").returncode != 0
    m.unmount()
    m = kept()
    assert "hello" in m.sh(f"cat {ISSUES}/{first[1]}/comments/*").stdout


def test_what_was_before_a_write_is_not_there_after_a_kill_at_once(kept, server, cache):
    m = kept()
    first, _, _ = see(m)
    status = m.where / ISSUES / first[0] / "status"
    assert status.read_text() != "resolved\n"
    wait_until(lambda: time.time() - max(p.stat().st_mtime for p in files(cache)) > 0.2, "the store to be at rest")
    with open(status, "w") as f:
        f.write("resolved\n")
        f.flush()
        os.kill(m.pid, signal.SIGKILL)
    assert m.gone()
    m.unmount()
    m = kept("-ooffline")
    done = m.sh(f"cat {ISSUES}/{first[0]}/status")
    assert done.stdout == "resolved\n" or (done.returncode == 1 and done.stdout == "")


@pytest.mark.parametrize("when", ["before", "after"])
def test_own_write_on_a_full_disk(kept, server, cache, when):
    """What cannot be dropped from the store any more must not be there at the next mount either."""
    m = kept()
    name, other = sorted(os.listdir(m.where / ISSUES))[:2]
    assert (m.where / ISSUES / name / "status").read_text() == "unresolved\n"
    m.unmount()
    m = kept()
    assert (m.where / ISSUES / name / "status").read_text() == "unresolved\n"
    resource.prlimit(m.pid, resource.RLIMIT_FSIZE, (0, 0))
    if when == "before":
        (m.where / ISSUES / other / "details.json").read_text()
        wait_until(lambda: m.status()["store"].startswith("memory only: "), "the store to fail")
    (m.where / ISSUES / name / "status").write_text("resolved\n")
    assert (m.where / ISSUES / name / "status").read_text() == "resolved\n"
    wait_until(lambda: m.status()["store"].startswith("memory only: "), "the store to fail")
    m.unmount()
    m = kept()
    assert (m.where / ISSUES / name / "status").read_text() == "resolved\n"


def test_killed(kept, server, cache):
    m = kept()
    first, listed, seen = see(m)
    wait_until(lambda: sum(p.stat().st_size for p in files(cache)) > 100000, "the store to be written")
    os.kill(m.pid, signal.SIGKILL)
    assert m.gone()
    m.unmount()
    m = kept()
    assert see_again(m, first) == (listed, seen)


def test_refresh_does_not_bring_back_what_is_stored(kept, server):
    m = kept()
    see(m)
    m.unmount()
    m = kept()
    listing(m)
    server.forget()
    assert m.sh("echo > .sentryfs/refresh").returncode == 0
    listing(m)
    assert any(r["path"].endswith("/issues/") for r in server.requests())
