# SPDX-License-Identifier: MIT
"""The sandbox's reading side: start and end, cursors, searches, one issue and its events, scopes."""

import json
import signal
import subprocess

import pytest
from conftest import server_of
from sandbox.client import SERVE, Sandbox, ids, issue_path

ALONE, ROBOT = "sntryu_" + "02" * 32, "sntryi_" + "03" * 32

shared = server_of()    # for tests that change nothing
server = server_of(scope="function")


def test_start_and_end():
    s = Sandbox("--seed", 7)
    assert s.get("/").json["version"] == "0" and s.pid == s.process.pid
    assert s.stop() == 0
    s = Sandbox()
    s.process.send_signal(signal.SIGINT)
    assert s.process.wait(10) == 0
    s.process.stdout.close()
    bad = subprocess.run([SERVE, "--issues", "x"], capture_output=True, text=True)
    assert bad.returncode == 2 and "--issues" in bad.stderr


def test_same_seed_same_answers():
    def bodies(seed):
        with Sandbox("--seed", seed, "--now", 1790000000) as s:
            host = s.url.encode()
            return [s.get(p).body.replace(host, b"") for p in (
                s.org + "/issues/", issue_path(s, "WEB-1"), issue_path(s, "API-4") + "events/latest/")]
    assert bodies(3) == bodies(3) != bodies(4)


# -- cursors ----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("sort", ["date", "new", "freq", "user", "trends", "recommended"])
def test_stream_walks_everything_once(shared, sort):
    whole = ids(shared.walk(shared.org + "/issues/", query="", sort=sort, limit=100))
    small = ids(shared.walk(shared.org + "/issues/", query="", sort=sort, limit=7))
    assert small == whole and len(set(whole)) == len(whole) > 250


def test_stream_has_ties_and_seeks(shared):
    seen = ids(shared.walk(shared.org + "/issues/", query="", limit=3), "lastSeen")
    assert len(set(seen)) < len(seen) and seen == sorted(seen, reverse=True)
    cursors = [p.links["next"][0] for p in shared.walk(shared.org + "/issues/", query="", limit=1)]
    assert any(c.split(":")[1] != "0" for c in cursors)
    assert shared.get(shared.org + "/issues/", cursor="0:100:0").json == []
    page = shared.get(shared.org + "/issues/", query="", limit=5)
    second = shared.get(shared.org + "/issues/", query="", limit=5, cursor=page.links["next"][0])
    assert second.links["previous"][1]
    newest = shared.get(shared.org + "/issues/", query="", limit=5, cursor=page.links["previous"][0])
    assert newest.json[0] == page.json[0] and not newest.links["previous"][1]


def test_offset_lists_walk_everything_once(shared):
    events = ids(shared.walk(issue_path(shared, "WEB-1") + "events/", per_page=20), "eventID")
    assert len(set(events)) == len(events) == 137
    projects = ids(shared.walk(shared.org + "/projects/", per_page=2), "slug")
    assert projects == sorted(projects) and len(projects) == 3
    values = ids(shared.walk(issue_path(shared, "WEB-1") + "tags/user/values/", per_page=2), "value")
    assert len(set(values)) == len(values) == 9
    hashes = ids(shared.walk(issue_path(shared, "WEB-1") + "hashes/", per_page=1, full="0"))
    assert len(set(hashes)) == 2


def test_page_sizes(shared):
    issues, events = shared.org + "/issues/", issue_path(shared, "WEB-1") + "events/"
    assert shared.get(issues, limit="x").json == {"detail": "invalid limit"}
    assert len(shared.get(issues, limit=500).json) == 100
    assert len(shared.get(issues, per_page=1).json) == 100
    for bad in ("0", "101", "-1", "x"):
        assert shared.get(events, per_page=bad).status == 400
    for bad in ("1:2", "a:0:0", "1:0:2", "1:0:0:0"):
        assert shared.get(issues, cursor=bad).status == shared.get(events, cursor=bad).status == 400
    full = shared.get(events, full="1", per_page=50)
    assert len(full.json) == 10 and full.links["next"] == ("0:10:0", True)
    assert len(shared.get(events, full="yes", per_page=50).json) == 50


