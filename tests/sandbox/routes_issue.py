# SPDX-License-Identifier: MIT
"""One issue and what hangs on it: events, hashes, tags, comments, activities, attachments."""

import re

from . import cursors, issues, listing, tags, update
from .cursors import ApiError, detail
from .issues import environment
from .people import EVENT
from .routing import not_found, route
from .wire import Response, reply
from .world import MINUTE, iso

WRITE, ADMIN = ("event:write", "event:admin"), ("event:admin",)
DETAIL = ("issue-detail", 5, 1, None)
DELETE = ("issue-delete", 5, 5, None)
EVENT_DETAIL = ("event-detail", 15, 1, None)
TAGS = ("issue-tags", 10, 1, 10)
QUALIFIED = re.compile(r"^(?:issue+:)?(.*?)(?:[\s_-])([A-Za-z0-9]+)$")
EVENT_GONE = "Event not found. The event ID may be incorrect, or it's age exceeded the retention period."
BASE = "/organizations/{org}/issues/{issue}"


def find(app, request):
    """(issue that holds the state, issue as readers see it); merged-away ids give the survivor."""
    key, world = request.params["issue"], app.world
    issue = None
    if key.isdigit():
        issue = world.issues.get(int(key))
    elif "org" in request.params:
        m = QUALIFIED.match(key)
        issue = world.by_short_id(f"{m[1]}-{m[2]}") if m else None
    issue = world.survivor(issue)
    if issue is None or world.seen(issue).hidden is not None:
        raise not_found()
    return issue, world.seen(issue)


@route("GET", BASE + "/", EVENT, DETAIL)
def get_issue(app, request):
    _, shown = find(app, request)
    return reply(issues.single_text(app.world, shown, request.token.user, request.origin, request.getlist("collapse"),
                                    request.getlist("expand")))


@route("PUT", BASE + "/", WRITE, DETAIL)
def put_issue(app, request):
    issue, _ = find(app, request)
    return update.apply(app, request, [issue], update.body_of(request), single=True)


@route("DELETE", BASE + "/", ADMIN, DELETE)
def delete_issue(app, request):
    issue, _ = find(app, request)
    update.delete(app, issue)
    return Response(202)


# -- events -------------------------------------------------------------------------------------------------------

def chosen_events(app, request, issue):
    """The issue's events that the request's window, environments and query leave, newest first."""
    world = app.world
    start, end = listing.window_of(app, request, always=True)
    wanted = listing.environments_of(request)
    refs = [r for r in world.refs(issue) if start <= r[0] <= end]
    if wanted:
        refs = [r for r in refs if environment(world.issues[r[1]], r[2]) in wanted]
    for term in (request.get("query") or "").split():
        key, sep, value = term.partition(":")
        value = value.strip('"')

        def has(ref, key=key, sep=sep, value=value, term=term):
            origin = world.issues[ref[1]]
            pairs = tags.of_event(world, origin, ref[2])
            return (key, value) in pairs if sep else term.lower() in origin.title.lower()
        refs = [r for r in refs if has(r)]
    return refs


def body_of(parts):
    return b"[" + b",".join(parts) + b"]"


def event_page(app, request, refs, holder=None):
    full = request.get("full") in ("1", "true")
    page, headers = cursors.offset(request, refs, app.args.full_page if full else 100)
    form = app.events.full if full else app.events.list
    world = app.world
    out = []
    for _, origin_id, serial in page:
        origin = world.issues[origin_id]
        out.append(form(holder or world.issues[world.holder(origin_id, serial % origin.hashes)], origin, serial))
    return reply(body_of(out), headers=headers)


@route("GET", BASE + "/events/", EVENT)
def list_events(app, request):
    _, shown = find(app, request)
    return event_page(app, request, chosen_events(app, request, shown), shown)


