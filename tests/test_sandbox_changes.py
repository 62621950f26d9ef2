# SPDX-License-Identifier: MIT
"""The sandbox's changes: PUT with its side effects, bulk, merge, delete, comments, lags, changes by others."""

import pytest
from conftest import server_of
from sandbox.client import Sandbox, eventually, ids, issue_path

BOB, ROBOT = "sntryu_" + "04" * 32, "sntryi_" + "03" * 32

server = server_of(scope="function")


def change(s, data, name="WEB-1", **kw):
    reply = s.put(issue_path(s, name), data, **kw)
    assert reply.status == 200, reply.body
    return reply.json


def kinds(s, name="WEB-1"):
    return [a["type"] for a in s.get(issue_path(s, name) + "activities/").json["activity"]]


def test_resolve_and_back(server):
    whole = change(server, {"status": "resolved"})
    assert (whole["status"], whole["substatus"]) == ("resolved", None) and not {"activity", "tags", "stats"} & set(whole)
    assert server.get(issue_path(server, "WEB-1")).json["statusDetails"]["actor"]["id"] == "1"
    assert "WEB-1" not in ids([server.get(server.org + "/issues/")], "shortId")
    assert kinds(server)[0] == "set_resolved" and kinds(server)[-1] == "first_seen"
    assert change(server, {"status": "unresolved"})["substatus"] == "regressed"
    assert kinds(server)[:2] == ["set_unresolved", "set_resolved"]
    assert server.get(server.org + "/issues/", limit=1).json[0]["shortId"] == "WEB-1"


def test_substatus_inference(server):
    old, new = change(server, {"status": "ignored"}), {"status": "unresolved"}
    assert (old["substatus"], old["statusDetails"]) == ("archived_forever", {})
    assert change(server, {"status": "ignored", "substatus": "archived_until_escalating"})["substatus"] == "archived_forever"
    assert change(server, new)["substatus"] == "ongoing"
    assert change(server, {"status": "ignored", "substatus": "archived_until_escalating"})["substatus"] == (
        "archived_until_escalating")
    assert change(server, new)["substatus"] == "ongoing"
    assert change(server, {"status": "ignored", "statusDetails": {"untilEscalating": True}})["substatus"] == (
        "archived_until_escalating")
    change(server, new)
    timed = change(server, {"status": "ignored", "statusDetails": {"ignoreDuration": 30}})
    assert timed["substatus"] == "archived_until_condition_met" and timed["statusDetails"]["ignoreUntil"]
    assert "ignoreDuration" not in timed["statusDetails"] and timed["statusDetails"]["actor"]["id"] == "1"
    change(server, new)
    counted = change(server, {"status": "ignored", "ignoreCount": 100, "ignoreWindow": 60})["statusDetails"]
    assert (counted["ignoreCount"], counted["ignoreWindow"], counted["ignoreUserCount"]) == (100, 60, None)
    assert change(server, {"status": "unresolved", "substatus": "archived_forever"})["substatus"] == "ongoing"
    fresh = server.mutate("new_issue", project="web", title="Fresh")["shortId"]
    change(server, {"status": "ignored"}, fresh)
    assert change(server, new, fresh)["substatus"] == "new"
    assert change(server, {"status": "muted"}, fresh)["status"] == "ignored"


def test_resolve_in_releases(server):
    assert change(server, {"status": "resolvedInNextRelease"})["statusDetails"]["inNextRelease"] is True
    assert kinds(server)[0] == "set_resolved_in_release"
    releases = [r["version"] for r in server.get("/projects/acme/web/releases/").json]
    details = change(server, {"status": "resolved", "statusDetails": {"inRelease": "latest"}})["statusDetails"]
    assert details["inRelease"] == releases[0]
    commit = {"commit": "a" * 40, "repository": "acme/web"}
    details = change(server, {"status": "resolved", "statusDetails": {"inCommit": commit}})["statusDetails"]
    assert details["inCommit"]["id"] == "a" * 40 and kinds(server)[0] == "set_resolved_in_commit"
    assert change(server, {"status": "unresolved"})["statusDetails"] == {}
    bad = server.put(issue_path(server, "WEB-1"), {"status": "resolved", "statusDetails": {"inRelease": "9"}})
    assert bad.status == 400 and bad.json == {"statusDetails": {"inRelease": [
        "Unable to find a release with the given version."]}}


