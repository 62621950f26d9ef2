# SPDX-License-Identifier: MIT
"""What other servers do otherwise: each dialect changes a request before the routes see it, and the answer after.

  sentry         the routes as they are, with the limiter's headers
  self-hosted    no limiter; unless --new-shapes an old one: status muted, no priority, no substatus, annotations as
                 strings, ids as numbers
  glitchtip      6.2: integer ids, 422, opaque cursors in a set's text, every status by default
  glitchtip-old  5.x: the same, and an issue's own requests without the organization in their path, but for PUT and hashes
"""

import base64
import json
import re
import uuid

from . import cursors, issues, routing, update
from .cursors import ApiError
from .people import EVENT
from .wire import Response, dumps, reply

NAMES = ("sentry", "self-hosted", "glitchtip", "glitchtip-old")
HTML = b"<!doctype html>\n<html lang=\"en\"><head><title>Not Found</title></head><body><h1>Not Found</h1></body></html>\n"
ISSUE = re.compile(r"^/api/0/(?:organizations/[^/]+/)?issues/(?P<issue>[^/]+)/(?P<rest>.*)$")
LIST = re.compile(r"^/api/0/organizations/[^/]+/issues/$")
WRITES = ("event:write", "event:admin")


class Sentry:
    def __init__(self, app):
        self.app = app

    def before(self, request):
        """An answer, or None after which the routes answer."""

    def after(self, request, response):
        return response


def make(app):
    return {"sentry": Sentry, "self-hosted": SelfHosted, "glitchtip": GlitchTip, "glitchtip-old": GlitchTipOld}[
        app.args.dialect](app)


def is_issue(value):
    return isinstance(value, dict) and "shortId" in value and "statusDetails" in value


def walk(value, change):
    """Every object below, itself first."""
    if isinstance(value, dict):
        change(value)
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        walk(one, change)


def number(text):
    return int(text) if isinstance(text, str) and text.isdigit() and len(text) < 16 else text


def is_json(response):
    return response.body and response.headers.get("Content-Type", "").startswith("application/json")


class SelfHosted(Sentry):
    def after(self, request, response):
        for name in [n for n in response.headers if n.startswith("X-Sentry-Rate-Limit")]:
            del response.headers[name]
        if not self.app.args.new_shapes and is_json(response) and b'"groupID"' not in response.body[:400]:
            value = json.loads(response.body)
            walk(value, self.old)
            response.body = dumps(value)
        return response

    def old(self, value):
        if "id" in value:
            value["id"] = number(value["id"])
        if value.get("status") == "ignored":
            value["status"] = "muted"
        for name in ("priority", "priorityLockedAt", "substatus"):
            value.pop(name, None)
        if "annotations" in value:
            value["annotations"] = ['<a href="https://tracker.example/1">TRACK-1</a>']


# -- GlitchTip ----------------------------------------------------------------------------------------------------

FIELDS = ("id", "count", "type", "level", "status", "project", "shortId", "numComments", "stats", "shareId", "logger",
          "permalink", "statusDetails", "subscriptionDetails", "userCount", "matchingEventId", "firstSeen", "lastSeen",
          "title", "metadata", "culprit", "userReportCount")
EVENT_FIELDS = ("id", "eventID", "projectID", "groupID", "dateCreated", "dateReceived", "dist", "culprit", "packages",
                "type", "message", "metadata", "tags", "entries", "contexts", "context", "user", "sdk", "title",
                "platform", "errors", "userReport", "nextEventID", "previousEventID")
# what is served of an issue's own, by what comes behind its id
PARTS = re.compile(r"(events/(latest/|[0-9a-fA-F-]{32,36}/(json/)?)?|tags/([^/]+/)?|comments/(\d+/)?|hashes/|"
                   r"user-reports/)?$")
OTHERS = re.compile(r"^/api/0/(organizations/([^/]+/((projects|issues|members|teams|environments|releases)/)?)?|"
                    r"projects/[^/]+/[^/]+/((events|issues|teams|environments|releases)/)?|"
                    r"projects/[^/]+/[^/]+/events/[^/]+/)?$")
SORTS = {"last_seen": lambda i: i.last, "first_seen": lambda i: i.first, "count": lambda i: i.count,
         "priority": lambda i: i.count}
STATUSES = ("resolved", "unresolved", "ignored")


def wrong(where, text, kind="literal_error"):
    return ApiError(422, {"detail": [{"type": kind, "loc": where, "msg": text, "ctx": {}}]})


def page_not_found():
    return Response(404, HTML, content_type="text/html; charset=utf-8")


def one_of(words):
    return "Input should be " + ", ".join(f"'{w}'" for w in words)


