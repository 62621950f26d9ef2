# SPDX-License-Identifier: MIT
"""The sandbox's bad side: fault rules down to bytes, hangs, the log, broken requests, rate limits, size."""

import http.client
import os
import socket
import threading
import time

import pytest
from conftest import server_of
from sandbox.client import SERVE, Sandbox, eventually, issue_path

shared = server_of()    # for tests that change nothing
server = server_of(scope="function")


def test_rules(server):
    server.faults({"method": "GET", "path": "/issues/$", "query": "limit=3", "after": 1, "times": 1, "status": 503,
                   "body": "<html>busy</html>", "content_type": "text/html", "headers": {"X-Odd": "1"}})
    answers = [server.get(server.org + "/issues/", limit=3) for _ in range(3)]
    assert [a.status for a in answers] == [200, 503, 200]
    assert answers[1].headers["X-Odd"] == "1" and answers[1].body == b"<html>busy</html>"
    assert server.control("GET", "faults")["rules"][0]["hits"] == 1
    server.faults({"path": "/issues/$", "body": {"not": "a list"}})
    assert server.get(server.org + "/issues/").json == {"not": "a list"}
    server.faults({"path": "/issues/$", "headers": {"Link": "odd"}, "drop_headers": ["X-Hits"]})
    reply = server.get(server.org + "/issues/")
    assert reply.headers["Link"] == "odd" and reply.headers["X-Hits"] is None and len(reply.json) == 100
    server.faults({"method": "PUT", "status": 504, "keep": True})
    assert server.put(issue_path(server, "WEB-1"), {"status": "resolved"}).status == 504
    server.faults()
    assert server.get(issue_path(server, "WEB-1")).json["status"] == "resolved"
    server.faults({"probability": 0.5, "seed": 3, "status": 500})
    found = [server.get("/").status for _ in range(40)]
    assert 5 < found.count(500) < 35
    for bad in ({"hang": "odd"}, {"odd": 1}, 5, {"path": "("}):
        with pytest.raises(ValueError):
            server.control("POST", "faults", [bad])
    with pytest.raises(ValueError):
        server.control("POST", "faults", {"status": 500})