def test_assignment(server):
    for value, want in (("2", "2"), (3, "3"), ("user:4", "4"), ("jane", "1"), ("MEI@acme.example", "3")):
        assert change(server, {"assignedTo": value})["assignedTo"]["id"] == want
    team = change(server, {"assignedTo": "team:11"})["assignedTo"]
    assert team == {"type": "team", "id": "11", "name": "backend"}
    assert kinds(server)[0] == "assigned"
    assert change(server, {"assignedTo": ""})["assignedTo"] is None and kinds(server)[0] == "unassigned"
    assert change(server, {"assignedTo": "2"})["assignedTo"]["email"] == "bob@acme.example"
    assert change(server, {"assignedTo": None})["assignedTo"] is None
    for value, text in (("#backend", "Unknown actor input"), ("team:99", "Unknown actor input"),
                        ("nobody", "Unknown actor input"), ("team:backend", "Unknown actor input"),
                        ("team:13", "Cannot assign to a team without access to the project"),
                        ("7", "Cannot assign to a deactivated user"), ("8", "Cannot assign to non-team member")):
        bad = server.put(issue_path(server, "WEB-1"), {"assignedTo": value})
        assert (bad.status, bad.json) == (400, {"assignedTo": [text]}), value


def test_flags(server):
    assert change(server, {"priority": "high"})["priority"] == "high"
    assert change(server, {"priority": "low"})["priorityLockedAt"] and kinds(server)[0] == "set_priority"
    for name in ("hasSeen", "isBookmarked", "isSubscribed"):
        for value in (True, False):
            assert change(server, {name: value})[name] is value
            assert server.get(issue_path(server, "WEB-1")).json[name] is value
    change(server, {"isBookmarked": True})
    assert server.get(issue_path(server, "WEB-1"), token=BOB).json["isBookmarked"] is False
    first = change(server, {"isPublic": True})["shareId"]
    assert first and change(server, {"isPublic": True})["shareId"] not in (None, first)
    assert change(server, {"isPublic": False})["shareId"] is None
    server.mutate("new_issue", project="web", title="Fresh")
    assert change(server, {"inbox": False}, "WEB-1")["substatus"] == "ongoing"
    for data in ({"priority": "urgent"}, {"hasSeen": "maybe"}, {"status": "open"}, {"substatus": "odd"}, [], {
            "status": "ignored", "statusDetails": {"ignoreWindow": 10081, "ignoreCount": 1}}, {
            "status": "ignored", "statusDetails": "soon"}):
        assert server.put(issue_path(server, "WEB-1"), data).status == 400, data
    assert server.call("PUT", issue_path(server, "WEB-1"), None).status == 200
    assert change(server, {"unknown": 1})["shortId"] == "WEB-1"


def test_bulk(server):
    issues = server.org + "/issues/"
    three = ids([server.get(issues, limit=3)])
    reply = server.put(issues + "?" + "&".join("id=" + i for i in [*three, "99"]), {"status": "resolved"})
    assert reply.status == 200 and reply.json["status"] == "resolved" and "title" not in reply.json
    assert {i["status"] for i in server.get(issues, group=three).json} == {"resolved"}
    assert server.put(issues + "?id=99", {"status": "resolved"}).status == 204
    api = server.get(issue_path(server, "API-1")).json["project"]["id"]
    assert server.put(f"{issues}?id={three[0]}&project={api}", {"status": "unresolved"}).status == 204
    before = server.get(issues, query="is:unresolved level:fatal").json
    server.put(issues + "?query=is:unresolved+level:fatal", {"status": "ignored"})
    after = server.get(issues, group=ids_of(before)).json
    assert before and {i["status"] for i in after} == {"ignored"}
    server.put(issues, {"status": "resolved"})      # no ids: the whole default query
    assert server.get(issues).json == []


def ids_of(rows):
    return [r["id"] for r in rows]


def test_merge_and_unmerge(server):
    issues = server.org + "/issues/"
    one, two = (server.get(issue_path(server, n)).json for n in ("WEB-1", "WEB-8"))
    merged = server.put(f"{issues}?id={one['id']}&id={two['id']}", {"merge": 1}).json
    assert merged == {"merge": {"parent": one["id"], "children": [two["id"]]}}
    survivor = server.get(issue_path(server, "WEB-8")).json
    assert survivor["id"] == one["id"] and int(survivor["count"]) == int(one["count"]) + int(two["count"])
    assert kinds(server)[0] == "merge" and server.get(f"/issues/{two['id']}/").json["id"] == one["id"]
    assert ids([server.get(issues, group=[one["id"], two["id"]])]) == [one["id"]]
    hashes = server.get(issue_path(server, "WEB-1") + "hashes/", full="0").json
    assert len(hashes) == 3 and hashes[2]["latestEvent"]["groupID"] == one["id"]
    assert server.put(issue_path(server, "WEB-1") + "hashes/?id=" + hashes[2]["id"], {}).status == 202
    assert len(server.get(issue_path(server, "WEB-1") + "hashes/", full="0").json) == 2
    activity = server.get(issue_path(server, "WEB-1") + "activities/").json["activity"][0]
    assert activity["type"] == "unmerge_source"
    new = server.get(f"/issues/{activity['data']['destinationId']}/").json
    assert new["count"] == two["count"]
    api = server.get(issue_path(server, "API-1")).json["id"]
    assert server.put(f"{issues}?id={one['id']}&id={api}", {"merge": 1}).status == 400
    assert "lastSeen" in server.put(issue_path(server, "WEB-1"), {"status": "resolved"}).json


