# SPDX-License-Identifier: MIT
"""Each kind of server: what is asked of it, what it lacks, and how that is said."""

import json
import os
import re

import pytest
from conftest import Sandbox, server_of
from writing import attempt, error_of

ISSUES = "acme/projects/web/issues"
# EOPNOTSUPP is called ENOTSUP by Python: they are one number
KINDS = ("sentry", "self-hosted", "glitchtip", "glitchtip-old")


def asked(server, *methods):
    return [(r["method"], r["path"].removeprefix("/api/0/") + ("?" + r["query"] if r["query"] else ""))
            for r in server.requests() if not methods or r["method"] in methods]


def sent(server):
    return [(r["method"], r["path"].removeprefix("/api/0/"), json.loads(r["body"]) if r["body"] else None)
            for r in server.requests() if r["method"] != "GET"]


@pytest.fixture(scope="module", params=KINDS)
def server(request):
    s = Sandbox("--dialect", request.param, "--issues", 120, "--unresolved-only")
    s.kind = request.param
    yield s
    s.stop()


@pytest.fixture
def tree(mount, server):
    server.faults()
    m = mount(server=server)
    assert m.start.returncode == 0, m.start.stderr
    m.issues = m.where / ISSUES
    os.listdir(m.issues)
    server.forget()
    return m


@pytest.fixture
def servers():
    """A function that starts one; all end afterwards."""
    all_of_them = []

    def start(*args):
        all_of_them.append(Sandbox(*args))
        return all_of_them[-1]
    yield start
    for s in all_of_them:
        s.stop()


def glitchtip(kind):
    return kind.startswith("glitchtip")


# ---- which server it is, and what that costs ----

def test_what_the_start_and_the_first_listing_ask(mount, server):
    server.forget()
    m = mount(server=server)
    at_start = asked(server)
    assert os.listdir(m.where / ISSUES)
    first = [("GET", "organizations/")]
    assert at_start == (first if server.kind == "sentry" else [*first, ("GET", "")])
    assert asked(server).count(("GET", "")) == 1, "the scopes and the version are of one answer"
    assert m.status()["dialect"] == server.kind


def test_a_new_self_hosted_server(mount, servers):
    s = servers("--dialect", "self-hosted", "--new-shapes")
    m = mount(server=s)
    issue = m.where / ISSUES / "WEB-1"
    assert m.status()["dialect"] == "self-hosted" and os.listdir(issue.parent)
    assert {"priority", "substatus"} <= set(os.listdir(issue))
    assert attempt(issue / "priority", "high\n" if (issue / "priority").read_text() != "high\n" else "low\n") is None


@pytest.mark.parametrize("kind,words", [("sentry", "refuses the token"), ("self-hosted", "refuses the token"),
                                        ("glitchtip", "refuses the token"), ("glitchtip-old", "refuses the token")])
def test_a_bad_token_is_said_at_the_start(mount, servers, kind, words):
    """GlitchTip's older versions answer 403, others 401."""
    m = mount(server=servers("--dialect", kind), token="0" * 64)
    assert m.start.returncode == 1 and words in m.start.stderr, m.start.stderr


@pytest.mark.parametrize("seen", [True, False], ids=["with what was seen", "with nothing"])
def test_offline_it_is_the_same_server(mount, server, tmp_path, seen):
    cache = {"XDG_CACHE_HOME": str(tmp_path / "kept")}
    if seen:
        m = mount(server=server, source="acme/web", env=cache)
        before = sorted(os.listdir(m.where / "issues/WEB-3"))
        os.listdir(m.where / "issues")
        m.unmount()
    server.forget()
    m = mount("--offline", server=server, source="acme/web", env=cache)
    assert asked(server) == []
    if seen:
        # what an older Sentry lacks its issues tell, which come from the store
        assert os.listdir(m.where / "issues") and sorted(os.listdir(m.where / "issues/WEB-3")) == before
        assert m.status()["dialect"] == ("self-hosted" if server.kind == "sentry" else server.kind)
    else:
        assert m.start.returncode == 1 and "offline" in m.start.stderr, m.start.stderr


