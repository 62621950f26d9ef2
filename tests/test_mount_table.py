# SPDX-License-Identifier: MIT
"""The table of faults: each one's errno and sentence for a read, a listing and a write, and how often it is asked."""

import errno
import os
import re
import socket

import pytest
from writing import Shared, attempt, error_of, sandbox  # noqa: F401  (a fixture)

KEPT = 4        # connections, at most
TIMEOUT = 1     # seconds: of the mount, so that what hangs is soon over
HTML = "<html><body><h1>Bad gateway</h1></body></html>"
SCOPE = {"WWW-Authenticate": 'Bearer error="insufficient_scope", scope="event:write"'}
LATER = {"Retry-After": "3000"}
# a write that may have been done is looked after: here it was not, and that is said
NOT_DONE = "asked again, the server shows that it was not done"


def row(name, rule, read, write, words, tries=1):
    """`read` is the errno of a read and of a listing, `words` a part of what is said; `tries` of a read."""
    return pytest.param(rule, read, write, words, tries, id=name)


TABLE = [
    row("delay", {"delay_ms": 300}, None, None, None),
    row("hang before headers", {"hang": "before-headers"}, "ETIMEDOUT", "ETIMEDOUT", "timed out"),
    row("hang after headers", {"hang": "after-headers"}, "ETIMEDOUT", None, "timed out"),
    row("hang in the body", {"hang": "mid-body"}, "ETIMEDOUT", None, "timed out"),
    row("slow drip", {"drip": 20}, "ETIMEDOUT", None, "timed out"),
    row("reset before the body", {"reset": 0}, "EIO", None, "", 2),
    row("reset in the body", {"reset": 40}, "EIO", None, "", 2),
    row("close without an answer", {"drop": True}, "EIO", "EIO", "Empty reply", 2),
    row("short body", {"cut": 40}, "EBADMSG", None, "transfer closed", 2),
    row("half a body", {"truncate": True}, "EBADMSG", None, "not"),
    row("no body", {"status": 200, "empty": True}, "EBADMSG", "EIO", "not"),
    row("no JSON", {"body": "hello"}, "EBADMSG", "EIO", "not"),
    row("a text", {"body": '"hello"'}, "EBADMSG", "EIO", "not"),
    row("HTML with 200", {"body": HTML, "content_type": "text/html"}, "EBADMSG", "EIO", "not"),
    row("random bytes", {"garbage": 600}, "EBADMSG", "EIO", "not"),
    row("deep nesting", {"deep": 100_000}, "EBADMSG", "EIO", "not"),
    row("huge body", {"huge": 20_000_000}, "EFBIG", "EFBIG", "Failure writing"),
    row("gzip bomb", {"bomb": 20_000_000}, "EFBIG", "EFBIG", "Failure writing"),
    row("301 to the same host", {"status": 301, "location": "/api/0/"}, "EIO", "EIO", "a redirect, which is not"),
    row("302 to the same host", {"location": "/api/0/"}, "EIO", "EIO", "a redirect, which is not followed"),
    row("400", {"status": 400, "body": {"detail": "Invalid cursor"}}, "EINVAL", "EINVAL", "Invalid cursor"),
    row("401", {"status": 401, "body": {"detail": "Invalid token"}}, "EACCES", "EACCES", "Invalid token"),
    row("403", {"status": 403, "body": {"detail": "No permission"}}, "EACCES", "EACCES", "No permission"),
    row("403 for a scope", {"status": 403, "body": {"detail": "No scope"}, "headers": SCOPE}, "EACCES", "EACCES",
        "No scope"),
    row("404", {"status": 404, "body": ""}, "ENOENT", "ENOENT", None),
    row("409", {"status": 409, "body": {"detail": "Busy"}}, "EBUSY", "EBUSY", "Busy"),
    row("410", {"status": 410, "body": {"message": "No longer"}}, "ENOTSUP", "ENOTSUP", "No longer"),
    row("413", {"status": 413, "body": ""}, "EFBIG", "EFBIG", "HTTP 413"),
    row("429 object", {"rate_limit": "object", "headers": LATER}, "EAGAIN", "EAGAIN", "too frequently"),
    row("429 string", {"rate_limit": "string", "headers": LATER}, "EAGAIN", "EAGAIN", "too frequently"),
    row("429 HTML", {"status": 429, "body": HTML, "content_type": "text/html", "headers": LATER}, "EAGAIN", "EAGAIN",
        "an HTML page"),
    row("500 with an errorId", {"status": 500, "body": {"detail": "Internal Error", "errorId": "c0ffee"}}, "EIO",
        "EIO", "c0ffee"),
    row("502 HTML", {"status": 502, "body": HTML, "content_type": "text/html"}, "EIO", "EIO", "an HTML page", 2),
    row("503 HTML", {"status": 503, "body": HTML, "content_type": "text/html"}, "EIO", "EIO", "an HTML page", 2),
    row("504 HTML", {"status": 504, "body": HTML, "content_type": "text/html"}, "EIO", "EIO", "an HTML page", 2),
]


