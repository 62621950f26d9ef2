# SPDX-License-Identifier: MIT
"""The issue stream: which issues a request sees, in which order; kept sorted while they change."""

from bisect import bisect_left

from . import query as search
from .cursors import detail
from .issues import environment
from .routing import not_found
from .world import DAY, MINUTE

SORTS = {
    "date": lambda w, i: i.last, "new": lambda w, i: i.first, "freq": lambda w, i: i.count,
    "user": lambda w, i: i.users, "trends": lambda w, i: (i.count * 1000 + i.shape % 1000) / 1000,
    "recommended": lambda w, i: i.last / 1000 + i.count, "inbox": lambda w, i: i.first,
}
RETENTION = 90 * DAY
KEPT = 24
CHANGES_MAX = 1000


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


class Sorted:
    """What one search finds, in order: `issues`, and beside it `scores`, negated so that they ascend.

    Made once, then kept up issue by issue from the world's log, so that a change among 100,000 issues costs two
    bisections and not a sort. `until` is when the clock alone changes what is found.
    """

    def __init__(self, app, user, projects, text, sort, window, moves, environments):
        self.world, self.projects, self.score, self.environments = app.world, projects, SORTS[sort], environments
        self.search = search.Search(app.world, text, user)
        if sort == "inbox" and "for_review" not in self.search.statuses:
            raise detail(400, "Sort key 'inbox' only works with the search term is:for_review")
        self.window, self.moves = window, moves or self.search.relative
        self.epoch, self.at = self.world.epoch, len(self.world.log)
        now = self.world.now()
        self.until = now + MINUTE if self.moves else float("inf")
        self.start, self.end = window or (now - RETENTION, now + DAY)
        self.rows = [(*key, issue) for issue in self.world.everything() if (key := self.key(issue))]
        self.rows.sort()
        self.issues, self.scores = [r[2] for r in self.rows], [r[0] for r in self.rows]
        self.rows = [r[:2] for r in self.rows]
        self.where = {-r[1]: r for r in self.rows}

    def fresh(self):
        """Brings it up to date; False when it must be made anew."""
        world = self.world
        if self.epoch != world.epoch or (world.now() >= self.until and not world.frozen):
            return False
        if self.at == len(world.log):
            return True
        changed = set(world.log[self.at:])
        if len(changed) > CHANGES_MAX or not self.search.own:
            return False
        self.at = len(world.log)
        if not self.window:
            now = world.now()
            self.start, self.end = now - RETENTION, now + DAY
        for number in changed:
            row = self.where.pop(number, None)
            if row:
                at = bisect_left(self.rows, row)
                del self.rows[at], self.issues[at], self.scores[at]
            issue = world.seen(world.issues[number])
            key = self.key(issue) if issue.hidden is None else None
            if key:
                at = bisect_left(self.rows, key)
                self.rows.insert(at, key)
                self.issues.insert(at, issue)
                self.scores.insert(at, key[0])
                self.where[number] = key
        return True

    def key(self, issue):
        """(negated score, negated id) of an issue that is found, else None."""
        if self.projects is not None and issue.project not in self.projects:
            return None
        start, end = self.start, self.end
        if not self.window:
            if issue.first > end:
                self.until = min(self.until, self.world.now() + MINUTE)
            elif issue.last >= start:
                self.until = min(self.until, issue.last + RETENTION)
        if issue.last < start or issue.first > end or not self.search.test(issue):
            return None
        world = self.world
        if self.environments and not any(environment(world.issues[o], s) in self.environments and start <= t <= end
                                         for t, o, s in world.refs(issue)):
            return None
        if self.window and issue.last > end and not any(start <= t <= end for t, _, _ in world.refs(issue)):
            return None
        return -self.score(world, issue), -issue.id


def find(app, request, user, projects, text, sort, window, environments):
    """(issues, negated scores) in order; both are to be read before anything else changes."""
    world = app.world
    if sort not in SORTS:
        raise detail(400, f"Invalid sort parameter: {sort!r}")
    key = (tuple(sorted(p.slug for p in projects)) if projects is not None else None, text, sort,
           user.id if user else None, window if request.get("start") else request.get("statsPeriod"),
           tuple(environments))
    kept = world.sorted_cache.get(key)
    if kept is None or not kept.fresh():
        moves = window is not None and not request.get("start")
        kept = Sorted(app, user, projects, text, sort, window, moves, environments)
        if len(world.sorted_cache) > KEPT:
            world.sorted_cache.clear()
        world.sorted_cache[key] = kept
    return kept.issues, kept.scores