@pytest.mark.parametrize("fault", [{"status": 503}, {"reset": 0}, {"status": 200, "body": "<html>Log in</html>"}], ids=str)
def test_it_is_not_guessed_which_server_it_is(mount, servers, fault):
    """A failure of the one request that tells it is a failure of the start: a write in the words of another kind of server
    would say what was not meant."""
    s = servers("--dialect", "glitchtip")
    s.faults({"path": "^/api/0/$", **fault})
    m = mount(server=s, source="acme/web")
    said = "{} does not answer as Sentry does: .*API at that" if "body" in fault else r"cannot reach {}: [A-Z].+\(.+\)"
    assert m.start.returncode == 1 and re.match("sentryfs: " + said.format(s.url), m.start.stderr), m.start.stderr
    s.faults({"path": "^/api/0/$", **fault, "times": 1 if "body" not in fault else 0})
    m = mount(server=s, source="acme/web")
    assert m.start.returncode == 0 and m.status()["dialect"] == "glitchtip"


@pytest.mark.parametrize("fault", [{"status": 503}, {"status": 200, "body": "<html>Log in</html>"}],
                         ids=["it fails", "a login page is in between"])
def test_what_began_without_the_server_finds_out_which_it_is(mount, servers, tmp_path, fault):
    """The limits that an answer tells of are no server's of one's own, and it has regions."""
    s, env = servers(), {"XDG_CACHE_HOME": str(tmp_path / "kept")}
    m = mount(server=s, source="acme", env=env)
    assert os.listdir(m.where / "projects/web/issues") and m.status()["dialect"] == "sentry"
    m.unmount()
    s.faults({"path": "", **fault})
    m = mount(server=s, source="acme", env=env)
    assert m.start.returncode == 0 and "showing what an earlier mount has seen" in m.start.stderr
    assert m.status()["dialect"] == "self-hosted"
    s.faults()
    for project in ("api", "desktop"):
        assert os.listdir(m.where / "projects" / project / "issues")
    assert m.status()["dialect"] == "sentry"


# ---- listings ----

def test_the_list_of_issues_is_asked_for(mount, server):
    m = mount(server=server)
    server.forget()
    names = os.listdir(m.where / ISSUES)
    pages = [q for _, q in asked(server) if q.startswith("organizations/acme/issues/?")]
    own = "&sort=-last_seen" if glitchtip(server.kind) else "&groupStatsPeriod=&collapse=filtered&collapse=unhandled"
    start = f"organizations/acme/issues/?project=4500&query=is%3Aunresolved&limit=100{own}"
    assert len([n for n in names if n.startswith("WEB-")]) == len(set(names)) == 120
    assert len(pages) == 2 and pages[0] == start and pages[1].startswith(start + "&cursor=")
    cursor = pages[1].partition("&cursor=")[2]
    assert bool(re.fullmatch(r"\d+%3A\d+%3A0", cursor)) == (not glitchtip(server.kind)), cursor


def test_every_status_is_listed_only_where_it_is_asked_for(mount, servers):
    """GlitchTip's list has every status unless it is told, so the query always goes along."""
    for kind in KINDS:
        m = mount(server=servers("--dialect", kind), name=kind)
        for status in (m.where / ISSUES).glob("*/status"):
            assert status.read_text() == "unresolved\n"


