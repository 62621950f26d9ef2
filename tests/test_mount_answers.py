# SPDX-License-Identifier: MIT
"""Answers that are well formed and not what they seem: cut, of another issue, or of before a refresh."""

import errno
import gzip
import json
import os
import subprocess
import threading

import pytest
from conftest import Sandbox
from front import Rewriter, response

ISSUES = "acme/projects/web/issues"


@pytest.fixture
def server():
    """One of its own: what is merged there, or commented on, stays so."""
    with Sandbox("--issues", 150, "--unresolved-only") as s:
        yield s


@pytest.fixture
def front(server):
    f = Rewriter(server)
    yield f
    f.stop()


@pytest.fixture
def tree(mount, front):
    m = mount(server=front)
    assert m.start.returncode == 0, m.start.stderr
    m.issues = m.where / ISSUES
    return m


def error_of(path):
    with pytest.raises(OSError) as e:
        path.read_bytes()
    return errno.errorcode[e.value.errno]


def refresh(m):
    (m.where / ".sentryfs/refresh").write_text("1\n")


# ---- lists ----

LINKS = {
    "each link a header": lambda link: [("Link", part) for part in link.replace(", <", "\n<").split("\n")],
    "another before it": lambda link: [("Link", "</style.css>; rel=preload; as=style"), ("Link", link)],
    "folded": lambda link: [("Link", link.replace("; ", ";\r\n\t"))],
}


@pytest.mark.parametrize("form", LINKS)
def test_no_form_of_the_link_header_hides_a_page(tree, front, form):
    def rewrite(target, headers, body):
        links = LINKS[form](dict(headers).get("Link", ""))
        return response(200, [h for h in headers if h[0] != "Link"] + links, body) if "/issues/?" in target else None
    front.rewrite = rewrite
    names = os.listdir(tree.issues)
    assert len(names) == len(set(names)) == 150
    assert sum("/issues/?" in target for target in front.targets) == 2


def test_a_page_that_leads_to_itself_is_asked_for_twice(tree, front):
    first = []

    def rewrite(target, headers, body):
        if "/issues/?" not in target:
            return None
        first.append(body)
        more = ("Link", '<http://127.0.0.1/>; rel="next"; results="true"; cursor="0:1:0"')
        return response(200, [h for h in headers if h[0] != "Link"] + [more], first[0])
    front.rewrite = rewrite
    assert len(os.listdir(tree.issues)) == 100 and len(first) == 2
    assert "more exist" in (tree.where / ".sentryfs/status").read_text()


def test_a_count_beyond_what_a_size_can_be(tree, front):
    counts = ["9223372036854775807", "9223372036854775808", "18446744073709551615", "99999999999999999999", -5]

    def rewrite(target, headers, body):
        if "/issues/?" not in target:
            return None
        issues = json.loads(body)
        for issue, count in zip(issues, counts):
            issue["count"] = count
        return response(200, headers, json.dumps(issues).encode())
    front.rewrite = rewrite
    with os.scandir(tree.issues) as entries:
        names = [e.name for e in entries][:len(counts)]
    assert [os.stat(tree.issues / n).st_size for n in names] == [2**63 - 1] * 3 + [0] * 2
    assert [(tree.issues / n / "count").read_text() for n in names] == [f"{c}\n" for c in counts]


# ---- another issue's ----

def test_an_issue_that_was_merged_away_does_not_show_the_other(tree, server):
    os.listdir(tree.issues)
    title = (tree.issues / "WEB-3/title").read_text()
    both = [("id", server.issue(name)["id"]) for name in ("WEB-2", "WEB-3")]
    assert server.put(f"{server.org}/issues/?" + "&".join("=".join(i) for i in both), {"merge": 1}).status == 200
    assert server.get(f"{server.org}/issues/WEB-3/").json["shortId"] == "WEB-2"
    for name in ("details.json", "activity.jsonl", "summary.txt"):
        assert error_of(tree.issues / "WEB-3" / name) == "ENOENT"
        assert (tree.issues / "WEB-2" / name).read_bytes()
    assert (tree.issues / "WEB-3/title").read_text() == title   # of the listing, which knows no better yet
    assert "WEB-3: the server answers with another issue" in (tree.where / ".sentryfs/errors").read_text()
    refresh(tree)
    assert "WEB-3" not in os.listdir(tree.issues)