class GlitchTip(Sentry):
    version = "6.2.6"
    old = False

    def __init__(self, app):
        super().__init__(app)
        self.event_ids = {}     # what `id` says of an event, and the eventID that it stands for

    # -- before

    def before(self, request):
        try:
            return self.change(request)
        except ApiError as e:
            return Response(e.status, dumps(e.body), e.headers, e.content_type)

    def change(self, request):
        if not request.path.endswith("/") and request.method == "GET":
            return Response(301, b"", {"Location": request.target.replace("?", "/?", 1) if "?" in request.target
                                       else request.target + "/"})
        m = ISSUE.match(request.path)
        if request.path != "/api/0/" and not (m and self.has(request, m)) and not OTHERS.match(request.path):
            return page_not_found()
        self.cursor(request)
        if LIST.match(request.path):
            if request.method == "GET":
                return self.list(request)
            if request.method == "PUT":
                return self.bulk(request)
        if not m:
            return None
        for key, value in self.event_ids.items():
            if f"/events/{key}/" in request.path:
                request.path = request.path.replace(key, value)
        if request.method == "PUT" and not m["rest"]:
            request.body = dumps(self.body(request))
        if request.method == "DELETE" and not m["rest"]:
            return self.delete(request, m["issue"])
        if m["rest"].startswith("comments/") and request.method in ("POST", "PUT"):
            data = self.json(request).get("data")
            if not isinstance(data, dict) or "text" not in data:
                raise wrong(["body", "payload", "data"], "Field required", "missing")
            request.body = dumps({"text": data["text"]})
        return None

    def has(self, request, m):
        """Is there such a route: ids are integers, and the older version lacks some."""
        return m["issue"].isdigit() and PARTS.match(m["rest"])

    def json(self, request):
        try:
            data = json.loads(request.body or b"{}")
        except ValueError:
            raise ApiError(400, {"detail": "Cannot parse request body"}) from None
        return data if isinstance(data, dict) else {}

    def cursor(self, request):
        def plain(text):
            try:
                text = base64.urlsafe_b64decode(text).decode()
                return "{p}:{o}:{r}".format(**dict(w.split("=") for w in text.split("&")))
            except (ValueError, KeyError):
                raise ApiError(400, {"detail": "Invalid cursor"}) from None
        request.query = [(k, plain(v)) if k == "cursor" else
                         ("per_page", str(min(int(v), 100))) if k == "limit" and v.isdigit() and not
                         LIST.match(request.path) else (k, v) for k, v in request.query
                         if k not in ("per_page", "full", "statsPeriod", "environment")]
        if not LIST.match(request.path) and request.get("per_page") is None and "/tags/" not in request.path:
            request.query.append(("per_page", "50"))

    def enter(self, request, scopes):
        request.token = routing.authenticate(self.app, request, scopes)
        routing.authorize(request.token, scopes)

    def found(self, request):
        """The issues that the query string asks for, newest first; none asked for is all of them."""
        from .query import Search
        world, wanted = self.app.world, request.getlist("project")
        if not all(re.fullmatch(r"-?\d+", w) for w in wanted):
            raise wrong(["query", "project", 0], "Input should be a valid integer", "int_parsing")
        all_issues = [i for i in world.everything() if not wanted or i.project.id in wanted]
        ids = request.getlist("id")
        if ids:
            return [i for i in all_issues if str(i.id) in ids]
        try:
            search = Search(world, request.get("query") or "", request.token.user)
        except ApiError:
            return []
        return [i for i in all_issues if search.test(i)]

    def list(self, request):
        self.enter(request, EVENT)
        sort = request.get("sort") or "-last_seen"
        if sort.lstrip("-") not in SORTS:
            raise wrong(["query", "sort"], one_of([*SORTS, *("-" + s for s in SORTS)]))
        score, sign = SORTS[sort.lstrip("-")], -1 if sort.startswith("-") else 1
        found = sorted(self.found(request), key=lambda i: (sign * score(i), -i.id))
        limit = request.get("limit") or "50"
        if not limit.isdigit():
            raise wrong(["query", "limit"], "Input should be a valid integer", "int_parsing")
        page, headers = cursors.seek(request, found, [sign * score(i) for i in found], min(int(limit), 100))
        form = issues.ListForm(self.app.world, request.token.user, request.origin)
        headers["X-Hits"], headers["X-Max-Hits"] = str(min(len(found), 1000)), "1000"
        return reply(form.entries(page), headers=headers)

    def body(self, request):
        """What is taken of a PUT. One without a status fails, whatever else it has."""
        data = self.json(request)
        if "status" not in data:
            raise ApiError(500, b"<h1>Server Error (500)</h1>", content_type="text/html")
        if data["status"] not in STATUSES:
            raise wrong(["body", "payload", "status"], one_of(STATUSES))
        taken = {"status": data["status"]}
        if not self.old:
            details = data.get("statusDetails") or {}
            taken["statusDetails"] = {k: details[k] for k in ("inRelease", "inNextRelease") if k in details}
            if "assignedTo" in data:
                who = data["assignedTo"] or ""
                team = self.app.world.people.team(who[5:]) if who.startswith("team:") else None
                if who.startswith("team:") and (team is None or team.slug != who[5:]):
                    raise wrong(["body", "payload", "assignedTo"], "No such team", "value_error")
                taken["assignedTo"] = f"team:{team.id}" if team else who
        return taken

    def bulk(self, request):
        self.enter(request, WRITES)
        data = self.body(request)
        found = [self.app.world.issues[i.id] for i in self.found(request)]
        if found:
            update.apply(self.app, request, found, {"status": data["status"]}, single=False)
        return reply(self.json(request))

    def delete(self, request, key):
        self.enter(request, WRITES)
        issue = self.app.world.survivor(self.app.world.issues.get(int(key)))
        if issue is None or issue.hidden is not None:
            raise ApiError(404, {"detail": "Not Found"})
        update.delete(self.app, issue)
        return Response(204)

    # -- after

    def after(self, request, response):
        for name in [n for n in response.headers if n.startswith("X-Sentry-Rate-Limit") or n == "WWW-Authenticate"]:
            del response.headers[name]
        if response.status == 404 and not is_json(response):
            return page_not_found()
        if response.status >= 400:
            return self.refusal(request, response)
        if "Link" in response.headers:
            response.headers["Link"] = self.link(response.headers["Link"])
            response.headers.setdefault("X-Hits", "1")
            response.headers.setdefault("X-Max-Hits", "1000")
        if is_json(response):
            value = json.loads(response.body)
            if request.path == "/api/0/":
                value["version"] = self.version
            value = self.shaped(value)
            walk(value, self.ids)
            response.body = dumps(value)
        return response

    def refusal(self, request, response):
        m = ISSUE.match(request.path)
        detail = {401: "Unauthorized", 403: "Permission denied", 404: "Not Found"}.get(response.status)
        if response.status == 404 and m and m["rest"].startswith("comments/"):
            response.status, detail = 400, "Issue does not exist"
        if response.status == 401 and self.old:
            response.status, detail = 403, "Permission denied"
        if response.status == 400 and request.method == "PUT":
            response.status, detail = 422, [{"type": "value_error", "loc": ["body", "payload"], "msg": ", ".join(
                str(v) for v in json.loads(response.body).values()), "ctx": {}}]
        if detail:
            response.body = dumps({"detail": detail})
        return response

    def shaped(self, value):
        if isinstance(value, list):
            return [self.shaped(v) for v in value]
        if is_issue(value):
            return self.issue(value)
        if isinstance(value, dict) and "eventID" in value and "groupID" in value:
            return self.event(value)
        if isinstance(value, dict) and isinstance(value.get("latestEvent"), dict):
            value["latestEvent"] = self.event(value["latestEvent"])
        return value

    def issue(self, value):
        out = {k: value[k] for k in FIELDS if k in value}
        out["matchingEventId"], out["stats"] = None, {"24h": []}
        details = value["statusDetails"]
        out["statusDetails"] = {} if self.old else {k: details[k] for k in ("inRelease", "inNextRelease")
                                                    if k in details}
        if not self.old:
            out["assignedTo"] = self.assignee(value["assignedTo"])
            out["firstRelease"] = out["lastRelease"] = None
        return out

    def assignee(self, who):
        people = self.app.world.people
        if who is None:
            return None
        if who["type"] == "team":
            team = people.team(who["id"])
            return {"type": "team", "id": team.id, "name": team.name, "username": None, "email": None,
                    "slug": team.slug}
        user = people.by_id(who["id"])
        return {"type": "user", "id": user.id, "name": user.name, "username": user.username, "email": user.email,
                "slug": None}

    def event(self, value):
        if "entries" not in value:      # lists have whole events
            holder, origin, serial = self.app.world.event_of(value["eventID"])
            value = json.loads(self.app.events.full(holder, origin, serial))
        out = {k: value[k] for k in EVENT_FIELDS if k in value}
        out["projectID"] = number(out["projectID"])
        if not self.old:
            out["id"] = str(uuid.uuid5(uuid.NAMESPACE_OID, out["eventID"]))
            self.event_ids[out["id"]] = out["eventID"]
        return out

    def ids(self, value):
        if "id" in value:
            value["id"] = number(value["id"])

    def link(self, text):
        """Sentry's header in GlitchTip's form. The text of a set, with a cursor only where there is a page."""
        parts = []
        for url, rel, results, cursor in re.findall(r'<([^>]*)>; rel="(\w+)"; results="(\w+)"; cursor="([^"]*)"', text):
            url = re.sub(r"[?&]cursor=[^&>]*", "", url).replace("?&", "?")
            if results == "false" or rel == "previous":
                parts.append(f'<{url}>; rel="{rel}"; results="false"')
                continue
            packed = base64.urlsafe_b64encode("p={}&o={}&r={}".format(*cursor.split(":")).encode()).decode()
            quoted = packed.replace("=", "%3D")
            parts.append(f'<{url}{"&" if "?" in url else "?"}cursor={quoted}>; rel="{rel}"; results="true"; '
                         f'cursor="{packed}"')
        return "{'" + ", ".join(parts) + "'}"


class GlitchTipOld(GlitchTip):
    version = "5.2.0"
    old = True

    def has(self, request, m):
        if not super().has(request, m):
            return False
        if "/organizations/" not in request.path:
            return True
        rest = m["rest"]
        return rest == "hashes/" or rest.endswith("/json/") or (not rest and request.method == "PUT")