def test_what_a_server_lacks_is_not_listed(tree, server):
    lacks = {"sentry": set(), "self-hosted": {"priority", "substatus"}}.get(server.kind, {
        "activity.jsonl", "platform", "substatus", "priority", "hasSeen", "isBookmarked", "isSubscribed", "isPublic",
        "merge", *({"assignedTo"} if server.kind == "glitchtip-old" else ())})
    every = {"activity.jsonl", "platform", "substatus", "priority", "hasSeen", "isBookmarked", "isSubscribed",
             "isPublic", "merge", "assignedTo", "hashes", "events", "tags", "comments", "status", "statusDetails"}
    assert every - set(os.listdir(tree.issues / "WEB-3")) == lacks
    events = {n for n in os.listdir(tree.issues / "WEB-3/events") if n in ("latest.json", "oldest.json",
                                                                          "recommended.json")}
    assert events == ({"latest.json"} if glitchtip(server.kind) else {"latest.json", "oldest.json", "recommended.json"})
    readme = (tree.where / "README.md").read_text().split("```")[1]
    for name in lacks:
        assert not re.search(rf"^ +{re.escape(name)}$", readme, re.M), name


def test_what_a_server_lacks_says_so_by_its_name(tree, server):
    names = {"sentry": ()}.get(server.kind, ("priority", "substatus"))
    if glitchtip(server.kind):
        names = ("priority", "substatus", "merge", "activity.jsonl", "hasSeen", "attachments")
    for name in names:
        server.forget()
        assert error_of(os.stat, tree.issues / "WEB-3" / name) == "ENOTSUP", name
        assert attempt(tree.issues / "WEB-3" / name, "high\n")[1] == "ENOTSUP", name
        error = (tree.issues / "WEB-3/last-error").read_text()
        assert f"use {name} of WEB-3" in error and "EOPNOTSUPP" in error and "this server" in error, error
        assert f"use {name} of WEB-3" in (tree.where / ".sentryfs/errors").read_text()
        assert asked(server) == []


def test_a_whole_tree_is_read_without_an_error(tree, server):
    done = tree.sh(f"tar -cf - {ISSUES}/WEB-3 acme/*.tsv acme/*.json acme/projects/web/project.json | tar -tf -")
    assert (done.returncode, done.stderr) == (0, "")
    assert not (tree.where / ".sentryfs/errors").read_text()
    assert tree.sh(f"grep -r no-such-words {ISSUES}/WEB-3").returncode == 1


def test_searches(tree, server):
    stream = "&sort=-last_seen" if glitchtip(server.kind) else "&groupStatsPeriod=&collapse=filtered&collapse=unhandled"
    found = os.listdir(tree.where / "acme/projects/web/search/is:unresolved level:fatal")
    assert ("GET", f"organizations/acme/issues/?project=4500&query=is%3Aunresolved%20level%3Afatal&limit=100{stream}") in (
        asked(server))
    assert found == os.listdir(tree.where / "acme/projects/web/by-level/fatal")
    assert found and all((tree.issues / n / "level").read_text() == "fatal\n" for n in found)
    server.forget()
    every = os.listdir(tree.where / "acme/search/is:unresolved level:fatal")
    # GlitchTip finds nothing with project=-1
    own = "" if glitchtip(server.kind) else "project=-1&"
    assert asked(server)[-1] == (
        "GET", f"organizations/acme/issues/?{own}query=is%3Aunresolved%20level%3Afatal&limit=100{stream}")
    assert set(found) < set(every)
    window = tree.where / "acme/projects/web/search/is:unresolved&statsPeriod=24h"
    if glitchtip(server.kind):
        server.forget()
        assert {"by-assignee", "recent"}.isdisjoint(os.listdir(tree.issues.parent))
        assert error_of(os.listdir, window) == error_of(os.listdir, tree.issues.parent / "recent") == "ENOTSUP"
        assert "takes no statsPeriod" in (tree.issues.parent / "search/last-error").read_text()
        assert asked(server) == []
    else:
        assert os.listdir(window) and os.listdir(tree.issues.parent / "recent")


# ---- one issue: where it is asked for ----