def test_delete(server):
    assert server.call("DELETE", issue_path(server, "WEB-1")).status == 202
    assert server.get(issue_path(server, "WEB-1")).status == 404
    assert server.put(issue_path(server, "WEB-1"), {"status": "resolved"}).status == 404
    assert "WEB-1" not in ids([server.get(server.org + "/issues/", query="")], "shortId")
    assert server.issue("WEB-1")["deleted"] is True
    two = server.get(issue_path(server, "WEB-2")).json["id"]
    reply = server.call("DELETE", server.org + "/issues/?id=" + two)
    assert (reply.status, reply.body) == (204, b"") and server.get(issue_path(server, "WEB-2")).status == 404


def test_comments(server):
    path = issue_path(server, "WEB-3") + "comments/"
    have = server.get(path).json
    assert len(have) == 3 == server.get(issue_path(server, "WEB-3")).json["numComments"]
    assert len({n["user"]["id"] for n in have}) > 1
    assert have == sorted(have, key=lambda n: n["dateCreated"], reverse=True)
    assert ids(server.walk(path, per_page=1)) == ids_of(have)
    made = server.call("POST", path, {"text": "one"})
    assert made.status == 201 and made.json["data"]["text"] == "one" and made.json["type"] == "note"
    again = server.call("POST", path, {"text": "one"})
    assert (again.status, again.json) == (400, {"detail": "You have already posted that comment."})
    assert server.call("POST", path, {"text": "one"}, token=BOB).status == 201
    assert server.call("POST", path, {"text": "robot"}, token=ROBOT).json == {
        "detail": "Key doesn't have permission to create Note"}
    assert server.call("POST", path, {"text": " "}).status == server.call("POST", path, {}).status == 400
    note = path + made.json["id"] + "/"
    assert server.put(note, {"text": "two"}, token=BOB).status == 404
    assert server.put(note, {"text": "two"}).json["data"]["text"] == "two"
    assert server.get(path).json[1]["data"]["text"] == "two"
    assert server.call("DELETE", note).status == 204 and server.call("DELETE", note).status == 404
    assert server.get(issue_path(server, "WEB-3")).json["numComments"] == 4
    assert server.get(issue_path(server, "WEB-1") + "notes/").json == []


def test_late_writes_and_slow_deletes():
    hour = 3_600_000
    with Sandbox("--write-lag-ms", hour, "--delete-lag-ms", hour) as s:
        assert s.put(issue_path(s, "WEB-1"), {"status": "resolved"}).json["status"] == "resolved"
        assert s.get(issue_path(s, "WEB-1")).json["status"] == "unresolved"
        assert s.get(s.org + "/issues/", limit=1).json[0]["shortId"] == "WEB-1"
        assert s.call("DELETE", issue_path(s, "WEB-2")).status == 202
        assert s.get(issue_path(s, "WEB-2")).status == 200
    with Sandbox("--write-lag-ms", 100, "--delete-lag-ms", 100) as s:
        s.put(issue_path(s, "WEB-1"), {"status": "resolved"})
        eventually(lambda: s.get(issue_path(s, "WEB-1")).json["status"] == "resolved")
        assert s.get(s.org + "/issues/", limit=1).json[0]["shortId"] == "WEB-2"
        s.call("DELETE", issue_path(s, "WEB-2"))
        eventually(lambda: s.get(issue_path(s, "WEB-2")).status == 404)