def test_hits(shared):
    reply = shared.get(shared.org + "/issues/", query="", limit=1)
    assert int(reply.headers["X-Hits"]) == len(ids(shared.walk(shared.org + "/issues/", query="")))
    assert reply.headers["X-Max-Hits"] == "1000"
    assert shared.get(shared.org + "/projects/").headers["X-Hits"] is None


def test_a_thousand_unresolved():
    with Sandbox("--issues", 1000, "--unresolved-only", "--projects", 1) as s:
        pages = list(s.walk(s.org + "/issues/"))
        assert [len(p.json) for p in pages] == [100] * 10 and len(set(ids(pages))) == 1000


def test_short_pages():
    with Sandbox("--post-filter", 1) as s:
        pages = [len(p.json) for p in s.walk(s.org + "/issues/", limit=50)]
        assert 0 in pages and sum(pages) > 0


def test_no_projects():
    with Sandbox("--projects", 0) as s:
        reply = s.get(s.org + "/issues/")
        assert reply.json == [] and reply.headers["Link"] is None


# -- listing ----------------------------------------------------------------------------------------------------------

def test_default_query_and_statuses(shared):
    assert {i["status"] for i in shared.get(shared.org + "/issues/").json} == {"unresolved"}
    assert {i["status"] for i in shared.get(shared.org + "/issues/", query="").json} == {
        "unresolved", "resolved", "ignored"}
    for word, want in (("resolved", "resolved"), ("archived", "ignored"), ("ignored", "ignored")):
        assert {i["status"] for i in shared.get(shared.org + "/issues/", query="is:" + word).json} == {want}


SEARCHES = [
    ("level:fatal", lambda i: i["level"] == "fatal"),
    ("!level:error", lambda i: i["level"] != "error"),
    ("level:[fatal, warning]", lambda i: i["level"] in ("fatal", "warning")),
    ("assigned:me", lambda i: (i["assignedTo"] or {}).get("id") == "1"),
    ("assigned:none", lambda i: i["assignedTo"] is None),
    ("is:unassigned is:unresolved", lambda i: i["assignedTo"] is None and i["status"] == "unresolved"),
    ("assigned:bob@acme.example", lambda i: (i["assignedTo"] or {}).get("id") == "2"),
    ("assigned:#backend", lambda i: (i["assignedTo"] or {}).get("name") == "backend"),
    ("bookmarks:me", lambda i: i["isBookmarked"]),
    ("project:api", lambda i: i["project"]["slug"] == "api"),
    ("timesSeen:>10", lambda i: int(i["count"]) > 10),
    ("timesSeen:<=2", lambda i: int(i["count"]) <= 2),
    ("times_seen:>10", lambda i: int(i["count"]) > 10),
    ("!timesSeen:>10", lambda i: int(i["count"]) <= 10),
    ("!is:unresolved", lambda i: i["status"] != "unresolved"),
    ("!assigned:me is:assigned", lambda i: i["assignedTo"] and i["assignedTo"]["id"] != "1"),
    ("!project:web", lambda i: i["project"]["slug"] != "web"),
    ("issue.priority:[high, medium]", lambda i: i["priority"] in ("high", "medium")),
    ("TypeError", lambda i: "TypeError" in i["title"]),
    ("\"Cannot read\"", lambda i: "Cannot read" in i["title"]),
    ("is:escalating", lambda i: i["substatus"] == "escalating"),
    ("environment:staging", lambda i: True),
    ("server_name:web-1", lambda i: True),
    ("age:-24h", lambda i: True),
    ("platform:go", lambda i: i["platform"] == "go"),
]


@pytest.mark.parametrize("query,matches", SEARCHES)
def test_search(shared, query, matches):
    everything = {i["id"]: i for p in shared.walk(shared.org + "/issues/", query="") for i in p.json}
    found = [i for p in shared.walk(shared.org + "/issues/", query=query) for i in p.json]
    assert all(matches(i) for i in found)
    if query not in ("environment:staging", "server_name:web-1", "age:-24h"):
        assert {i["id"] for i in found} == {k for k, i in everything.items() if matches(i)}
    assert found or query == "age:-24h"
    assert len(found) < len(everything)