def test_paths_of_an_issue(tree, server):
    own = "issues/5000000003/" if server.kind == "glitchtip-old" else "organizations/acme/issues/5000000003/"
    issue = tree.issues / "WEB-3"
    size = "limit" if glitchtip(server.kind) else "per_page"
    for path, wanted in [
            ("details.json", [own if glitchtip(server.kind) else "organizations/acme/issues/WEB-3/"]),
            ("tags", [own + "tags/?limit=100"]), ("comments", [own + "comments/?per_page=100"]),
            ("hashes", ["organizations/acme/issues/5000000003/hashes/?per_page=100"]),
            ("events", [own + f"events/?{size}=100"]), ("user-reports.jsonl", [own + "user-reports/?per_page=100"])]:
        server.forget()
        done = tree.sh(f"cd {issue}; [ -d {path} ] && ls {path} || cat {path}")
        assert done.returncode == 0 and done.stdout, done.stderr
        assert [p for _, p in asked(server)] == wanted, path


def test_events_are_whole(tree, server):
    events = tree.issues / "WEB-1/events"
    names = [n for n in os.listdir(events) if re.fullmatch(r"[0-9a-f]{32}\.json", n)]
    assert len(names) == 100
    server.forget()
    for name in names[:3]:
        event = json.loads((events / name).read_text())
        assert event["eventID"] == name.removesuffix(".json") and event["entries"]
    # GlitchTip's list has them whole; Sentry gives them by the page from the second one on
    assert bool(asked(server)) == (not glitchtip(server.kind)), asked(server)
    assert os.readlink(events / "latest.json") in names


def test_an_issue_that_is_not_listed(mount, servers, server):
    s = servers("--dialect", server.kind)
    m = mount(server=s)
    s.forget()
    assert (m.where / ISSUES / "WEB-4/status").read_text() == "resolved\n"
    paths = [p for _, p in asked(s)]
    assert paths[0] == "organizations/acme/projects/?per_page=100"
    if glitchtip(server.kind):
        # it does not look short ids up: all of the project's issues do
        assert [p.partition("&cursor")[0] for p in paths[1:]] == 2 * [
            "organizations/acme/issues/?project=4500&query=&limit=100&sort=-last_seen"]
    else:
        assert paths[1:] == ["organizations/acme/issues/WEB-4/"]
    s.forget()
    assert os.readlink(m.where / ISSUES / "5000000006") == "WEB-3" or glitchtip(server.kind)
    assert os.readlink(m.where / ISSUES / "5000000005") == "WEB-5"
    assert error_of(os.stat, m.where / ISSUES / "WEB-ZZZZ") == "ENOENT"
    assert os.readlink(m.where / "acme/issues/web-4") == "../projects/web/issues/WEB-4"


# ---- writing ----

WRITES = [
    # value, bodies by kind of server; None: EOPNOTSUPP
    ("status", "resolved", {"*": [{"status": "resolved"}]}),
    ("status", "ignored", {"sentry": [{"status": "ignored", "substatus": "archived_until_escalating"}],
                           "*": [{"status": "ignored"}]}),
    ("status", "ignored forever", {"sentry": [{"status": "ignored", "substatus": "archived_forever"}],
                                   "*": [{"status": "ignored"}]}),
    ("status", "ignored for 30m", {
        "sentry": [{"status": "ignored", "substatus": "archived_until_condition_met",
                    "statusDetails": {"ignoreDuration": 30}}],
        "self-hosted": [{"status": "ignored", "statusDetails": {"ignoreDuration": 30}}], "*": None}),
    ("status", "resolvedInNextRelease", {
        "sentry": [{"status": "resolvedInNextRelease"}], "self-hosted": [{"status": "resolvedInNextRelease"}],
        "glitchtip": [{"status": "resolved", "statusDetails": {"inNextRelease": True}}], "*": None}),
    ("status", "resolved in web@1.2.0", {"glitchtip-old": None, "*": [
        {"status": "resolved", "statusDetails": {"inRelease": "web@1.2.0"}}]}),
    ("status", "resolved in @commit:acme/web@" + 40 * "a", {
        "glitchtip": None, "glitchtip-old": None, "*": [{"status": "resolved", "statusDetails": {
            "inCommit": {"commit": 40 * "a", "repository": "acme/web"}}}]}),
    ("assignedTo", "me", {"glitchtip": [{"status": "unresolved", "assignedTo": "user:1"}], "glitchtip-old": None,
                          "*": [{"assignedTo": "user:1"}]}),
    ("assignedTo", "team:frontend", {"glitchtip": [{"status": "unresolved", "assignedTo": "team:frontend"}],
                                     "glitchtip-old": None, "*": [{"assignedTo": "team:12"}]}),
    ("assignedTo", "mei@acme.example", {
        "glitchtip": [{"status": "unresolved", "assignedTo": "mei@acme.example"}], "glitchtip-old": None,
        "*": [{"assignedTo": "mei@acme.example"}]}),
]