# ---- attachments: any bytes, so nothing but their number tells ----

SPOILT = {
    "cut, of HTTP/1.0": lambda body: b"HTTP/1.0 200 OK\r\n\r\n" + body[:-1],
    "part of it": lambda body: response(206, [("Content-Range", f"bytes 0-9/{len(body)}")], body[:10]),
    "no content": lambda body: b"HTTP/1.1 204 No Content\r\n\r\n",
    "compressed and cut": lambda body: response(200, [("Content-Encoding", "gzip")], gzip.compress(body)[:-20]),
    "a portal's page": lambda body: response(200, [("Content-Type", "text/html")], b"<html>Log in</html>"),
}


@pytest.mark.parametrize("form", SPOILT)
def test_an_attachment_has_no_fewer_bytes_than_were_told(tree, front, form):
    where = tree.issues / "WEB-3/attachments"
    path = where / min(os.listdir(where))
    front.rewrite = lambda target, headers, body: SPOILT[form](body) if "download=1" in target else None
    assert error_of(path) == "EBADMSG"
    front.rewrite = lambda *_: None
    refresh(tree)
    assert len(path.read_bytes()) == path.stat().st_size > 20


def test_an_event_is_the_one_that_was_asked_for(tree, front):
    """A cache on the way mixed two up; as an event never changes, it would stay so."""
    events = tree.issues / "WEB-3/events"
    path = events / min(n for n in os.listdir(events) if len(n) == 37)

    def rewrite(target, headers, body):
        if f"/events/{path.stem}/" not in target:
            return None
        event = json.loads(body)
        event["eventID"] = event["id"] = "0123456789abcdef" * 2
        return response(200, headers, json.dumps(event).encode())
    front.rewrite = rewrite
    assert error_of(path) == error_of(path.with_suffix(".txt")) == "EBADMSG"
    assert "the answer is another event" in (tree.where / ".sentryfs/errors").read_text()
    front.rewrite = lambda *_: None
    # an answer is also for who asks in the ms in which it came: another request is longer than that
    assert (tree.issues / "WEB-2/details.json").read_bytes()
    assert json.loads(path.read_bytes())["eventID"] == path.stem


# ---- after a refresh ----

def test_a_row_is_not_older_than_a_refresh(tree, server):
    assert (tree.issues / "WEB-3/status").read_text() == "unresolved\n"
    assert server.put(f"{server.org}/issues/WEB-3/", {"status": "resolved"}).status == 200
    assert (tree.issues / "WEB-3/status").read_text() == "unresolved\n"
    refresh(tree)
    assert (tree.issues / "WEB-3/status").read_text() == "resolved\n"


def test_nor_is_what_was_under_way(tree, front, server):
    listed, asked, go = tree.issues / "WEB-3/comments", threading.Event(), threading.Event()
    assert server.call("POST", f"{server.org}/issues/WEB-3/comments/", {"text": "one"}).status == 201
    before = set(os.listdir(listed))
    refresh(tree)
    os.listdir(tree.issues)

    def rewrite(target, headers, body):
        if "/comments/" in target and not asked.is_set():
            asked.set()
            go.wait(20)
    front.rewrite = rewrite
    with subprocess.Popen(["ls", listed], stdout=subprocess.PIPE, text=True) as reader:
        assert asked.wait(20)
        assert server.call("POST", f"{server.org}/issues/WEB-3/comments/", {"text": "two"}).status == 201
        refresh(tree)
        seen = reader.communicate(timeout=20)[0].split()
    go.set()
    assert len(seen) == len(before) + 1 and before < set(seen)
    assert set(os.listdir(listed)) == set(seen)
