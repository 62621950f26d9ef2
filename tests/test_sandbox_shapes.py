# SPDX-License-Identifier: MIT
"""The sandbox's answers against the published schema's shapes, and against samples of errors and Link headers."""

import json
import os
import re

import pytest
from conftest import server_of
from sandbox.client import Sandbox
from sandbox.shapes import Shapes

REFERENCE = os.environ.get("SENTRYFS_REFERENCE_DIR")


@pytest.fixture(scope="module")
def reference():
    if not REFERENCE:
        text = "SENTRYFS_REFERENCE_DIR is not set: the schema and the samples are not compared"
        if os.environ.get("CI") == "true":
            pytest.fail(text)
        pytest.skip(text)
    return REFERENCE


@pytest.fixture(scope="module")
def shapes(reference):
    with open(os.path.join(reference, "sentry-openapi-subset.json"), encoding="utf-8") as f:
        return Shapes(json.load(f))


server = server_of("--projects", 5)


O, P = "/api/0/organizations/{organization_id_or_slug}", "/api/0/projects/{organization_id_or_slug}/{project_id_or_slug}"
EXPANDS = ["inbox", "owners", "sessions", "integrationIssues", "sentryAppIssues", "latestEventHasAttachments"]
ROUTES = [  # schema path, our path, parameters
    ("/api/0/organizations/", "/organizations/", {}),
    (O + "/", "{o}/", {}),
    (O + "/projects/", "{o}/projects/", {}),
    (P + "/", "{p}/", {}),
    (O + "/issues/{issue_id}/", "{o}/issues/WEB-1/", {}),
    (O + "/issues/{issue_id}/", "{o}/issues/WEB-4/", {}),
    (O + "/issues/{issue_id}/events/", "{o}/issues/WEB-1/events/", {}),
    (O + "/issues/{issue_id}/events/{event_id}/", "{o}/issues/WEB-2/events/latest/", {}),
    (P + "/events/", "{p}/events/", {}),
    (P + "/events/{event_id}/", "{p}/events/{event}/", {}),
    (P + "/events/{event_id}/attachments/", "{p}/events/{attached}/attachments/", {}),
    (O + "/issues/{issue_id}/hashes/", "{o}/issues/WEB-1/hashes/", {}),
    (O + "/issues/{issue_id}/hashes/", "{o}/issues/WEB-1/hashes/", {"full": "0"}),
    (O + "/issues/{issue_id}/tags/{key}/", "{o}/issues/WEB-1/tags/browser/", {}),
    (O + "/issues/{issue_id}/tags/{key}/values/", "{o}/issues/WEB-1/tags/user/values/", {}),
    (O + "/issues/{issue_id}/external-issues/", "{o}/issues/WEB-1/external-issues/", {}),
    (O + "/shortids/{issue_id}/", "{o}/shortids/WEB-1/", {}),
    (O + "/eventids/{event_id}/", "{o}/eventids/{event}/", {}),
    (O + "/members/", "{o}/members/", {}),
    (O + "/teams/", "{o}/teams/", {}),
    (O + "/user-teams/", "{o}/user-teams/", {}),
    (P + "/members/", "{p}/members/", {}),
    (P + "/teams/", "{p}/teams/", {}),
    (O + "/environments/", "{o}/environments/", {}),
    (P + "/environments/", "{p}/environments/", {}),
    (O + "/releases/", "{o}/releases/", {}),
    (O + "/releases/{version}/", "{o}/releases/web@1.0.0/", {}),
    (P + "/releases/", "{p}/releases/", {}),
    (O + "/tags/", "{o}/tags/", {}),
    (P + "/user-feedback/", "{p}/user-feedback/", {}),
    (O + "/repos/", "{o}/repos/", {}),
]


@pytest.mark.parametrize("schema,path,params", ROUTES)
def test_shape(server, shapes, schema, path, params):
    event = server.get(f"{server.org}/issues/WEB-1/events/latest/").json["eventID"]
    attached = server.get(f"{server.org}/issues/WEB-3/attachments/").json[0]["event_id"]
    path = path.format(o=server.org, p="/projects/acme/web", event=event, attached=attached)
    reply = server.get(path, **params)
    assert reply.status == 200, reply.body
    assert shapes.check(schema, reply.json) == []
    if isinstance(reply.json, list) and not schema.endswith(("user-feedback/", "external-issues/")):
        assert reply.json, "an empty list proves nothing"