@pytest.mark.parametrize("number,field,value,wanted", [(n, *w) for n, w in enumerate(WRITES)],
                         ids=[w[1].split("@commit")[0] for w in WRITES])
def test_writes(tree, server, number, field, value, wanted):
    # none of them is assigned
    issue = tree.issues / ("WEB-7", "WEB-8", "WEB-B", "WEB-F", "WEB-G", "WEB-K", "WEB-M", "WEB-Q", "WEB-W", "WEB-Z")[number]
    bodies = wanted.get(server.kind, wanted["*"])
    found = attempt(issue / field, value + "\n")
    if bodies is None:
        assert found[1] == "ENOTSUP" and sent(server) == []
        assert "this " in (issue / "last-error").read_text()
        return
    assert found is None, (issue / "last-error").read_text()
    at = json.loads((issue / "issue.json").read_text())["id"]
    assert sent(server) == [("PUT", f"organizations/acme/issues/{at}/", b) for b in bodies]
    word = {"resolvedInNextRelease": "resolved"}.get(value, value.split()[0])
    assert (issue / field).read_text() in (f"{word}\n", "jane@acme.example\n") and not (issue / "last-error").read_text()
    now = server.control("GET", f"issues/{issue.name}")
    assert now["status"] == word if field == "status" else now["assignedTo"]
    if field == "status" and server.kind != "sentry":
        # what is so already is not sent, in an older word too
        server.forget()
        assert attempt(issue / field, word + "\n") is None and sent(server) == []


def test_a_bad_value_is_the_servers_422(tree, server):
    if server.kind == "glitchtip-old":
        assert attempt(tree.issues / "WEB-10/status", "resolved in nowhere\n")[1] == "ENOTSUP"
        return
    assert attempt(tree.issues / "WEB-10/status", "resolved in nowhere\n") == ("write", "EINVAL")
    assert ("HTTP 422" if glitchtip(server.kind) else "HTTP 400") in (tree.issues / "WEB-10/last-error").read_text()


def test_comments(tree, server):
    issue = tree.issues / "WEB-3"
    own = "issues/5000000003/" if server.kind == "glitchtip-old" else "organizations/acme/issues/5000000003/"
    before = set(os.listdir(issue / "comments"))
    text = f"on {server.kind}"
    assert attempt(issue / "comments/new", text) is None, (issue / "last-error").read_text()
    made = next(iter(set(os.listdir(issue / "comments")) - before))
    assert (issue / "comments" / made).read_text() == text + "\n"
    assert sent(server) == [("POST", own + "comments/", {"text": text, "data": {"text": text}})]
    server.forget()
    assert attempt(issue / "comments" / made, text + "!") is None, (issue / "last-error").read_text()
    assert attempt(issue / "comments/remove", made[:3]) is None, (issue / "last-error").read_text()
    assert [m for m, *_ in sent(server)] == ["PUT", "DELETE"]
    assert set(os.listdir(issue / "comments")) == before