def test_search_by_time_and_period(shared):
    issues = shared.org + "/issues/"
    first = shared.get(issues, limit=20).json
    edge = first[10]["lastSeen"]
    newer = shared.get(issues, query=f"is:unresolved lastSeen:>{edge[:26]}").json
    assert [i["id"] for i in newer] == [i["id"] for i in first if i["lastSeen"] > edge]
    day = shared.get(issues, statsPeriod="24h", query="").json
    month = ids(shared.walk(issues, statsPeriod="30d", query=""))
    assert {i["id"] for i in day} < set(month)
    windowed = next(i for i in day if i["shortId"] == "WEB-1")
    assert int(windowed["count"]) < 137 and windowed["lifetime"]["count"] == "137"
    assert shared.get(issues, start="2020-01-01T00:00:00", end="2020-01-02T00:00:00").json == []
    assert shared.get(issues, statsPeriod="soon").status == shared.get(issues, sort="odd").status == 400
    assert shared.get(issues, query="age:").status == shared.get(issues, query="is:odd").status == 400


def test_search_by_subscription_and_first_release(server):
    issues = server.org + "/issues/"
    assert server.get(issues, query="subscribed:me").json == []
    server.put(issue_path(server, "WEB-1"), {"isSubscribed": True})
    assert ids([server.get(issues, query="subscribed:me")], "shortId") == ["WEB-1"]
    oldest = server.get(issue_path(server, "WEB-1") + "events/oldest/").json["release"]["version"]
    assert "WEB-1" in ids(server.walk(issues, query=f"firstRelease:{oldest}"), "shortId")
    assert "WEB-1" not in ids(server.walk(issues, query=f"!firstRelease:{oldest}"), "shortId")


def test_times_by_their_other_names(shared):
    issues = shared.org + "/issues/"
    edge = shared.get(issues, limit=20).json[10]["lastSeen"][:26]
    for one, other in (("lastSeen", "last_seen"), ("firstSeen", "first_seen"), ("firstSeen", "age")):
        found = ids(shared.walk(issues, query=f"{one}:<{edge}"))
        assert found and found == ids(shared.walk(issues, query=f"{other}:<{edge}"))


def test_sort_by_inbox_needs_for_review(shared):
    issues = shared.org + "/issues/"
    assert shared.get(issues, sort="inbox").status == 400
    reviewed = shared.get(issues, sort="inbox", query="is:for_review")
    assert reviewed.status == 200 and reviewed.json


def test_what_is_not_published(shared):
    path = issue_path(shared, "WEB-1")
    for name in ("similar", "open-periods", "external-issues", "integrations", "user-reports", "user-feedback"):
        assert shared.get(path + name + "/").json == [], name
    single = shared.get(path).json
    assert shared.get(path + "current-release/").json == {"currentRelease": single["lastRelease"]}
    assert shared.get(path + "first-last-release/").json["firstRelease"] == single["firstRelease"]
    assert shared.get(path + "pull-requests/").json == {"pullRequests": []}
    assert shared.get(path + "related-issues/").json["data"] == []
    assert len(shared.get(path + "stats/").json) == 24
    assert shared.get(issue_path(shared, "WEB-ZZZZ") + "similar/").status == 404


def test_projects_parameter(shared):
    issues = shared.org + "/issues/"
    api = next(p for p in shared.get(shared.org + "/projects/").json if p["slug"] == "api")
    assert {i["project"]["id"] for i in shared.get(issues, project=api["id"]).json} == {api["id"]}
    assert len(shared.get(issues, project="-1").json) == 100
    assert shared.get(issues, project="api").json == {"detail": "Invalid project parameter. Values must be numbers."}
    assert shared.get(issues, project="1").status == 403
    assert {i["project"]["slug"] for i in shared.get(issues, projectSlug="api").json} == {"api"}
    assert shared.get(issues, environment="nowhere").status == 404
    assert shared.get(issues, environment="staging").json