def test_changes_behind_the_back(server):
    latest = server.get(issue_path(server, "WEB-9") + "events/latest/").json["eventID"]
    count = int(server.get(issue_path(server, "WEB-9")).json["count"])
    new = server.mutate("new_event", issue="WEB-9", n=2)
    event = server.get(issue_path(server, "WEB-9") + "events/latest/").json
    assert event["eventID"] == new["event"] != latest and int(new["count"]) == count + 2
    assert server.get(issue_path(server, "WEB-9") + f"events/{latest}/").json["nextEventID"]
    assert server.get(server.org + "/issues/", query="", limit=1).json[0]["shortId"] == "WEB-9"
    server.mutate("new_event", issue="WEB-4")
    assert server.get(issue_path(server, "WEB-4")).json["substatus"] == "regressed"
    made = server.mutate("new_issue", project="api", title="Made", level="fatal")
    assert server.get(server.org + "/issues/", limit=1).json[0]["id"] == made["id"]
    assert server.mutate("status", issue="API-1", status="ignored")["status"] == "ignored"
    server.mutate("comment", issue="API-1", text="hello")
    assert server.get(issue_path(server, "API-1") + "comments/").json[0]["data"]["text"] == "hello"
    server.mutate("merge", into="WEB-1", issues=["WEB-2"])
    assert server.get(issue_path(server, "WEB-2")).json["shortId"] == "WEB-1"
    server.mutate("delete", issue="WEB-3")
    assert server.get(issue_path(server, "WEB-3")).status == 404
    server.mutate("rename_project", project="web", slug="site")
    moved = server.get("/projects/acme/web/", query="1")
    assert moved.status == 302 and moved.json["slug"] == "site"
    assert moved.headers["Location"] == "/api/0/projects/acme/site/?query=1"
    assert server.get(issue_path(server, "SITE-1")).json["shortId"] == "SITE-1"
    with pytest.raises(ValueError):
        server.mutate("odd", issue="WEB-1")


@pytest.mark.parametrize("lag", [0, 3_600_000], ids=["at once", "lagging"])
def test_a_kept_listing_is_one_made_anew(lag):
    """A blank more in the query is another search to the server: it sorts everything again."""
    with Sandbox("--write-lag-ms", lag, "--delete-lag-ms", lag) as s:
        def walk(query, sort):
            return [(i["shortId"], i["lastSeen"], i["count"], i["status"])
                    for page in s.walk(s.org + "/issues/", query=query, sort=sort) for i in page.json]

        searches = [("is:unresolved", "date"), ("", "freq"), ("is:resolved", "new"), ("assigned:jane", "date"),
                    ("timesSeen:>3", "recommended"), ("level:error", "user")]
        for query, sort in searches:
            walk(query, sort)
        steps = [
            lambda: s.mutate("new_event", issue="WEB-9", n=2),
            lambda: s.mutate("new_event", issue="API-3", when=1_000_000_000_000),
            lambda: s.mutate("new_issue", project="web", title="Fresh"),
            lambda: change(s, {"status": "resolved"}, "WEB-7"),
            lambda: change(s, {"assignedTo": "jane"}, "WEB-8"),
            lambda: s.mutate("status", issue="WEB-4", status="unresolved"),
            lambda: s.mutate("set", issue="WEB-10", level="fatal", title="Other"),
            lambda: s.mutate("merge", into="WEB-11", issues=["WEB-12", "WEB-13"]),
            lambda: s.mutate("delete", issue="WEB-14"),
            lambda: s.call("DELETE", issue_path(s, "WEB-15")),
            lambda: s.put(issue_path(s, "WEB-1") + "hashes/", {}, id=s.get(
                issue_path(s, "WEB-1") + "hashes/").json[0]["id"]),
            lambda: s.mutate("rename_project", project="api", slug="renamed"),
            lambda: s.mutate("new_event", issue="RENAMED-5"),
        ]
        for n, step in enumerate(steps, 1):
            step()
            for query, sort in searches:
                assert walk(query, sort) == walk(query + " " * n, sort), (n, query)


def test_an_issue_and_its_page_show_each_change(server):
    """What is kept serialized is made again when it changes."""
    def both():
        one = server.get(issue_path(server, "WEB-9")).json
        row = next(i for i in server.get(server.org + "/issues/", query="").json if i["shortId"] == "WEB-9")
        return one, row

    before = both()
    assert both() == before
    server.mutate("comment", issue="WEB-9", text="one more")
    one, row = both()
    assert one["numComments"] == row["numComments"] == before[0]["numComments"] + 1
    assert one["activity"][0]["data"]["text"] == "one more"
    change(server, {"hasSeen": True}, "WEB-9", token=BOB)
    assert [u["id"] for u in both()[0]["seenBy"]].count("2") == 1
    server.mutate("new_event", issue="WEB-9")
    assert both()[0]["lastSeen"] == both()[1]["lastSeen"] > row["lastSeen"]
    assert server.get(issue_path(server, "WEB-9"), token=BOB).json["hasSeen"] is True
