# SPDX-License-Identifier: MIT
"""Modes tell the truth: what the token may, what -o ro forbids."""

import os

import pytest
from conftest import Mount, wait_until
from writing import ISSUES, Issue, asked, attempt, listed, put, sandbox, sent, shared, web  # noqa: F401

READ = ("event:read", "org:read", "project:read", "member:read", "team:read")


def modes(one):
    return {name: f"{os.stat(path).st_mode & 0o7777:o}" for name, path in (
        ("issues", one.path.parent), ("issue", one.path), ("comments", one / "comments"), ("status", one / "status"),
        ("assignedTo", one / "assignedTo"), ("statusDetails", one / "statusDetails"), ("new", one / "comments/new"),
        ("merge", one / "merge"), ("title", one / "title"), ("last-error", one / "last-error"))}


def expected(issues, directory, control):
    return {"issues": issues, "issue": directory, "comments": directory, "title": "444", "last-error": "444",
            **dict.fromkeys(("status", "assignedTo", "statusDetails", "new", "merge"), control)}


SCOPES = [(("event:write", "event:admin"), ("755", "755", "644")), (("event:admin",), ("755", "755", "644")),
          (("event:write",), ("555", "755", "644")), ((), ("555", "555", "444"))]


@pytest.mark.parametrize("scopes,want", SCOPES, ids=["all", "admin", "write", "read"])
def test_modes_tell_what_the_token_may(mount, shared, sandbox, scopes, want):
    shared.fresh()
    m = mount(token=sandbox.make_token(*READ, *scopes))
    listed(m, sandbox)
    one = Issue(m, sandbox, next(shared.supply))
    assert modes(one) == expected(*want)
    sandbox.forget()
    if scopes:
        assert attempt(one / "status", "resolved") is None
        assert sent(sandbox) == [put(one, status="resolved")]
    else:
        for name in ("status", "statusDetails", "comments/new", "merge"):
            assert attempt(one / name, "resolved") == ("open", "EACCES")
        assert "event:write" in one.error()
        assert asked(sandbox) == []


@pytest.mark.parametrize("told", [True, False], ids=["scope-named", "not-named"])
def test_a_403_teaches_what_is_missing(mount, shared, sandbox, told):
    shared.fresh()
    m = mount(token=sandbox.make_token(*READ))
    one = Issue(m, sandbox, next(shared.supply))
    assert modes(one)["status"] == "644", "nothing is known yet"
    sandbox.forget()
    if not told:
        sandbox.faults({"method": "PUT", "drop_headers": ["WWW-Authenticate"]})
    assert attempt(one / "status", "resolved") == ("write", "EACCES")
    assert "403" in one.error() and "event:write" in one.error()
    if told:
        wait_until(lambda: modes(one)["status"] == "444", "the mode after the 403", 5)
        assert attempt(one / "priority", "low") == ("open", "EACCES")
    assert len(sent(sandbox)) == 1


@pytest.mark.parametrize("token,source,status", [("sntryu_" + "02" * 32, "acme/web", "444"),
                                                 ("sntryu_" + "05" * 32, "acme/web", "644")])
def test_event_scopes_alone(mount, shared, sandbox, token, source, status):
    shared.fresh()
    m = mount(token=token, source=source)
    os.listdir(m.where / "issues")
    wait_until(lambda: any(r["path"] == "/api/0/" and r["status"] for r in sandbox.requests()), "GET /api/0/")
    number = next(shared.supply)
    one = Issue(m, sandbox, number)
    one.path = m.where / "issues" / one.name
    assert f"{os.stat(one / 'status').st_mode & 0o777:o}" == status
    assert attempt(one / "status", "resolved") == (None if status == "644" else ("open", "EACCES"))


# ---- -o ro ----

READ_ONLY = ["echo resolved > {i}/status", "echo x >> {i}/title", "touch {i}/new", "touch {i}/status", "rm {i}/title",
             "rm -rf {i}", "rmdir {i}", "mv {i} {i}x", "mkdir {i}/d", "ln {i}/title {i}/t", "ln -s title {i}/t",
             "chmod 0 {i}/title", "chmod 644 {i}/status", "truncate -s0 {i}/status", "echo hi > {i}/comments/new",
             "echo 1 > {i}/comments/remove", "echo WEB-8 > {i}/merge", "echo 'WEB-8 resolved' > {i}/../.bulk/status",
             "echo '{{}}' > {i}/statusDetails", ": > {i}/status", "mv {i}/status {i}/x", "set -C; echo x > {i}/status~"]


@pytest.fixture(scope="module")
def readonly(sandbox, tmp_path_factory):
    m = Mount(sandbox, tmp_path_factory.mktemp("ro") / "sentry", "-o", "ro")
    m.sh(f"ls {ISSUES}")
    yield m
    m.unmount()


@pytest.mark.parametrize("command", READ_ONLY)
def test_nothing_is_written_under_ro(readonly, sandbox, command):
    readonly.sh(f"ls {ISSUES}/WEB-1")
    sandbox.forget()
    done = readonly.sh(command.format(i=f"{ISSUES}/WEB-1"))
    assert done.returncode != 0 and "Read-only file system" in done.stderr, done.stderr
    assert sent(sandbox) == []


def test_modes_under_ro(readonly, sandbox):
    one = Issue(readonly, sandbox, 1)
    assert modes(one) == expected("555", "555", "444")
    assert readonly.sh(f"cat {one.path}/status {one.path}/last-error").stdout == "unresolved\n"