def test_shape_of_every_platform(server, shapes):
    """An event of each platform; and every status and substatus of an issue."""
    seen, states = set(), set()
    for reply in server.walk(f"{server.org}/issues/", query="", project="-1", expand=EXPANDS):
        for issue in reply.json:
            states.add((issue["status"], issue["substatus"]))
            if issue["platform"] in seen:
                continue
            seen.add(issue["platform"])
            for which in ("latest", "oldest", "recommended"):
                event = server.get(f"{server.org}/issues/{issue['id']}/events/{which}/").json
                assert shapes.check(O + "/issues/{issue_id}/events/{event_id}/", event) == []
    assert seen == {"python", "javascript", "java", "go", "native", "ruby", "csharp"}
    assert len(states) == 8


def test_shape_of_the_issue_list(server, shapes):
    for reply in server.walk(f"{server.org}/issues/", query="", expand=EXPANDS):
        issues = reply.json
        for issue in issues:    # members that the schema marks required although they depend on features
            issue["derivedData"] = {"blocker": "", "progress": "", "status": "", "viewCount": 0, "hasOpenFixPr": False,
                                    "isAssigned": False, "hasRootCause": False, "lastCompletedAutofixStep": "",
                                    "lastProgressedAt": None}
            issue["owners"] = {"type": "", "owner": "", "date_added": ""}
            issue["inbox"] = issue["inbox"] or {"reason": 0, "reason_details": None, "date_added": ""}
            issue["sessionCount"] = 0
            # the server writes null for the conditions that an archived issue does not have
            issue["statusDetails"] = {k: v for k, v in issue["statusDetails"].items() if v is not None}
            issue.setdefault("matchingEventId", None)
            issue.setdefault("matchingEventEnvironment", None)
        assert shapes.check(O + "/issues/", issues) == []


def test_every_schema_path_has_a_route(server, shapes):
    from sandbox import routes_issue, routes_issues, routes_org, routes_project  # noqa: F401
    from sandbox import routing
    for path, methods in shapes.paths.items():
        concrete = re.sub(r"\{\w+\}", "1", path)
        found, _ = routing.find(concrete)
        assert found, path
        assert {m.upper() for m in methods} <= set(found), path


def sample(reference, text):
    with open(os.path.join(reference, "error-samples.jsonl"), encoding="utf-8") as f:
        rows = [json.loads(line) for line in f]
    found = [r for r in rows if r["server"] == "sentry" and text in json.dumps(r["body"])]
    assert found, text
    return found[0]


ERRORS = [  # text of the sample, what is asked
    ("credentials were not provided", lambda s: s.raw("GET", "/api/0/organizations/")),
    ("Invalid token", lambda s: s.get("/organizations/", token="sntryu_0")),
    ("Token expired", lambda s: s.get("/organizations/", token="sntryu_" + "e0" * 32)),
    ("Invalid org token", lambda s: s.get("/organizations/", token="sntrys_x")),
    ("do not have permission", lambda s: s.put(f"{s.org}/issues/WEB-1/", {}, token="sntryu_" + "01" * 32)),
    ("resource does not exist", lambda s: s.get("/organizations/other/issues/")),
    ("Event not found", lambda s: s.get(f"{s.org}/issues/WEB-1/events/{'0' * 32}/")),
    ("Unknown actor input", lambda s: s.put(f"{s.org}/issues/WEB-1/", {"assignedTo": "#backend"})),
    ("is not a valid choice", lambda s: s.put(f"{s.org}/issues/WEB-1/", {"status": "archived"})),
    ("Invalid cursor parameter", lambda s: s.get(f"{s.org}/issues/", cursor="x")),
    ("Invalid per_page value", lambda s: s.get(f"{s.org}/projects/", per_page=101)),
    ("that feature enabled", lambda s: s.put(f"{s.org}/issues/WEB-1/", {"discard": True})),
    ("Other attributes", lambda s: s.put(f"{s.org}/issues/WEB-1/", {"discard": True, "status": "resolved"})),
    ("Already being unmerged", lambda s: s.put(f"{s.org}/issues/WEB-1/hashes/?id={'0' * 32}", {})),
]


