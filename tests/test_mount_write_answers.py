# SPDX-License-Identifier: MIT
"""Writes and what the server answers, or does not: errno, last-error, and one GET that decides."""

import os
import subprocess
import time

import pytest
from conftest import PATIENCE, wait_until
from writing import (ISSUES, Issue, asked, attempt, in_threads, issue, listed, put, rotated, sandbox,  # noqa: F401
                     sent, shared, web)

ANSWERS = [(400, "EINVAL"), (422, "EINVAL"), (401, "EACCES"), (403, "EACCES"), (404, "ENOENT"), (409, "EBUSY"),
           (410, "ENOTSUP"), (413, "EFBIG"), (429, "EAGAIN"), (500, "EIO"), (302, "EIO")]


@pytest.mark.parametrize("status,name", ANSWERS)
def test_each_bad_answer_has_its_errno_and_text(mount, shared, sandbox, status, name):
    shared.fresh()
    m = mount(f"--timeout={2 * PATIENCE}")
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
    for word in ("status", "resolved", str(status), "the server's own words", name.replace("ENOTSUP", "EOPNOTSUPP")):
        assert word in text, text
    rows = [line.split()[0] for line in text.splitlines()]
    assert rows == ["tried", "failed", "server", *(["accepted"] if name == "EINVAL" else []), "next"]
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


def test_an_issue_that_others_merged(mount, shared, sandbox):
    """The server takes its number for the one that it is in now: that is said, and shown there at once."""
    shared.fresh()
    m = mount()
    listed(m, sandbox)
    away, survivor = (Issue(m, sandbox, next(shared.supply)) for _ in range(2))
    assert survivor.read("status") == away.read("status") == "unresolved\n"
    sandbox.mutate("merge", into=survivor.name, issues=[away.name])
    sandbox.forget()
    assert attempt(away / "status", "resolved") == ("write", "ENOENT")
    assert sent(sandbox) == [put(away, status="resolved")]
    assert f"it was merged into {survivor.name}, which has the value now" in away.error()
    assert survivor.read("status") == "resolved\n" == survivor.server()["status"] + "\n"
    assert away.name not in os.listdir(m.where / ISSUES)
    changes = (m.where / ".sentryfs/changes").read_text().splitlines()
    assert "seen to be done to what it was merged into" in changes[-1] and "resolved" in changes[-1]


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


WITH_DETAILS = ["resolved in web@1.2.0", "resolved in @next", "resolved in @latest", "resolvedInNextRelease",
                f"resolved in @commit:acme/web@{'a' * 40}", "ignored for 30m", "ignored until 100x/1h",
                "ignored until 10u"]


@pytest.mark.parametrize("value", WITH_DETAILS)
def test_a_server_that_ignores_the_details(issue, sandbox, value):
    """`ignored for 30m` without an end would be for ever, `resolved in V` an ordinary resolution."""
    if value == "resolvedInNextRelease":
        sandbox.faults({"method": "PUT", "path": issue.route, "json": dict(issue.json(), status="resolved")})
    else:
        sandbox.faults({"method": "PUT", "path": issue.route, "strip": ["statusDetails"]})
    assert attempt(issue / "status", value) == ("write", "ENOTSUP")
    assert len(sent(sandbox)) == 1 and "does not show" in issue.error()
    assert issue.read("status") == value.replace("InNext", " ").split()[0] + "\n", "what it did do is seen"


def test_a_server_that_ignores_written_status_details(issue, sandbox):
    assert attempt(issue / "status", "resolved") is None
    sandbox.faults({"method": "PUT", "path": issue.route, "strip": ["statusDetails"]})
    assert attempt(issue / "statusDetails", '{"inRelease": "web@1.2.0"}') == ("close", "ENOTSUP")
    assert "inRelease" not in issue.read("statusDetails")


def test_a_bulk_answer_that_does_not_show_the_value(shared, web, sandbox):
    two, bulk = shared.issues(2), web.where / ISSUES / ".bulk"
    sandbox.faults({"method": "PUT", "path": "/organizations/acme/issues/$", "strip": ["isBookmarked"]})
    assert attempt(bulk / "isBookmarked", "".join(f"{i.name} 1\n" for i in two)) == ("close", "ENOTSUP")
    said = (bulk / "last-error").read_text().splitlines()
    assert len(said) == 2 and all("\tEOPNOTSUPP " in line for line in said)
    assert [i.read("isBookmarked") for i in two] == ["false\n"] * 2


@pytest.mark.parametrize("fault", [{"garbage": 200}, {"body": "[]"}, {"body": '"resolved"'}, {"body": "{}"},
                                   {"deep": 5000}, {"status": 200, "body": ""}, {"status": 204}], ids=str)
def test_a_good_status_with_a_bad_body_is_no_success_by_itself(issue, sandbox, fault):
    sandbox.faults({"method": "PUT", "path": issue.route, **fault})
    assert attempt(issue / "status", "resolved") in (("write", "ENOTSUP"), ("write", "EIO"))
    assert len(sent(sandbox)) == 1 and issue.error()
    assert issue.read("status") == "unresolved\n" == issue.server()["status"] + "\n"
    sandbox.faults({"method": "PUT", "path": issue.route, **fault, "keep": True})
    if attempt(issue / "status", "resolved") is None:
        assert asked(sandbox)[-1][0] == "GET", "only a look can tell"
        assert issue.read("status") == "resolved\n"