@pytest.fixture(scope="module")
def shared(sandbox, tmp_path_factory):  # noqa: F811
    s = Shared(sandbox, tmp_path_factory.mktemp("table") / "sentry", f"--timeout={TIMEOUT}")
    yield s
    s.unmount()


@pytest.fixture
def web(shared, sandbox):  # noqa: F811
    sandbox.faults()
    m = shared.fresh()
    sandbox.forget()
    yield m
    sandbox.faults()


def requests_of(mount):
    return (mount.where / ".sentryfs/requests").read_text()


def last_line(mount):
    return (mount.where / ".sentryfs/errors").read_text().splitlines()[-1]


@pytest.mark.parametrize("rule,read,write,words,tries", TABLE)
def test_a_read_a_listing_and_a_write(shared, web, sandbox, rule, read, write, words, tries):  # noqa: F811
    calls = {"details.json": lambda i: error_of((i / "details.json").read_bytes),
             "events": lambda i: error_of(os.listdir, i / "events")}
    for name, call in calls.items():
        issue = shared.issue()
        sandbox.forget()
        sandbox.faults({"method": "GET", "path": f"/issues/({issue.name}|{issue.id})/(events/)?$", **rule})
        assert call(issue) == read, name
        sent = len(sandbox.requests())
        if "drop" in rule:
            # libcurl asks once more for each kept connection that was closed: as many as pages were asked for at once
            again, sent = sent, len(re.findall(f" GET .*/issues/({issue.name}|{issue.id})/.* 0 0 bytes", requests_of(web)))
            assert sent <= again <= sent + KEPT
        assert sent == tries, name
        if words is not None and read:
            line = last_line(web)
            assert words in line and os.strerror(getattr(errno, read)) in line or "was expected" in line, line
        assert issue.read("title"), "the rest goes on"
        sandbox.faults()
        if read != "ENOENT" and "Retry-After" not in str(rule):
            assert call(issue) is None, "an error is not kept"
    # what is remembered of a refusal is not for the next test
    poisons = rule.get("status") in (403, 429) or "rate_limit" in rule
    issue = shared.issue()
    sandbox.forget()
    sandbox.faults({"method": "PUT", **rule})
    found = attempt(issue / "status", "resolved\n")
    assert found == (write and ("write", write))
    assert [r["method"] for r in sandbox.requests()].count("PUT") == 1, "it is sent once"
    if write:
        told = issue.error()
        assert f"{write if write != 'ENOTSUP' else 'EOPNOTSUPP'} (" in told and "\nnext " in told, told
        assert words is None or words in told or NOT_DONE in told, told
        assert 'tried     write "resolved" to status' in told
    else:
        assert issue.error() == "" and issue.read("status") == "resolved\n"
    if poisons:
        shared.unmount()
    assert issue.server()["status"] == ("unresolved" if write and not takes_place(rule) else "resolved")


def takes_place(rule):
    """The rule spoils the answer to what was done."""
    return not {"status", "body", "drop", "garbage", "deep", "huge", "bomb", "location", "rate_limit"} & set(rule) and \
        rule.get("hang") != "before-headers"


@pytest.mark.parametrize("form", ["object", "string", "concurrency", "retry-after", "no-reset"])
def test_a_429_of_each_form_is_waited_out(shared, web, sandbox, form):  # noqa: F811
    """Once refused, with and without Reset and Retry-After, as text/html and as JSON: asked again after the time."""
    issue, other = shared.issues(2)
    sandbox.forget()
    sandbox.faults({"method": "PUT", "times": 1, "rate_limit": form})
    assert attempt(issue / "status", "resolved\n") in (None, ("write", "EAGAIN"))
    first, *rest = [r for r in sandbox.requests() if r["method"] == "PUT"]
    assert first["status"] == 429 and len(rest) <= 1
    assert not rest or rest[0]["t"] - first["t"] > 0.01
    assert attempt(other / "status", "resolved\n") in (None, ("write", "EAGAIN"))


def test_a_redirect_to_another_host_is_not_followed(shared, web, sandbox):  # noqa: F811
    issue = shared.issue()
    with socket.create_server(("127.0.0.1", 0)) as other:
        other.setblocking(False)
        for status in (301, 302, 307, 308):
            sandbox.faults({"status": status, "location": f"http://127.0.0.1:{other.getsockname()[1]}/"})
            assert error_of((issue / "details.json").read_bytes) == "EIO"
            assert attempt(issue / "status", "resolved\n") == ("write", "EIO")
            assert "a redirect, which is not followed" in issue.error()
        with pytest.raises(BlockingIOError):
            other.accept()


def test_each_errno_of_the_table_is_in_the_manual(shared):
    from conftest import TOP
    manual = (TOP / "man/sentryfs.1").read_text()
    section = manual[manual.index(".Sh FAILURES"):]
    named = set(re.findall(r"^\.It Bq Er (\w+)", section, re.M))
    assert {p.values[1] for p in TABLE if p.values[1]} - {"ENOTSUP"} <= named
    assert {p.values[2] for p in TABLE if p.values[2]} - {"ENOTSUP"} <= named and "EOPNOTSUPP" in named