def test_bulk(tree, server):
    names = ("WEB-1K", "WEB-1M")
    assert attempt(tree.issues / ".bulk/status", "".join(f"{n} resolved\n" for n in names)) is None
    ids = [json.loads((tree.issues / n / "issue.json").read_text())["id"] for n in names]
    assert sent(server) == [("PUT", "organizations/acme/issues/", {"status": "resolved"})]
    put, look = server.requests()
    assert put["query"] == "&".join(f"id={i}" for i in ids)
    by = "id" if glitchtip(server.kind) else "group"
    assert "&".join(f"{by}={i}" for i in ids) in look["query"] and look["method"] == "GET"
    assert [(tree.issues / n / "status").read_text() for n in names] == ["resolved\n"] * 2
    if glitchtip(server.kind):
        assert error_of(os.stat, tree.issues / ".bulk/assignedTo") == "ENOTSUP"
        assert set(os.listdir(tree.issues / ".bulk")) == {"status", "last-error"}


def test_rmdir(tree, server):
    at = json.loads((tree.issues / "WEB-2A/issue.json").read_text())["id"]
    assert tree.sh(f"rmdir {ISSUES}/WEB-2A").returncode == 0
    own = f"issues/{at}/" if server.kind == "glitchtip-old" else f"organizations/acme/issues/{at}/"
    assert sent(server) == [("DELETE", own, None)]
    done = [r["status"] for r in server.requests() if r["method"] == "DELETE"]
    assert done == [204 if glitchtip(server.kind) else 202]
    assert "WEB-2A" not in os.listdir(tree.issues)
    assert server.control("GET", "issues/WEB-2A")["deleted"]


def test_who_may_write_may_delete_with_glitchtip(mount, server):
    m = mount(server=server, token=server.make_token("event:read", "event:write", "org:read", "project:read"))
    os.listdir(m.where / ISSUES)
    assert ("yes" if glitchtip(server.kind) else "event:admin") in m.status()["deletes"]


# ---- what answers tell ----

@pytest.mark.parametrize("kind", KINDS)
def test_a_server_without_hashes(mount, servers, kind):
    """A path that is nowhere, not an issue that is gone: from then on there is no such directory."""
    s = servers("--dialect", kind, "--without", "hashes")
    m = mount(server=s)
    issue = m.where / ISSUES / "WEB-3"
    assert "hashes" in os.listdir(issue)
    assert error_of(os.listdir, issue / "hashes") == "ENOTSUP"
    assert "does not list hashes" in (issue / "last-error").read_text()
    s.forget()
    assert "hashes" not in os.listdir(issue) and "hashes" not in os.listdir(issue.parent / "WEB-1")
    assert error_of(os.listdir, issue.parent / "WEB-1/hashes") == "ENOTSUP"
    assert not [p for _, p in asked(s) if "hashes" in p]
    # after a refresh it is tried again
    assert attempt(m.where / ".sentryfs/refresh", "1\n") is None
    assert "hashes" in os.listdir(issue)


def test_an_issue_that_is_gone_is_no_missing_feature(mount, servers):
    s = servers()
    m = mount(server=s)
    os.stat(m.where / ISSUES / "WEB-3")
    s.control("POST", "mutate", {"op": "delete", "issue": "WEB-3"})
    assert error_of(os.listdir, m.where / ISSUES / "WEB-3/hashes") == "ENOENT"
    assert "hashes" in os.listdir(m.where / ISSUES / "WEB-1")


# ---- regions ----

def test_an_organization_is_asked_for_in_its_region(mount, servers):
    region = servers("--dialect", "sentry")
    control = servers("--dialect", "sentry", "--region-url", region.url)
    m = mount(server=control, token=control.token)
    name = os.listdir(m.where / ISSUES)[0]
    assert attempt(m.where / ISSUES / "WEB-1/status", "resolved\n") is None
    assert (m.where / "acme/members.tsv").read_text() and name
    assert sorted(set(asked(control))) == [("GET", ""), ("GET", "organizations/")], "the token's own, nothing of acme"
    there = asked(region)
    assert ("GET", "organizations/acme/projects/?per_page=100") in there
    assert ("PUT", "organizations/acme/issues/5000000001/") in there
    assert region.control("GET", "issues/WEB-1")["status"] == "resolved"
    assert control.control("GET", "issues/WEB-1")["status"] == "unresolved"