@route("GET", BASE + "/events/{event}/", EVENT, EVENT_DETAIL)
def get_event(app, request):
    _, shown = find(app, request)
    world, key = app.world, request.params["event"]
    env = listing.environments_of(request)
    if key in ("latest", "oldest", "recommended"):
        refs = chosen_events(app, request, shown)
        if not refs:
            raise detail(404, EVENT_GONE)
        ref = {"latest": refs[0], "oldest": refs[-1], "recommended": refs[len(refs) // 3]}[key]
        return reply(app.events.single(shown, world.issues[ref[1]], ref[2], env))
    found = event_by_id(world, key)
    if found is None:
        raise detail(404, EVENT_GONE)
    holder, origin, serial = found
    if holder.id != shown.id:
        raise detail(404, EVENT_GONE)
    return reply(app.events.single(shown, origin, serial, env))


def event_by_id(world, key):
    """By 32 hex, by uuid, or (older servers) by number."""
    plain = key.replace("-", "").lower() if len(key) == 36 else key.lower()
    if plain in world.literal_events or re.fullmatch(r"[0-9a-f]{32}", plain):
        return world.event_of(plain)
    if key.isdigit():
        return None
    raise ApiError(404, b"", {"Content-Type": "text/html; charset=utf-8"})


# -- hashes -------------------------------------------------------------------------------------------------------

def latest_of_part(world, part):
    origin = world.issues[part[0]]
    return origin, max(range(part[1], origin.stored, origin.hashes), default=None)


@route("GET", BASE + "/hashes/", EVENT)
def list_hashes(app, request):
    _, shown = find(app, request)
    full = request.get("full") not in ("0", "false")
    parts, headers = cursors.offset(request, shown.parts)
    out = []
    for part in parts:
        origin, serial = latest_of_part(app.world, part)
        event = b"null"
        if serial is not None:
            event = (app.events.full if full else app.events.list)(shown, origin, serial)
        out.append(b'{"id":"' + app.world.hash_id(*part).encode() + b'","latestEvent":' + event +
                   b',"mergedBySeer":false,"seerMatchDistance":null}')
    return reply(body_of(out), headers=headers)


@route("PUT", BASE + "/hashes/", WRITE)
def unmerge_put(app, request):
    return unmerge(app, request)


@route("DELETE", BASE + "/hashes/", ADMIN)
def unmerge_delete(app, request):
    return unmerge(app, request)


def unmerge(app, request):
    issue, _ = find(app, request)
    wanted = set(request.getlist("id"))
    if not wanted:
        return Response(202)
    if not wanted & {app.world.hash_id(*p) for p in issue.parts}:
        raise detail(409, "Already being unmerged")
    return update.unmerge(app, request.token.user, issue, wanted)


# -- tags ---------------------------------------------------------------------------------------------------------

@route("GET", BASE + "/tags/", EVENT, TAGS)
def list_tags(app, request):
    _, shown = find(app, request)
    keys = request.getlist("key")
    try:
        limit = int(request.get("limit", 9 if keys else 10))
    except ValueError:
        raise detail(400, "invalid limit") from None
    return reply(tags.overview(app.world, shown, limit, keys, listing.environments_of(request),
                               listing.window_of(app, request)))


@route("GET", BASE + "/tags/{key}/", EVENT)
def get_tag(app, request):
    _, shown = find(app, request)
    found = tags.overview(app.world, shown, 9, (request.params["key"],), listing.environments_of(request))
    if not found:
        raise not_found()
    return reply(found[0])


@route("GET", BASE + "/tags/{key}/values/", EVENT)
def tag_values(app, request):
    _, shown = find(app, request)
    key, sort = request.params["key"], request.get("sort") or "-id"
    cells = tags.sums(app.world, shown, listing.environments_of(request)).get(key)
    if cells is None:
        raise not_found()
    rows = [tags.value_object(key, v, c) for v, c in sorted(cells.items())[:1000]]
    orders = {"age": "firstSeen", "count": "count", "date": "lastSeen", "id": "value"}
    if sort.lstrip("-") not in orders:
        raise detail(400, f"Invalid sort parameter. Must be one of: {', '.join(orders)}")
    rows.sort(key=lambda r: r[orders[sort.lstrip("-")]], reverse=sort != "id")
    page, headers = cursors.page(request, rows)
    return reply(page, headers=headers)


# -- comments and activities --------------------------------------------------------------------------------------

@route("GET", BASE + "/comments/", EVENT)
@route("GET", BASE + "/notes/", EVENT)
def list_comments(app, request):
    _, shown = find(app, request)
    issues.load(app.world, shown)
    from .query import moment
    scores = [-moment(n["dateCreated"]) for n in shown.comments]
    page, headers = cursors.seek(request, shown.comments, scores, cursors.per_page(request))
    return reply(page, headers=headers)


def note_text(request):
    data = update.body_of(request)
    text = data.get("text")
    if text is None:
        raise ApiError(400, {"text": ["This field is required."]})
    if not isinstance(text, str) or not text.strip():
        raise ApiError(400, {"text": ["This field may not be blank."]})
    return text, data.get("mentions") or ()


@route("POST", BASE + "/comments/", ("event:write", "event:admin"))
@route("POST", BASE + "/notes/", ("event:write", "event:admin"))
def add_comment(app, request):
    issue, _ = find(app, request)
    user, world = request.token.user, app.world
    if user is None:
        raise detail(403, "Key doesn't have permission to create Note")
    text, mentions = note_text(request)
    issues.load(world, issue)
    hour_ago = iso(world.now() - 60 * MINUTE, True)
    if any(n["data"]["text"] == text and n["user"] and n["user"]["id"] == user.id and n["dateCreated"] > hour_ago
           for n in issue.comments):
        raise detail(400, "You have already posted that comment.")
    return reply(issues.add_comment(world, issue, user, text, mentions), 201)


def own_note(app, request):
    issue, _ = find(app, request)
    user = request.token.user
    issues.load(app.world, issue)
    note = next((n for n in issue.comments if n["id"] == request.params["note"]), None)
    if note is None or user is None or not note["user"] or note["user"]["id"] != user.id:
        raise not_found()
    return issue, note


@route("PUT", BASE + "/comments/{note}/", WRITE)
@route("PUT", BASE + "/notes/{note}/", WRITE)
def put_comment(app, request):
    issue, note = own_note(app, request)
    note["data"] = dict(note["data"], text=note_text(request)[0])
    app.world.changed(issue)
    return reply(note)


@route("DELETE", BASE + "/comments/{note}/", ADMIN)
@route("DELETE", BASE + "/notes/{note}/", ADMIN)
def delete_comment(app, request):
    issue, note = own_note(app, request)
    issue.comments.remove(note)
    issue.activity.remove(note)
    issue.notes = len(issue.comments)
    app.world.changed(issue)
    return Response(204)


@route("GET", BASE + "/activities/", EVENT)
def list_activities(app, request):
    _, shown = find(app, request)
    return reply({"activity": issues.activities(app.world, shown)})


@route("GET", BASE + "/user-reports/", EVENT)
@route("GET", BASE + "/user-feedback/", EVENT)
def user_reports(app, request):
    _, shown = find(app, request)
    have = app.world.reports_of(shown)
    from .query import moment
    page, headers = cursors.seek(request, have, [-moment(r["dateCreated"]) for r in have], cursors.per_page(request))
    return reply(page, headers=headers)


@route("GET", BASE + "/external-issues/", EVENT)
@route("GET", BASE + "/integrations/", EVENT)
@route("GET", BASE + "/similar/", EVENT)
@route("GET", BASE + "/open-periods/", EVENT)
def none_linked(app, request):
    find(app, request)
    return reply([])


@route("GET", BASE + "/attachments/", EVENT)
def list_attachments(app, request):
    _, shown = find(app, request)
    have = app.world.attachments_of(shown)
    from .query import moment
    page, headers = cursors.seek(request, have, [-moment(a["dateCreated"]) for a in have], cursors.per_page(request))
    return reply(page, headers=headers)


@route("GET", BASE + "/stats/", EVENT)
def issue_stats(app, request):
    _, shown = find(app, request)
    return reply(issues.stats(app.world, shown, "24h"))


@route("GET", BASE + "/first-last-release/", EVENT)
def first_last_release(app, request):
    _, shown = find(app, request)
    one = issues.single(app.world, shown, request.token.user, request.origin, ("tags", "stats"))
    return reply({"id": one["id"], "firstRelease": one["firstRelease"], "lastRelease": one["lastRelease"]})


@route("GET", BASE + "/current-release/", EVENT)
def current_release(app, request):
    _, shown = find(app, request)
    one = issues.single(app.world, shown, request.token.user, request.origin, ("tags", "stats"))
    return reply({"currentRelease": one["lastRelease"]})


@route("GET", BASE + "/related-issues/", EVENT)
def related_issues(app, request):
    find(app, request)
    return reply({"type": request.get("type") or "same_root_cause", "data": []})


@route("GET", BASE + "/pull-requests/", EVENT)
def pull_requests(app, request):
    find(app, request)
    return reply({"pullRequests": []})