def test_a_good_answer_about_another_issue_is_no_success(shared, web, sandbox):
    one, other = shared.issues(2)
    sandbox.faults({"method": "PUT", "path": one.route, "json": dict(other.json(), status="resolved")})
    assert attempt(one / "status", "resolved") is not None
    assert (one.read("status"), other.read("status")) == ("unresolved\n", "unresolved\n")


# ---- no answer ----

NO_ANSWER = [({"hang": "before-headers"}, "ETIMEDOUT"), ({"drop": True}, "EIO"), ({"reset": 0}, "EIO"),
             ({"cut": 30}, "EIO"),
             ({"status": 502, "body": "<html>"}, "EIO"), ({"status": 503, "body": ""}, "EIO"),
             ({"status": 504, "body": ""}, "EIO")]


@pytest.fixture
def hasty(mount, shared, sandbox):
    """An issue on a mount that waits two seconds."""
    shared.fresh()
    m = mount(f"--timeout={2 * PATIENCE}")
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
    # nor is it taken for granted that it is as it was
    sandbox.faults()
    sandbox.forget()
    assert attempt(hasty / "status", "unresolved") is None
    assert sent(sandbox) == [put(hasty, status="unresolved")]


def test_what_nobody_knows_is_asked_for_by_who_looks(hasty, sandbox):
    """last-error says to look: that must not show the row of before."""
    sandbox.faults({"method": "PUT", "path": hasty.route, "drop": True, "keep": True}, {"path": hasty.route, "drop": True})
    assert attempt(hasty / "status", "resolved") == ("write", "EIO") and "look before" in hasty.error()
    sandbox.faults()
    sandbox.forget()
    assert hasty.read("status") == "resolved\n"
    assert hasty.read("status") == "resolved\n" and hasty.read("title")
    assert len(asked(sandbox)) == 1 and asked(sandbox)[0][0] == "GET", "once"


def test_what_is_done_after_the_look_is_taken_back(hasty, sandbox):
    """Behind a proxy that says 504 a slow server goes on: the value of before is no equal one."""
    sandbox.faults({"method": "PUT", "path": hasty.route, "status": 504, "body": "<html>"})
    assert attempt(hasty / "status", "resolved") == ("write", "EIO") and "not done" in hasty.error()
    sandbox.faults()
    assert sandbox.put(f"/organizations/acme/issues/{hasty.id}/", {"status": "resolved"}).status == 200
    assert attempt(hasty / "status", "unresolved") is None
    assert sent(sandbox)[-1][2]["status"] == "unresolved" == hasty.server()["status"]


@pytest.mark.parametrize("body", ["{}", "[]", '{"detail": "ok"}'])
def test_an_answer_that_is_no_issue_is_looked_after(hasty, sandbox, body):
    sandbox.faults({"method": "PUT", "path": hasty.route, "body": body, "keep": True})
    assert attempt(hasty / "status", "resolved") is None
    assert [c[:2] for c in asked(sandbox)] == [put(hasty, status="resolved")[:2], ("GET", f"issues/{hasty.name}/")]
    assert hasty.read("status") == "resolved\n" and hasty.error() == ""


@pytest.mark.parametrize("taken", [True, False], ids=["taken", "not-taken"])
def test_without_an_answer_who_had_it_before_proves_nothing(hasty, sandbox, taken):
    assert attempt(hasty / "assignedTo", "jane@acme.example") is None
    sandbox.faults({"method": "PUT", "path": hasty.route, "status": 502, "body": "<html>", "keep": taken})
    assert attempt(hasty / "assignedTo", "bob@acme.example") == (None if taken else ("write", "EIO"))
    assert hasty.server()["assignedTo"]["id"] == ("2" if taken else "1")
    assert hasty.read("assignedTo") == ("bob" if taken else "jane") + "@acme.example\n"


def test_nor_does_it_of_several_issues(shared, web, sandbox):
    two, bulk = shared.issues(2), web.where / ISSUES / ".bulk"
    text = "".join(f"{i.name} {{0}}@acme.example\n" for i in two)
    assert attempt(bulk / "assignedTo", text.format("jane")) is None
    sandbox.faults({"method": "PUT", "path": "/organizations/acme/issues/$", "status": 502, "body": "<html>"})
    assert attempt(bulk / "assignedTo", text.format("bob")) == ("close", "EIO")
    assert [i.server()["assignedTo"]["id"] for i in two] == ["1", "1"]
    assert "\tok" not in (bulk / "last-error").read_text()


def test_a_500_is_one_request(hasty, sandbox):
    sandbox.faults({"path": hasty.route, "status": 500, "body": '{"detail":"Internal Error","errorId":"a1"}'})
    assert attempt(hasty / "status", "resolved") == ("write", "EIO")
    assert asked(sandbox) == [put(hasty, status="resolved")]


def test_ctrl_c_ends_a_writer(hasty, sandbox):
    sandbox.faults({"method": "PUT", "path": hasty.route, "hang": "before-headers"})
    writer = subprocess.Popen(["dd", f"of={hasty / 'status'}", "status=none"],
                              stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
    writer.stdin.write(b"resolved\n")
    writer.stdin.close()
    wait_until(lambda: sent(sandbox), "the PUT")
    assert Issue(hasty.mount, sandbox, 1).read("title"), "other files still answer"
    writer.send_signal(2)
    assert writer.wait(10) != 0