@pytest.mark.parametrize("told", ["http://10.255.255.1", "https://us.sentry.io", "https://127.0.0.1.evil.example",
                                  "http://user@127.0.0.1", "http://127.0.0.1:1/path", "nonsense", ""])
def test_a_region_elsewhere_is_not_followed(mount, servers, told):
    s = servers("--dialect", "sentry", "--region-url", told)
    m = mount(server=s, source="acme")
    assert len(os.listdir(m.where / "projects")) == 3
    assert [p for _, p in asked(s)] == ["organizations/acme/?detailed=0", "organizations/acme/projects/?per_page=100"]


@pytest.mark.parametrize("kind", ["self-hosted", "glitchtip"])
def test_a_server_of_ones_own_has_no_regions(mount, servers, kind):
    """What it says may be a name that only its own network knows."""
    other = servers("--dialect", kind)
    s = servers("--dialect", kind, "--region-url", other.url)
    m = mount(server=s)
    assert os.listdir(m.where / ISSUES)
    assert asked(other) == []


# ---- attachments and user reports ----

dumps = server_of("--dialect", "sentry", "--dump-bytes", 3 << 20)


def test_attachments(mount, dumps):
    m = mount(server=dumps)
    issue = m.where / ISSUES / "WEB-3"
    assert "attachments" not in os.listdir(issue), "it is found by its name"
    dumps.forget()
    names = sorted(os.listdir(issue / "attachments"))
    assert names == ["50000000030-view.log", "50000000031-screenshot.png", "50000000032-core.dmp"]
    sizes = [os.stat(issue / "attachments" / n).st_size for n in names]
    assert sizes == [1640, 67, (3 << 20) + 4]
    event = json.loads((issue / "events/latest.json").read_text())["eventID"]
    assert ("GET", "organizations/acme/issues/5000000003/attachments/?per_page=100") in asked(dumps)
    dumps.forget()
    contents = [(issue / "attachments" / n).read_bytes() for n in names]
    assert [len(c) for c in contents] == sizes
    assert contents[1].startswith(b"\x89PNG\r\n\x1a\n\0\0\0\r") and contents[2] == bytes(range(256)) * (12 << 10) + b"MDMP"
    assert asked(dumps) == [("GET", f"projects/acme/web/events/{event}/attachments/5000000003{i}/?download=1")
                            for i in range(3)]
    dumps.forget()
    assert [(issue / "attachments" / n).read_bytes() for n in names] == contents and asked(dumps) == []
    copied = m.sh(f"cd {issue} && tar -cf - attachments | tar -C {m.where.parent} -xf - && "
                  f"diff -r attachments {m.where.parent}/attachments")
    assert (copied.returncode, copied.stdout, copied.stderr) == (0, "", "")


def test_hostile_names_of_attachments(mount, dumps):
    m = mount(server=dumps)
    names = os.listdir(m.where / ISSUES / "WEB-2/attachments")
    assert "50000000020-..%2F..%2Fetc%2Fpass%E2%80%AEwd%1B[2J%0A.txt" in names
    assert all((m.where / ISSUES / "WEB-2/attachments" / n).read_bytes() for n in names)


def test_an_attachment_that_is_too_large(mount, servers):
    s = servers("--dialect", "sentry", "--dump-bytes", 17 << 20)
    m = mount(server=s)
    attachments = m.where / ISSUES / "WEB-3/attachments"
    assert len(os.listdir(attachments)) == 3
    s.forget()
    assert error_of(open, attachments / "50000000032-core.dmp", "rb") == "EFBIG"
    assert "50000000032-core.dmp: it has 17825796 bytes" in (m.where / ".sentryfs/errors").read_text()
    assert asked(s) == []
    assert os.stat(attachments / "50000000032-core.dmp").st_size == (17 << 20) + 4


