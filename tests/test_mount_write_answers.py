# SPDX-License-Identifier: MIT
"""Writes and what the server answers, or does not: errno, last-error, and one GET that decides."""

import os
import subprocess
import time

import pytest
from conftest import wait_until
from writing import (Issue, asked, attempt, in_threads, issue, listed, put, rotated, sandbox, sent,  # noqa: F401
                     shared, web)

ANSWERS = [(400, "EINVAL"), (422, "EINVAL"), (401, "EACCES"), (403, "EACCES"), (404, "ENOENT"), (409, "EBUSY"),
           (410, "ENOTSUP"), (413, "EFBIG"), (429, "EAGAIN"), (500, "EIO"), (302, "EIO")]


@pytest.mark.parametrize("status,name", ANSWERS)
def test_each_bad_answer_has_its_errno_and_text(mount, shared, sandbox, status, name):
    shared.fresh()
    m = mount("--timeout=2")
    listed(m, sandbox)
    one = Issue(m, sandbox, next(shared.supply))
    before = one.server()
    sandbox.forget()
    sandbox.faults({"method": "PUT", "path": one.route, "status": status, "json": {"detail": "the server's own words"},
                    "headers": {"Retry-After": "3000"} if status == 429 else
                    {"Location": "/elsewhere"} if status == 302 else {}})
    assert attempt(one / "status", "resolved") == ("write", name)
    puts = sent(sandbox)
    assert puts in [[put(one, status="resolved")] * n for n in ([1, 2] if status == 401 else [1])]
    text = one.error()
    for word in ("status", "resolved", str(status), "the server's own words"):
        assert word in text, text
    errors = (m.where / ".sentryfs/errors").read_text()
    assert any(one.name in line and str(status) in line and "the server's own words" in line for line in
               errors.splitlines()), errors
    assert one.read("status") == "unresolved\n" and one.server() == before
    sandbox.faults()
    if status not in (404, 429):
        assert attempt(one / "status", "resolved") is None, "an error is not kept"
        assert one.error() == "" and one.read("status") == "resolved\n"


def test_the_servers_400_names_the_release(issue, sandbox):
    assert attempt(issue / "status", "resolved in 9.9") == ("write", "EINVAL")
    assert asked(sandbox) == [put(issue, status="resolved", statusDetails={"inRelease": "9.9"})]
    assert "Unable to find a release with the given version" in issue.error()
    assert "400" in issue.error() and issue.read("status") == "unresolved\n"


def test_last_error_is_empty_after_a_success(issue, sandbox):
    assert issue.error() == "" and os.stat(issue / "last-error").st_mode & 0o7777 == 0o444
    assert "last-error" in os.listdir(issue.path)
    assert attempt(issue / "priority", "odd") == ("write", "EINVAL")
    text = issue.error()
    assert "priority" in text and "odd" in text and os.stat(issue / "last-error").st_size == len(text.encode())
    errors = (issue.mount.where / ".sentryfs/errors").read_text()
    assert any(issue.name in line and "priority" in line for line in errors.splitlines())
    assert attempt(issue / "isPublic", "1") is None
    assert issue.error() == ""
    assert issue.name in (issue.mount.where / ".sentryfs/errors").read_text(), "a journal keeps what was"


def test_a_429_is_waited_out(issue, sandbox):
    sandbox.faults({"method": "PUT", "path": issue.route, "times": 1, "rate_limit": "retry-after"})
    begin = time.monotonic()
    assert attempt(issue / "status", "resolved") is None
    assert time.monotonic() - begin >= 0.9
    assert asked(sandbox) == [put(issue, status="resolved")] * 2 and issue.read("status") == "resolved\n"


def test_a_long_429_ends_with_the_first_success(mount, shared, sandbox):
    """Until then one at a time tries; afterwards ten writers do not wait for each other again."""
    shared.fresh()
    m = mount("--timeout=5")
    listed(m, sandbox)
    first, *ten = [Issue(m, sandbox, next(shared.supply)) for _ in range(11)]
    sandbox.faults({"method": "PUT", "path": first.route, "status": 429, "headers": {"Retry-After": "3000"}})
    assert attempt(first / "status", "resolved") == ("write", "EAGAIN")
    sandbox.faults({"method": "PUT", "delay_ms": 600})
    assert attempt(first / "status", "resolved") is None
    begin = time.monotonic()
    assert in_threads(*[lambda i=i: attempt(i / "status", "resolved") for i in ten]) == [None] * 10
    assert time.monotonic() - begin < 3


