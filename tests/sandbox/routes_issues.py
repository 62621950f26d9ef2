# SPDX-License-Identifier: MIT
"""Lists of issues: the organization's stream, the deprecated project list, bulk changes, counts."""

import re

from . import cursors, listing, update
from .cursors import detail
from .issues import ListForm
from .people import EVENT, ORG
from .routing import route
from .wire import Response, reply

LIST = ("issue-list", 10, 1, None)
PROJECT_LIST = ("project-issue-list", 5, 1, None)
COUNTS = ("issue-counts", 10, 1, None)
MAX_HITS = 1000
DEFAULT_QUERY = "is:unresolved"


def limit_of(request):
    text = request.get("limit")
    if not text:
        return 100
    try:
        limit = int(text)
    except ValueError:
        raise detail(400, "invalid limit") from None
    if limit < 1:
        raise detail(400, "invalid limit")
    return min(limit, 100)


def group_period(request, default="24h"):
    period = request.get("groupStatsPeriod", default)
    if period not in ("", "24h", "14d", "auto"):
        raise detail(400, 'Invalid stats_period. Valid choices are "", "24h", "14d", and "auto"')
    return period


def numbers(request, key):
    try:
        return [int(v) for v in request.getlist(key)]
    except ValueError:
        raise detail(400, f"{key} values must be numbers") from None


def form_of(app, request, window=None, event_id=None, environments=()):
    return ListForm(app.world, request.token.user, request.origin, request.getlist("collapse"),
                    request.getlist("expand"), group_period(request), window, event_id, environments)


def direct_hit(app, request, issue, event_id=None):
    form = form_of(app, request, event_id=event_id)
    return reply(form.entries([app.world.seen(issue)]), headers={"X-Sentry-Direct-Hit": "1"})


def visible(issue):
    return issue is not None and issue.hidden is None


def looked_up(app, request, text, projects):
    """The answer when the query is an event id or a short id, else None."""
    text = text.strip()
    if re.fullmatch(r"[0-9a-fA-F]{32}", text):
        found = app.world.event_of(text.lower())
        if found and visible(app.world.seen(found[0])):
            return direct_hit(app, request, found[0], text.lower())
    if request.get("shortIdLookup") == "1":
        issue = app.world.survivor(app.world.by_short_id(text)) if "-" in text else None
        if issue is not None and visible(app.world.seen(issue)):
            return direct_hit(app, request, issue)
    return None


def stream(app, request, forced=None):
    world, user = app.world, request.token.user
    projects = listing.projects_of(app, request, forced)
    environments = listing.environments_of(request)
    window = listing.window_of(app, request)
    if request.getlist("group"):
        form = form_of(app, request)
        wanted = sorted(set(numbers(request, "group")))
        found = [world.seen(world.issues[n]) for n in wanted if n in world.issues]
        return reply(form.entries([i for i in found if visible(i) and (projects is None or i.project in projects)]))
    if not world.projects:
        return reply(b"[]")
    limit = limit_of(request)
    text = request.get("query")
    if text:
        hit = looked_up(app, request, text, projects)
        if hit:
            return hit
    text = DEFAULT_QUERY if text is None else text
    sort = request.get("sort") or "date"
    form = form_of(app, request, window, None, environments)
    cursors.parse(request.get("cursor"))
    found, scores = listing.find(app, request, user, projects, text, sort, window, environments)
    items, headers = cursors.seek(request, found, scores, limit)
    headers["X-Hits"], headers["X-Max-Hits"] = str(min(len(found), MAX_HITS)), str(MAX_HITS)
    return reply(form.entries(dropped(app, items)), headers=headers)


def dropped(app, items):
    """What is left of a page after the filter that runs behind the paging."""
    n = app.args.post_filter
    if n == 0 or not items:
        return items
    if n == 1:
        app.pages = getattr(app, "pages", 0) + 1
        return [] if app.pages % 2 == 0 else items
    return [i for i in items if i.shape % n]


@route("GET", "/organizations/{org}/issues/", EVENT, LIST)
def list_issues(app, request):
    return stream(app, request)


@route("GET", "/projects/{org}/{project}/issues/", EVENT, PROJECT_LIST)
def list_project_issues(app, request):
    """Deprecated: here statsPeriod is what groupStatsPeriod is elsewhere."""
    project = project_of(app, request)
    period = request.get("statsPeriod", "24h")
    if period not in ("", "24h", "14d"):
        raise detail(400, 'Invalid stats_period. Valid choices are "", "24h", and "14d"')
    request.query = [(k, v) for k, v in request.query if k not in ("statsPeriod", "project")]
    request.query.append(("groupStatsPeriod", period))
    return stream(app, request, project)


def project_of(app, request):
    from .routes_project import project_of as find
    return find(app, request)


@route("PUT", "/organizations/{org}/issues/", ("event:write", "event:admin"))
def bulk_update(app, request):
    return bulk(app, request, listing.projects_of(app, request))


@route("PUT", "/projects/{org}/{project}/issues/", ("event:write", "event:admin"))
def bulk_update_project(app, request):
    return bulk(app, request, {project_of(app, request)})


def bulk(app, request, projects):
    issues = chosen(app, request, projects)
    data = update.body_of(request)
    if not issues:
        if request.getlist("id"):
            return Response(204)
        return reply({})
    return update.apply(app, request, issues, data, single=False)


def chosen(app, request, projects):
    """The issues of id=, those outside the scope skipped silently; with no id the first 1000 of the whole query."""
    world = app.world
    ids = numbers(request, "id")
    if ids:
        found = [world.issues[n] for n in dict.fromkeys(ids) if n in world.issues]
        return [i for i in found if visible(i) and (projects is None or i.project in projects)][:1000]
    text = request.get("query")
    found, _ = listing.find(app, request, request.token.user, projects, DEFAULT_QUERY if text is None else text,
                            "date", listing.window_of(app, request), listing.environments_of(request))
    return [world.issues[i.id] for i in found[:1000]]


@route("DELETE", "/organizations/{org}/issues/", ("event:admin",))
def bulk_delete(app, request):
    return remove_all(app, chosen(app, request, listing.projects_of(app, request)))


@route("DELETE", "/projects/{org}/{project}/issues/", ("event:admin",))
def bulk_delete_project(app, request):
    return remove_all(app, chosen(app, request, {project_of(app, request)}))


def remove_all(app, issues):
    for issue in issues:
        update.delete(app, issue)
    return Response(204)


@route("GET", "/organizations/{org}/issues-count/", ORG, COUNTS)
def issues_count(app, request):
    projects, out = listing.projects_of(app, request), {}
    for text in request.getlist("query"):
        found, _ = listing.find(app, request, request.token.user, projects, text, "date",
                                listing.window_of(app, request), listing.environments_of(request))
        out[text] = min(len(found), 100)
    return reply(out)


@route("GET", "/organizations/{org}/issues-stats/", EVENT, COUNTS)
def issues_stats(app, request):
    ids = numbers(request, "groups")
    if len(ids) > 100:
        raise detail(400, "Too many groups requested.")
    if not ids:
        raise detail(400, "You should include `groups` with your request. (i.e. groups=1,2,3)")
    form = ListForm(app.world, request.token.user, request.origin, {"base"} | set(request.getlist("collapse")), (),
                    group_period(request))
    found = [app.world.seen(app.world.issues[n]) for n in ids if n in app.world.issues]
    return reply(form.entries([i for i in found if visible(i)]))