def test_an_attachment_whose_size_was_not_true(mount, servers):
    """The list says less than there is: what is read is what came."""
    s = servers("--dialect", "sentry")
    m = mount(server=s)
    log = m.where / ISSUES / "WEB-3/attachments/50000000030-view.log"
    assert os.stat(log).st_size == 1640
    s.faults({"path": "attachments/50000000030/$", "status": 200, "body": "x" * 1700 + "\n"})
    assert m.sh(f"cat {log}").stdout == "x" * 1700 + "\n" and os.stat(log).st_size == 1701


def test_no_attachments_without_the_scope(mount, servers):
    s = servers("--dialect", "sentry")
    m = mount(server=s, source="acme/web", token=s.make_token("event:read"))
    attachments = m.where / "issues/WEB-3/attachments"
    assert len(os.listdir(attachments)) == 2
    assert error_of(open, attachments / "50000000030-view.log", "rb") == "EACCES"


@pytest.mark.parametrize("server", [k for k in KINDS if k != "glitchtip-old"], indirect=True)   # which takes the status alone
def test_a_field_does_not_undo_the_status_of_others(tree, server):
    """GlitchTip wants the status in every PUT: it is the one of now, not the one that was listed."""
    name = sorted(n for n in os.listdir(tree.issues) if n.startswith("WEB-"))[-1]
    one = tree.issues / name
    assert server.put(f"/organizations/acme/issues/{server.issue(name)['id']}/", {"status": "resolved"}).status == 200
    server.forget()
    assert (one / "status").read_text() == "unresolved\n", "as it was listed"
    assert attempt(one / "assignedTo", "bob@acme.example") is None
    assert server.issue(name)["status"] == "resolved" and server.issue(name)["assignedTo"]["id"] == "2"
    assert [m for m, _ in asked(server)] == (["GET", "PUT"] if glitchtip(server.kind) else ["PUT"])
    # and a change of our own is not undone by a replica that has not heard of it
    assert attempt(one / "status", "unresolved") is None
    assert attempt(one / "assignedTo", "jane@acme.example") is None
    assert server.issue(name)["status"] == "unresolved" and asked(server, "GET") == asked(server, "GET")[:1]


@pytest.mark.parametrize("part,path", [("attachments", "attachments"), ("user-reports", "user-reports.jsonl")])
def test_a_feature_that_is_switched_off(mount, servers, part, path):
    s = servers("--dialect", "sentry", "--without", part)
    m = mount(server=s)
    assert error_of(os.open, m.where / ISSUES / "WEB-3" / path, os.O_RDONLY) == "ENOTSUP"
    s.forget()
    assert error_of(os.open, m.where / ISSUES / "WEB-1" / path, os.O_RDONLY) == "ENOTSUP"
    assert not [p for _, p in asked(s) if part in p]


def test_user_reports(tree, server):
    reports = tree.issues / "WEB-3/user-reports.jsonl"
    assert "user-reports.jsonl" not in os.listdir(reports.parent)
    rows = [json.loads(line) for line in reports.read_text().splitlines()]
    assert [r["name"] for r in rows] == ["Ana", "Bo"] and "\x1b" not in reports.read_text()
    assert (tree.issues / "WEB-1/user-reports.jsonl").read_text() == ""


def test_grep_pays_nothing_for_them(mount, servers):
    s = servers("--dialect", "sentry")
    m = mount(server=s)
    os.listdir(m.where / ISSUES)
    s.forget()
    assert m.sh(f"grep -r no-such-words {ISSUES}/WEB-3").returncode == 1
    assert not [p for _, p in asked(s) if "attachments" in p or "user-reports" in p]