def test_members_of_an_entry(shared):
    issues = shared.org + "/issues/"
    plain = shared.get(issues, limit=1).json[0]
    assert len(plain["stats"]["24h"]) == 24 and plain["filtered"] is None and isinstance(plain["count"], str)
    assert len(shared.get(issues, limit=1, groupStatsPeriod="14d").json[0]["stats"]["14d"]) == 14
    cheap = shared.get(issues, limit=1, groupStatsPeriod="", collapse=["filtered", "unhandled"]).json[0]
    assert not {"stats", "filtered", "isUnhandled"} & set(cheap) and {"count", "lastSeen", "lifetime"} <= set(cheap)
    for word in ("stats", "lifetime"):
        assert not {"count", "userCount", "firstSeen", "lastSeen"} & set(
            shared.get(issues, limit=1, collapse=word).json[0])
    assert "title" not in shared.get(issues, limit=1, collapse="base").json[0]
    assert shared.get(issues, groupStatsPeriod="7d").status == 400
    assert "inbox" in shared.get(issues, limit=1, expand="inbox").json[0]


def test_groups_and_direct_hits(shared):
    issues = shared.org + "/issues/"
    found = [shared.get(issue_path(shared, n)).json["id"] for n in ("WEB-4", "API-2")]
    reply = shared.get(issues, group=[*found, "99"], query="is:unresolved")
    assert ids([reply]) == sorted(found) and reply.headers["Link"] is None
    event = shared.get(issue_path(shared, "WEB-4") + "events/latest/").json["eventID"]
    hit = shared.get(issues, query=event)
    assert hit.headers["X-Sentry-Direct-Hit"] == "1" and hit.json[0]["matchingEventId"] == event
    hit = shared.get(issues, query="web-4", shortIdLookup="1")
    assert hit.headers["X-Sentry-Direct-Hit"] == "1" and hit.json[0]["shortId"] == "WEB-4"
    assert shared.get(issues, query="WEB-4").headers["X-Sentry-Direct-Hit"] is None


def test_the_old_project_list(shared):
    path = "/projects/acme/web/issues/"
    reply = shared.get(path, token=ALONE)
    assert {i["project"]["slug"] for i in reply.json} == {"web"} and {i["status"] for i in reply.json} == {"unresolved"}
    assert "14d" in shared.get(path, statsPeriod="14d").json[0]["stats"]
    assert shared.get(path, statsPeriod="30d").status == 400
    assert ids(shared.walk(path, query="", limit=9)) == ids(shared.walk(path, query=""))
    assert shared.get(path, query="", cursor="").status == 200


def test_counts(shared):
    counts = shared.get(shared.org + "/issues-count/", query=["is:unresolved", "level:fatal"]).json
    assert counts["is:unresolved"] == 100 and 0 < counts["level:fatal"] < 100
    one = shared.get(issue_path(shared, "WEB-1")).json["id"]
    assert shared.get(shared.org + "/issues-stats/", groups=one).json[0]["count"] == "137"
    assert shared.get(shared.org + "/issues-stats/").status == 400


# -- one issue --------------------------------------------------------------------------------------------------------

def test_names_of_an_issue(shared):
    whole = shared.get(issue_path(shared, "WEB-1")).json
    for name in ("web-1", "Web-1", "WEB_1", "issue:WEB-1", "WEB-I", whole["id"]):
        assert shared.get(issue_path(shared, name)).json["id"] == whole["id"], name
    assert shared.get(f"/issues/{whole['id']}/").json == shared.get(f"/groups/{whole['id']}/").json == whole
    for path in ("/issues/WEB-1/", issue_path(shared, "WEB-ZZZZ"), issue_path(shared, "NONE-1"), "/issues/1/"):
        assert shared.get(path).status == 404, path
    merged = shared.get(issue_path(shared, "WEB-6"))
    assert merged.status == 200 and merged.json["shortId"] == "WEB-3"
    assert shared.get(shared.org + "/shortids/web-1/").json["groupId"] == whole["id"]
    assert {"activity", "seenBy", "participants", "firstRelease", "lastRelease", "tags", "stats"} <= set(whole)
    assert "tags" not in shared.get(issue_path(shared, "WEB-1"), collapse=["tags", "stats"]).json


def test_three_forms_of_an_event(shared):
    path = issue_path(shared, "WEB-1") + "events/"
    light, full = shared.get(path, per_page=1).json[0], shared.get(path, per_page=1, full="true").json[0]
    single = shared.get(path + light["eventID"] + "/").json
    assert light["id"] == full["id"] == single["id"]
    assert "event.type" in light and "entries" not in light
    assert "entries" in full and not {"nextEventID", "release", "event.type"} & set(full)
    assert {"nextEventID", "previousEventID", "release", "userReport", "sdkUpdates", "resolvedWith"} <= set(single)
    assert set(full) < set(single)