def test_spoilt_bodies(server):
    whole = server.get("/organizations/").body
    server.faults({"truncate": True})
    assert server.get("/organizations/").body == whole[:len(whole) // 2]
    server.faults({"garbage": 100})
    assert len(server.get("/organizations/").body) == 100
    server.faults({"deep": 5000})
    assert server.get("/organizations/").body == b"[" * 5000 + b"]" * 5000
    server.faults({"bomb": 10_000_000})
    reply = server.get("/organizations/")
    assert reply.headers["Content-Encoding"] == "gzip" and len(reply.body) < 100_000
    server.faults({"huge": 1_000_000})
    assert len(server.get("/organizations/").body) == 1_000_002
    server.faults({"location": "http://127.0.0.1:1/"})
    reply = server.get("/organizations/")
    assert reply.status == 302 and reply.headers["Location"] == "http://127.0.0.1:1/"
    server.faults({"empty": True})
    assert server.get("/organizations/").body == b""
    server.faults({"drip": 1_000_000})
    assert server.get("/organizations/").body == whole
    server.faults({"cut": 10})
    with pytest.raises(http.client.IncompleteRead) as e:
        server.get("/organizations/")
    assert e.value.partial == whole[:10]
    server.faults({"reset": 10})
    with pytest.raises(ConnectionResetError):
        server.get("/organizations/")
    server.faults({"rate_limit": "retry-after"})
    reply = server.get("/organizations/")
    assert (reply.status, reply.headers["Retry-After"]) == (429, "1")
    assert reply.headers["X-Sentry-Rate-Limit-Reset"] is None


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("fault", [{"drop": True}, {"hang": "before-headers"}])
def test_no_answer_with_and_without_the_change(server, fault, keep):
    server.faults({"method": "DELETE", **fault, "keep": keep})
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as s:
        s.sendall(f"DELETE {'/api/0' + issue_path(server, 'WEB-1')} HTTP/1.1\r\nHost: x\r\n"
                  f"Authorization: Bearer {server.token}\r\n\r\n".encode())
        if "hang" in fault:
            eventually(lambda: server.control("GET", "faults")["hanging"] == 1)
            server.faults()
        assert s.recv(1) == b""
    assert server.get(issue_path(server, "WEB-1")).status == (404 if keep else 200)


def test_an_answer_may_be_older_than_a_change(server):
    path = issue_path(server, "WEB-1")
    server.faults({"method": "GET", "late_ms": 300})
    late = []
    asking = threading.Thread(target=lambda: late.append(server.get(path)))
    asking.start()
    eventually(lambda: server.requests())
    assert server.put(path, {"status": "resolved"}).json["status"] == "resolved"
    asking.join(10)
    assert late[0].json["status"] == "unresolved"
    assert server.get(path).json["status"] == "resolved"


def test_a_member_that_the_server_does_not_know(server):
    server.faults({"method": "PUT", "strip": ["status"]})
    data = server.put(issue_path(server, "WEB-1"), {"status": "resolved", "hasSeen": True}).json
    assert (data["status"], data["hasSeen"]) == ("unresolved", True)
    assert server.requests()[-1]["body"] == '{"status": "resolved", "hasSeen": true}'


def test_a_rule_for_some_methods(server):
    server.faults({"method": "put|POST", "path": "/issues/", "status": 409})
    assert server.get(issue_path(server, "WEB-1")).status == 200
    assert server.put(issue_path(server, "WEB-1"), {}).status == 409
    assert server.call("POST", issue_path(server, "WEB-1") + "comments/", {"text": "x"}).status == 409


def test_rules_that_are_apart_spoil_no_two_answers_in_a_row(server):
    rules = [{"method": "GET", "path": "/organizations/$", "apart": True, "probability": 0.5, "seed": n, "status": 502} for n in range(7)]
    server.faults(*rules)
    seen = [server.get("/organizations/").status for _ in range(100)]
    assert (502, 502) not in zip(seen, seen[1:])
    assert seen.count(502) == server.control("GET", "faults")["apart"] > 40


def test_a_403_says_which_scope_is_missing_or_does_not(server):
    path, token = issue_path(server, "WEB-1"), server.make_token("event:read")
    told = server.put(path, {"status": "resolved"}, token=token)
    assert (told.status, told.json) == (403, {"detail": "You do not have permission to perform this action."})
    assert told.headers["WWW-Authenticate"] == 'Bearer error="insufficient_scope", scope="event:write event:admin"'
    server.faults({"method": "PUT", "drop_headers": ["WWW-Authenticate"]})      # servers before 2026
    untold = server.put(path, {"status": "resolved"}, token=token)
    assert (untold.status, untold.headers["WWW-Authenticate"]) == (403, None) and untold.json == told.json
    assert server.issue("WEB-1")["status"] == "unresolved"


@pytest.mark.parametrize("where", ["before-headers", "after-headers", "mid-body"])
def test_hang(server, where):
    server.faults({"path": "/organizations/$", "hang": where})
    ended = []

    def ask():
        try:
            ended.append(server.get("/organizations/"))
        except (http.client.HTTPException, ConnectionError) as e:
            ended.append(e)
    asking = threading.Thread(target=ask)
    asking.start()
    eventually(lambda: server.control("GET", "faults")["hanging"] == 1)
    entry = server.requests()[0]
    assert entry["path"] == "/api/0/organizations/" and (entry["status"] is None) == (where == "before-headers")
    assert server.get(server.org + "/").status == 200       # the others are answered
    server.faults()
    asking.join(10)
    assert isinstance(ended[0], Exception)


def test_a_hung_client_may_leave(server):
    server.faults({"hang": "before-headers"})
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as s:
        s.sendall(b"GET /api/0/ HTTP/1.1\r\nHost: x\r\n\r\n")
        eventually(lambda: server.control("GET", "faults")["hanging"] == 1)
    eventually(lambda: server.control("GET", "faults")["hanging"] == 0)


def test_the_log(server):
    server.forget()
    server.get(server.org + "/issues/", query="is:resolved", limit=1)
    server.put(issue_path(server, "WEB-1"), {"status": "resolved"})
    log = server.requests()
    assert [(e["method"], e["path"], e["query"], e["status"], e["body"]) for e in log] == [
        ("GET", "/api/0/organizations/acme/issues/", "query=is%3Aresolved&limit=1", 200, None),
        ("PUT", "/api/0/organizations/acme/issues/WEB-1/", "", 200, '{"status": "resolved"}')]
    assert server.control("GET", f"requests?token={server.token[-8:]}") == log
    assert server.control("GET", "requests?token=another") == []
    server.forget()
    assert server.requests() == []


def test_too_long_a_query(shared):
    assert shared.get(shared.org + "/issues/", query="x" * 9000).status == 414


def test_keep_alive_and_broken_requests(shared):
    host, port = shared.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as s:
        for _ in range(3):
            s.sendall(b"GET /api/0/ HTTP/1.1\r\nHost: other.example:99\r\n\r\n")
            head = b""
            while b"\r\n\r\n" not in head:
                head += s.recv(4096)
            assert head.startswith(b"HTTP/1.1 200")
        s.sendall(b"nonsense\r\n\r\n")
        rest = b""
        while True:
            got = s.recv(4096)
            if not got:
                break
            rest += got
        assert b"400 Bad Request" in rest
    reply = shared.raw("GET", f"/api/0{shared.org}/projects/", headers={
        "Authorization": "Bearer " + shared.token, "Host": "sentry.example:8000"})
    assert "<http://sentry.example:8000/api/0/" in reply.headers["Link"]


# -- limits and size --------------------------------------------------------------------------------------------------

def test_the_limit_of_a_server_of_ones_own():
    with Sandbox("--same-limit", 999) as s:
        for path in ("/issues/", "/issues/WEB-1/", "/issues/WEB-1/tags/"):
            headers = s.get(s.org + path).headers
            assert headers["X-Sentry-Rate-Limit-Limit"] == "999" and not headers["X-Sentry-Rate-Limit-ConcurrentLimit"]
            assert int(headers["X-Sentry-Rate-Limit-Remaining"]) > 900
        s.options(same_limit=0)
        assert s.get(s.org + "/issues/").headers["X-Sentry-Rate-Limit-Limit"] == "999", "nothing is enforced"
        s.options(rate_limits=True)
        assert s.get(s.org + "/issues/").headers["X-Sentry-Rate-Limit-Limit"] == "10"


def test_rate_limits():
    with Sandbox("--rate-limits") as s:
        replies = [s.get(issue_path(s, "WEB-1")) for _ in range(40)]
        refused = [r for r in replies if r.status == 429]
        assert refused and replies[0].status == 200
        forms = {type(r.json) for r in refused}
        assert forms == {dict, str}
        for r in refused:
            assert r.headers["Content-Type"].startswith("text/html") and r.headers["Retry-After"] is None
            assert int(r.headers["X-Sentry-Rate-Limit-Reset"]) <= time.time() + 2
        eventually(lambda: s.get(issue_path(s, "WEB-1")).status == 200)


def test_concurrency_limit():
    with Sandbox("--rate-limits", "--delay-ms", 1000) as s:
        found = []
        threads = [threading.Thread(target=lambda: found.append(s.get("/projects/acme/web/events/"))) for _ in range(3)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert sorted(r.status for r in found) == [200, 429, 429]
        assert any("Concurrency limit is 1" in r.body.decode() for r in found)


def test_hundred_thousand_issues():
    with Sandbox("--issues", 100_000, "--events", 5) as s:
        path = s.org + "/issues/"
        asked = {"query": "", "groupStatsPeriod": "", "collapse": ["filtered", "unhandled"]}
        first = s.get(path, **asked)
        assert first.headers["X-Hits"] == "1000"
        for _ in range(5):
            s.get(path, cursor=first.links["next"][0], **asked)
        assert min(entry["ms"] for entry in s.requests()[-5:]) < 100    # a page costs a few ms
        assert s.get(issue_path(s, "WEB-31N0")).json["count"] == "5"
        assert len(s.get(issue_path(s, "WEB-31N0") + "events/").json) <= 5


def test_files_stay_small():
    """One concept a file: none over 600 lines, and nothing but the standard library."""
    folder = os.path.dirname(SERVE)
    for name in os.listdir(folder):
        if name.endswith(".py"):
            with open(os.path.join(folder, name), encoding="utf-8") as f:
                assert len(f.readlines()) <= 600, name
