# SPDX-License-Identifier: MIT
"""The issue stream: which issues a request sees, in which order; kept sorted until something changes."""

from . import query as search
from .cursors import detail
from .issues import environment
from .routing import not_found
from .world import DAY

SORTS = {
    "date": lambda w, i: i.last, "new": lambda w, i: i.first, "freq": lambda w, i: i.count,
    "user": lambda w, i: i.users, "trends": lambda w, i: (i.count * 1000 + i.shape % 1000) / 1000,
    "recommended": lambda w, i: i.last / 1000 + i.count, "inbox": lambda w, i: i.first,
}
RETENTION = 90 * DAY
KEPT = 24


def projects_of(app, request, forced=None):
    """The set of projects that the request asks for; None is all."""
    if forced is not None:
        return {forced}
    wanted, world = request.getlist("project"), app.world
    if not wanted and not request.getlist("projectSlug"):
        return None
    found = set()
    for key in request.getlist("projectSlug"):
        if key == "$all":
            return None
        project, _ = world.project(key)
        if project is None:
            raise detail(403, "You do not have permission to perform this action.")
        found.add(project)
    for key in wanted:
        if key == "-1":
            return None
        if not key.lstrip("-").isdigit() and not app.args.slug_projects:
            raise detail(400, "Invalid project parameter. Values must be numbers.")
        project = next((p for p in world.projects if key in (p.id, p.slug)), None)
        if project is None:
            raise detail(403, "You do not have permission to perform this action.")
        found.add(project)
    return found


def window_of(app, request, always=False):
    """(start ms, end ms) when the request gives one, else None; with `always` the last 90 days."""
    now = app.world.now()
    text = request.get("statsPeriod")
    if text:
        length = search.period(text)
        if length is None:
            raise detail(400, f"Invalid statsPeriod: {text!r}")
        return now - length, now
    start, end = request.get("start"), request.get("end")
    if start or end:
        if not (start and end):
            raise detail(400, "start and end are both required")
        try:
            span = search.moment(start), search.moment(end)
        except Exception:
            raise detail(400, "Invalid date range") from None
        if span[0] > span[1]:
            raise detail(400, "start must be before end")
        return span
    return (now - RETENTION, now + DAY) if always else None


def environments_of(request):
    from .catalog import ENVIRONMENTS
    wanted = [e for e in request.getlist("environment") if e]
    for name in wanted:
        if name not in ENVIRONMENTS:
            raise not_found()
    return wanted


def find(app, request, user, projects, text, sort, window, environments):
    """(issues, negated scores) in order."""
    world = app.world
    if sort not in SORTS:
        raise detail(400, f"Invalid sort parameter: {sort!r}")
    key = (tuple(sorted(p.slug for p in projects)) if projects is not None else None, text, sort,
           user.id if user else None, window if request.get("start") else request.get("statsPeriod"),
           tuple(environments))
    kept = world.sorted_cache.get(key)
    if kept and kept[0] == world.version and (kept[3] > world.now() or world.frozen):
        return kept[1], kept[2]
    made = search.Search(world, text, user)
    if sort == "inbox" and "for_review" not in made.statuses:
        raise detail(400, "Sort key 'inbox' only works with the search term is:for_review")
    start, end = window or (world.now() - RETENTION, world.now() + DAY)
    score, found = SORTS[sort], []
    for issue in world.everything():
        if projects is not None and issue.project not in projects:
            continue
        if issue.last < start or issue.first > end or not made.test(issue):
            continue
        if environments and not any(environment(world.issues[o], s) in environments and start <= t <= end
                                    for t, o, s in world.refs(issue)):
            continue
        if window and issue.last > end and not any(start <= t <= end for t, _, _ in world.refs(issue)):
            continue
        found.append((-score(world, issue), -issue.id, issue))
    found.sort(key=lambda f: f[:2])
    issues, scores = [f[2] for f in found], [f[0] for f in found]
    if len(world.sorted_cache) > KEPT:
        world.sorted_cache.clear()
    world.sorted_cache[key] = (world.version, issues, scores, world.now() + 60_000)
    return issues, scores