def test_neighbours_and_names_of_events(shared):
    path = issue_path(shared, "WEB-1") + "events/"
    latest, seen = shared.get(path + "latest/").json, []
    assert latest["nextEventID"] is None
    event = latest
    while event:
        seen.append(event["eventID"])
        older = event["previousEventID"]
        event = older and shared.get(path + older + "/").json
        assert not event or event["nextEventID"] == seen[-1]
    assert len(set(seen)) == 137
    eid = latest["eventID"]
    dashed = f"{eid[:8]}-{eid[8:12]}-{eid[12:16]}-{eid[16:20]}-{eid[20:]}"
    assert shared.get(path + dashed + "/").json["eventID"] == eid
    assert shared.get(path + "oldest/").status == shared.get(path + "recommended/").status == 200
    assert shared.get(issue_path(shared, "WEB-2") + f"events/{eid}/").status == 404
    assert shared.get(path + "odd/").body == b""
    assert shared.get(f"/projects/acme/web/events/{eid}/").json == latest
    assert shared.get(f"/projects/acme/api/events/{eid}/").status == 404
    assert shared.get(f"/projects/acme/web/events/{eid}/json/").json["event_id"] == eid
    assert shared.get(shared.org + f"/eventids/{eid}/").json["groupId"] == latest["groupID"]
    times = [e["dateCreated"] for e in shared.get("/projects/acme/web/events/").json]
    assert times == sorted(times, reverse=True) and len(times) == 100


def test_hostile_text_and_literals(shared):
    body = shared.get(issue_path(shared, "WEB-2") + "events/latest/").body
    for literal in (b'"big":9007199254740993,', b'"one":1.0,', b'"exp":1e5,', b'"minus zero":-0,', b"\\u001b[31m"):
        assert literal in body
    context = json.loads(body)["context"]
    assert "\0" in context["text"] and "\u202e" in context["text"] and "../../escape" in context
    assert "../" in shared.get(issue_path(shared, "WEB-2")).json["title"]


def test_tags(shared):
    tags = {t["key"]: t for t in shared.get(issue_path(shared, "WEB-1") + "tags/").json}
    assert tags["environment"]["totalValues"] == 137
    assert sum(v["count"] for v in tags["environment"]["topValues"]) == 137
    assert len(shared.get(issue_path(shared, "WEB-1") + "tags/", key="user").json) == 1
    values = shared.get(issue_path(shared, "WEB-1") + "tags/user/values/", sort="-count").json
    counts = [v["count"] for v in values]
    assert counts == sorted(counts, reverse=True) and {"name", "value", "firstSeen", "lastSeen"} <= set(values[0])
    assert shared.get(issue_path(shared, "WEB-1") + "tags/odd/").status == 404


def test_attachments(shared):
    listed = shared.get(issue_path(shared, "WEB-3") + "attachments/").json
    assert {a["name"] for a in listed} == {"view.log", "screenshot.png"}
    one = listed[0]
    path = f"/projects/acme/web/events/{one['event_id']}/attachments/{one['id']}/"
    assert shared.get(path).json == one
    assert len(shared.get(path, download="1").body) == one["size"]
    assert shared.get(issue_path(shared, "WEB-1") + "attachments/").json == []


def test_the_organization(shared):
    assert "projects" in shared.get(shared.org + "/").json
    assert "projects" not in shared.get(shared.org + "/", detailed="0").json
    members = shared.get(shared.org + "/members/").json
    assert [m["user"] for m in members if m["pending"]] == [None] and all(m["id"] != (m["user"] or {}).get("id")
                                                                          for m in members)
    assert {t["slug"] for t in shared.get(shared.org + "/teams/").json} == {"backend", "frontend", "native", "platform"}
    assert [e["name"] for e in shared.get(shared.org + "/environments/").json][0] == "production"
    assert shared.get(shared.org + "/releases/web%401.0.0/").json["version"] == "web@1.0.0"
    assert shared.get("/users/me/regions/").status == 404
    assert shared.raw("GET", "/api/0/").json == {"version": "0", "auth": None, "user": None}