@pytest.mark.parametrize("text,ask", ERRORS)
def test_error_sample(server, reference, text, ask):
    want, have = sample(reference, text), ask(server)
    assert have.status == want["status"] and have.json == want["body"]
    if text == "do not have permission":
        assert have.headers["WWW-Authenticate"].startswith('Bearer error="insufficient_scope", scope="event:')


def test_catch_all_samples(server, reference):
    want = sample(reference, "Route not found, did you forget a trailing slash?\\n")
    have = server.raw("GET", "/api/0/bad_url")
    assert (have.status, have.body.decode(), have.headers["Content-Type"]) == (404, want["body"], "text/plain")
    have = server.raw("PUT", "/api/0/bad_url", headers={"Content-Type": "application/json"})
    assert have.json == sample(reference, "trailing slash? try:")["body"]
    assert server.raw("GET", "/api/0/bad_url/").body == b""


def test_rate_limit_samples(reference):
    wanted = [sample(reference, "Limit is 5 requests")["body"], sample(reference, "Concurrency limit is 1")["body"]]
    with Sandbox() as s:
        for form, want in zip(("object", "concurrency", "string"), [*wanted, wanted[0]["detail"]]):
            s.faults({"rate_limit": form})
            assert s.get("/").json == want


def shape_of_link(header):
    """A Link header with hosts, numbers and the query's values taken out."""
    header = re.sub(r"<https?://[^/]+/api/0/[^?]*\?[^>]*?(&cursor=)", r"<U\1", header)
    return re.sub(r"\d+", "N", header.replace("-N", "N"))


def links(reference):
    with open(os.path.join(reference, "link-header-samples.txt"), encoding="utf-8") as f:
        return dict(line.rstrip("\n").split("\t", 1) for line in f if not line.startswith("#"))


def test_link_samples(server, reference):
    have = links(reference)
    issues = server.org + "/issues/"
    asked = {
        "sentry_offset_last": server.get(server.org + "/projects/"),
        "sentry_issue_stream_first": server.get(issues, query="is:unresolved", limit=2),
        "sentry_generic_offset_page2": server.get(issues + "WEB-1/events/", per_page=50, cursor="0:50:0"),
        "sentry_empty": server.get(issues, query="nothing-like-this"),
        "sentry_comma_in_url": server.get(issues, query="issue.priority:[high, medium]", limit=2),
    }
    for name, reply in asked.items():
        assert shape_of_link(reply.headers["Link"]) == shape_of_link(have[name]), name
    assert asked["sentry_offset_last"].links == {"previous": ("100:-1:1", False), "next": ("100:1:0", False)}
    assert asked["sentry_generic_offset_page2"].links == {"previous": ("0:0:1", True), "next": ("0:100:0", True)}
    assert f'<{server.url}/api/0{issues}?query=issue.priority%3A%5Bhigh%2C+medium%5D&limit=2&cursor=' in asked[
        "sentry_comma_in_url"].headers["Link"]


def test_events_from_a_folder(reference):
    """Each file is served byte for byte, and found from the listing."""
    folder = os.path.join(reference, "real-events")
    with Sandbox("--events-from", folder) as s:
        project = next(p for p in s.get(s.org + "/projects/").json if p["slug"] == "reference")
        listed = s.get(s.org + "/issues/", project=project["id"]).json
        names = sorted(os.listdir(folder))
        assert len(listed) == len(names)
        bodies = []
        for issue in listed:
            path = f"{s.org}/issues/{issue['shortId']}/events/"
            event = s.get(path).json[0]
            body = s.get(path + event["eventID"] + "/").body
            assert body == s.get(path + "latest/").body == s.get(f"/projects/acme/reference/events/{event['eventID']}/").body
            bodies.append(body)
        for name in names:
            with open(os.path.join(folder, name), "rb") as f:
                assert f.read() in bodies, name