def test_success_only_when_the_answer_shows_it(issue, sandbox):
    sandbox.faults({"method": "PUT", "path": issue.route, "strip": ["priority", "isBookmarked", "assignedTo"]})
    value = rotated(["low", "high"], issue.read("priority").strip())[0]
    for name, word in (("priority", value), ("isBookmarked", "1"), ("assignedTo", "bob@acme.example")):
        before = issue.read(name)
        assert attempt(issue / name, word) == ("write", "ENOTSUP"), name
        assert name in issue.error() and issue.read(name) == before
    assert len(sent(sandbox)) == 3


# ---- no answer ----

NO_ANSWER = [({"hang": "before-headers"}, "ETIMEDOUT"), ({"drop": True}, "EIO"), ({"reset": 0}, "EIO"),
             ({"cut": 30}, "EIO"),
             ({"status": 502, "body": "<html>"}, "EIO"), ({"status": 503, "body": ""}, "EIO"),
             ({"status": 504, "body": ""}, "EIO")]


@pytest.fixture
def hasty(mount, shared, sandbox):
    """An issue on a mount that waits two seconds."""
    shared.fresh()
    m = mount("--timeout=2")
    listed(m, sandbox)
    sandbox.forget()
    return Issue(m, sandbox, next(shared.supply))


@pytest.mark.parametrize("taken", [True, False], ids=["taken", "not-taken"])
@pytest.mark.parametrize("fault,name", NO_ANSWER, ids=[next(iter(f)) + str(f.get("status", "")) for f, _ in NO_ANSWER])
def test_without_an_answer_one_get_decides(hasty, sandbox, fault, name, taken):
    route = {"method": "PUT", "path": hasty.route}
    if taken or not {"reset", "cut"} & set(fault):
        sandbox.faults({**route, **fault, "keep": taken})
    else:       # the change is lost before it is made
        sandbox.faults({**route, **fault, "strip": ["status"]})
    assert attempt(hasty / "status", "resolved") == (None if taken else ("write", name))
    calls = asked(sandbox)
    assert calls[0] == put(hasty, status="resolved") and len(sent(sandbox)) == 1, "never sent again"
    assert [c[:2] for c in calls[1:]] == [("GET", f"issues/{hasty.name}/")]
    assert hasty.read("status") == ("resolved\n" if taken else "unresolved\n")
    assert hasty.server()["status"] == ("resolved" if taken else "unresolved")
    text = hasty.error()
    assert text == "" if taken else "not done" in text, text


def test_when_the_get_fails_too_it_is_not_known(hasty, sandbox):
    sandbox.faults({"path": hasty.route, "drop": True})
    assert attempt(hasty / "status", "resolved") == ("write", "EIO")
    assert sent(sandbox) == [put(hasty, status="resolved")]
    assert "not known" in hasty.error()
    assert hasty.read("status") == "unresolved\n"


def test_a_500_is_one_request(hasty, sandbox):
    sandbox.faults({"path": hasty.route, "status": 500, "body": '{"detail":"Internal Error","errorId":"a1"}'})
    assert attempt(hasty / "status", "resolved") == ("write", "EIO")
    assert asked(sandbox) == [put(hasty, status="resolved")]


def test_ctrl_c_ends_a_writer(hasty, sandbox):
    sandbox.faults({"method": "PUT", "path": hasty.route, "hang": "before-headers"})
    writer = subprocess.Popen(["env", "--default-signal=INT", "dd", f"of={hasty / 'status'}", "status=none"],
                              stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
    writer.stdin.write(b"resolved\n")
    writer.stdin.close()
    wait_until(lambda: sent(sandbox), "the PUT")
    assert Issue(hasty.mount, sandbox, 1).read("title"), "other files still answer"
    writer.send_signal(2)
    assert writer.wait(10) != 0