# -- scopes -----------------------------------------------------------------------------------------------------------

SCOPES = [
    ("GET", "/organizations/", "org:read"), ("GET", "{o}/", "org:read"), ("GET", "{o}/projects/", "org:read"),
    ("GET", "/projects/acme/web/", "project:read"), ("GET", "{o}/issues/", "event:read"),
    ("GET", "/projects/acme/web/issues/", "event:read"), ("GET", "{o}/issues/WEB-1/", "event:read"),
    ("PUT", "{o}/issues/WEB-1/", "event:write"), ("DELETE", "{o}/issues/WEB-1/", "event:admin"),
    ("PUT", "{o}/issues/?id=1", "event:write"), ("DELETE", "{o}/issues/?id=1", "event:admin"),
    ("GET", "{o}/issues/WEB-1/events/", "event:read"), ("GET", "/projects/acme/web/events/", "project:read"),
    ("GET", "{o}/issues/WEB-1/hashes/", "event:read"), ("GET", "{o}/issues/WEB-1/tags/", "event:read"),
    ("POST", "{o}/issues/WEB-1/comments/", "event:write"), ("GET", "{o}/members/", "member:read"),
    ("GET", "{o}/teams/", "org:read"), ("GET", "{o}/environments/", "org:read"), ("GET", "{o}/releases/", "project:read"),
    ("GET", "{o}/eventids/" + "0" * 32 + "/", "org:read"), ("GET", "{o}/shortids/WEB-1/", "event:read"),
]


@pytest.mark.parametrize("method,path,scope", SCOPES)
def test_scope(server, method, path, scope):
    path = path.format(o=server.org)
    family = scope.split(":")[0]
    others = [s for f in ("org", "event", "project", "member") if f != family for s in (f + ":read", f + ":admin")]
    weaker = {"event:admin": ["event:read", "event:write"], "event:write": ["event:read"]}.get(scope, [])
    refused = server.call(method, path, {}, token=server.make_token(*others, *weaker))
    assert refused.status == 403 and "insufficient_scope" in refused.headers["WWW-Authenticate"]
    assert refused.json == {"detail": "You do not have permission to perform this action."}
    allowed = server.call(method, path, {}, token=server.make_token(scope))
    assert allowed.status != 403 and allowed.status != 401, allowed.body


def test_tokens(shared):
    org = shared.control("POST", "tokens", {"org": True})["token"]
    assert shared.get(shared.org + "/issues/", token=org).status == 403
    assert shared.get(shared.org + "/releases/", token=org).status == 200
    assert shared.get("/", token=org).json["auth"]["scopes"] == ["org:ci"]
    for path in ("/issues/", "/issues/WEB-1/", "/issues/WEB-1/events/latest/"):
        assert shared.get(shared.org + path, token="sntrys_anything").status == 403
    assert shared.get(shared.org + "/", token="sntrys_anything").json == {"detail": "Invalid org token"}
    expired = shared.get(shared.org + "/issues/", token="expired-token")
    assert expired.status == 401 and expired.json == {"detail": "Token expired"}
    unknown = shared.get(shared.org + "/issues/", token="unheard-of")
    assert unknown.status == 401 and unknown.json == {"detail": "Invalid token"}
    refused = shared.raw("GET", f"/api/0{shared.org}/")
    assert refused.status == 401 and refused.headers["X-Sentry-Rate-Limit-Limit"]
    assert shared.get("/", token=ALONE).json["auth"]["scopes"] == ["event:read"]
    assert shared.get("/", token=ROBOT).json["user"] is None
    with Sandbox("--scopes", "event:read,org:read") as s:
        assert s.get("/").json["auth"]["scopes"] == ["event:read", "org:read"]


def test_wrong_method_and_headers(shared):
    reply = shared.call("PATCH", shared.org + "/issues/")
    assert reply.status == 405 and reply.json == {"detail": 'Method "PATCH" not allowed.'}
    reply = shared.get(shared.org + "/issues/")
    for name in ("Limit", "Remaining", "Reset"):
        assert reply.headers["X-Sentry-Rate-Limit-" + name].isdigit()
    assert not {"ETag", "Last-Modified", "Cache-Control"} & set(reply.headers)
