# SPDX-License-Identifier: MIT
"""Issue objects as JSON: the list form, the single form, the delta, activities and comments.

The serialized list form is kept with the issue until something of it changes, so that a page of 100 costs a join.
"""

from .catalog import WORDS
from .world import HOUR, MINUTE, iso, mix
from .wire import dumps


def base(world, issue, user, origin):
    """The members that every form has; `origin` is the URL of the server for the permalink."""
    p, bit = issue.project, user.bit if user else 0
    assigned = None
    if issue.assigned:
        kind, key = issue.assigned
        who = world.people.by_id(key) if kind == "user" else world.people.team(key)
        assigned = who.actor() if who else None
    subscribed = bool(issue.subscribed & bit) or bool(user and issue.assigned == ("user", user.id))
    return {
        "id": str(issue.id), "shareId": issue.share if issue.public else None, "shortId": issue.short_id,
        "title": issue.title, "culprit": issue.culprit,
        "permalink": f"{origin}/organizations/{world.slug}/issues/{issue.id}/", "logger": issue.logger,
        "level": issue.level, "status": issue.status, "statusDetails": issue.details, "substatus": issue.substatus,
        "isPublic": issue.public, "platform": issue.platform, "project": p.brief(),
        "type": "error" if issue.type else "default", "metadata": metadata(issue), "numComments": issue.notes,
        "assignedTo": assigned, "isBookmarked": bool(issue.bookmarked & bit), "isSubscribed": subscribed,
        "subscriptionDetails": {"reason": "assigned" if issue.assigned else "bookmarked"} if subscribed else None,
        "hasSeen": bool(issue.seen & bit), "annotations": [], "issueType": "error", "issueCategory": "error",
        "priority": issue.priority, "priorityLockedAt": issue.priority_locked, "seerFixabilityScore": None,
        "seerAutofixLastTriggered": None, "seerExplorerAutofixLastTriggered": None, "isUnhandled": issue.unhandled,
        "count": str(issue.count), "userCount": issue.users, "firstSeen": iso(issue.first, True),
        "lastSeen": iso(issue.last, True),
    }


def metadata(issue):
    if issue.literal:
        return issue.literal["metadata"]
    if not issue.type:
        return {"title": issue.title}
    return {"value": issue.value, "type": issue.type, "filename": (issue.kind[2] or "").format(
        w=WORDS[(issue.shape >> 16) % len(WORDS)], W=WORDS[(issue.shape >> 16) % len(WORDS)].capitalize(), n=0),
        "function": issue.culprit.rsplit(".", 1)[-1], "display_title_with_tree_label": False,
        "in_app_frame_mix": "mixed", "sdk": {"name": issue.platform, "name_normalized": issue.platform}}


def stats(world, issue, period):
    """[[epoch seconds, n], ...]: 24 hours or 14 or 30 days, from counts that fade with age."""
    step, length = (3600, 24) if period == "24h" else (86400, 14 if period == "14d" else 30)
    end = world.now0 // 1000 // step * step
    start = [end - (length - 1 - i) * step for i in range(length)]
    spread = max(1, (issue.last - issue.first) // 1000 // step)
    each = max(0, issue.count // spread)
    return [[t, each + (mix(issue.shape, t) & 1) if issue.first // 1000 - step < t <= issue.last // 1000 else 0]
            for t in start]


def lifetime(issue):
    return {"count": str(issue.count), "userCount": issue.users, "firstSeen": iso(issue.first, True),
            "lastSeen": iso(issue.last, True), "stats": None}


def inbox(issue):
    return {"reason": 0, "reason_details": {"until": None, "count": None, "window": None, "user_count": None,
                                            "user_window": None}, "date_added": iso(issue.first)}


class ListForm:
    """What one list request asks of each entry; entry(issue) gives its bytes."""

    def __init__(self, world, user, origin, collapse=(), expand=(), period="24h", window=None, event_id=None,
                 environments=()):
        self.world, self.user, self.origin = world, user, origin
        self.collapse, self.expand, self.period = frozenset(collapse), tuple(expand), period
        self.window, self.event_id, self.environments = window, event_id, tuple(environments)
        key = ("list", user.id if user else None, origin, self.collapse, self.expand, period)
        self.key = None if window or event_id or self.environments else world.form_number(key)

    def entry(self, issue):
        if self.key is None:
            return dumps(self.object(issue))
        kept = issue.cache.get(self.key)
        if kept is None:
            kept = issue.cache[self.key] = dumps(self.object(issue))
        return kept

    def entries(self, issues):
        """A JSON array of them."""
        return b"".join((b"[", b",".join([i.cache.get(self.key) or self.entry(i) for i in issues]), b"]"))

    def object(self, issue):
        if "base" in self.collapse:
            out = {"id": str(issue.id), "isUnhandled": issue.unhandled, "count": str(issue.count),
                   "userCount": issue.users, "firstSeen": iso(issue.first, True), "lastSeen": iso(issue.last, True)}
        else:
            out = base(self.world, issue, self.user, self.origin)
        if self.window or self.environments:
            self.windowed(issue, out)
        if "unhandled" in self.collapse:
            out.pop("isUnhandled", None)
        if "stats" in self.collapse or "lifetime" in self.collapse:
            for name in ("count", "userCount", "firstSeen", "lastSeen"):
                out.pop(name, None)
        if "stats" not in self.collapse:
            if self.period:
                period = "24h" if self.period == "auto" else self.period
                out["stats"] = {period: stats(self.world, issue, period)}
            if "lifetime" not in self.collapse:
                out["lifetime"] = lifetime(issue)
            if "filtered" not in self.collapse:
                out["filtered"] = None
        if "sessions" in self.expand:
            out["sessionCount"] = None
        if "inbox" in self.expand:
            out["inbox"] = inbox(issue) if issue.inbox else None
        if "owners" in self.expand:
            out["owners"] = None
        if "integrationIssues" in self.expand:
            out["integrationIssues"] = []
        if "sentryAppIssues" in self.expand:
            out["sentryAppIssues"] = []
        if "latestEventHasAttachments" in self.expand:
            out["latestEventHasAttachments"] = bool(self.world.attachments_of(issue))
        if self.event_id:
            out["matchingEventId"] = self.event_id
            out["matchingEventEnvironment"] = None
        return out

    def windowed(self, issue, out):
        start, end = self.window or (0, self.world.now())
        times = [t for t, o, s in self.world.refs(issue) if start <= t <= end and (
            not self.environments or environment(self.world.issues[o], s) in self.environments)]
        if times:
            out.update(count=str(len(times)), userCount=min(len(times), issue.users), firstSeen=iso(times[-1], True),
                       lastSeen=iso(times[0], True))


def environment(origin, serial):
    """Two thirds of the events are of production; an issue's newest is always."""
    if serial >= origin.stored - origin.hashes:
        return "production"
    return ("production", "production", "production", "production", "staging", "development")[
        mix(origin.shape, serial, 3) % 6]


def release(world, issue, version, when):
    package, _, number = version.partition("@")
    return {
        "id": 70000 + issue.project.releases.index(version) if version in issue.project.releases else 69999,
        "version": version, "shortVersion": number or version, "status": "open",
        "versionInfo": {"package": package, "version": {"raw": number, "major": 1, "minor": 0, "patch": 0, "pre": None,
                                                        "buildCode": None, "components": 3},
                        "description": number, "buildHash": None},
        "ref": None, "url": None, "dateReleased": None, "dateCreated": iso(when), "dateStarted": None,
        "data": {}, "newGroups": 0, "owner": None, "commitCount": 0, "lastCommit": None, "deployCount": 0,
        "lastDeploy": None, "authors": [], "firstEvent": iso(issue.first), "lastEvent": iso(issue.last),
        "currentProjectMeta": {}, "userAgent": None,
        "projects": [{"id": int(issue.project.id), "slug": issue.project.slug, "name": issue.project.name,
                      "platform": issue.project.platform, "platforms": [issue.platform], "hasHealthData": False,
                      "newGroups": 0}],
    }


def single_text(world, issue, user, origin, collapse=(), expand=()):
    """The single form serialized, kept with the issue."""
    key = world.form_number(("single", user.id if user else None, origin, frozenset(collapse), frozenset(expand)))
    kept = issue.cache.get(key)
    if kept is None:
        kept = issue.cache[key] = dumps(single(world, issue, user, origin, collapse, expand))
    return kept


def single(world, issue, user, origin, collapse=(), expand=()):
    out = base(world, issue, user, origin)
    releases = issue.project.releases
    out["activity"] = activities(world, issue)[:100]
    out["seenBy"] = [dict(u.full(), lastSeen=iso(issue.last)) for u in world.people.users if issue.seen & u.bit]
    people = {u.id: u for u in world.people.users if issue.subscribed & u.bit}
    if issue.assigned and issue.assigned[0] == "user":
        people[issue.assigned[1]] = world.people.by_id(issue.assigned[1])
    out["participants"] = [dict(u.full(), type="user") for u in people.values()]
    out.update(pluginActions=[], pluginIssues=[], pluginContexts=[], userReportCount=len(world.reports_of(issue)))
    if "release" not in collapse:
        n = (issue.shape >> 5) % 8
        out["firstRelease"] = release(world, issue, releases[n], issue.first) if releases else None
        out["lastRelease"] = release(world, issue, releases[min(n + 3, 11)], issue.last) if releases else None
    if "tags" not in collapse:
        from .tags import overview
        out["tags"] = [{"key": t["key"], "name": t["name"], "totalValues": t["totalValues"]}
                       for t in overview(world, issue, 0)]
    if "stats" not in collapse:
        out["stats"] = {"24h": stats(world, issue, "24h"), "30d": stats(world, issue, "30d")}
    if "inbox" in expand:
        out["inbox"] = inbox(issue) if issue.inbox else None
    if "owners" in expand:
        out["owners"] = None
    if "latestEventHasAttachments" in expand:
        out["latestEventHasAttachments"] = bool(world.attachments_of(issue))
    return out


# -- activities and comments --------------------------------------------------------------------------------------

NOTES = (
    "Looks like the {w} cache is cold after a deploy. Can we warm it?",
    "Same thing on staging, see the breadcrumbs of the newest event.\n\nI will take it.",
    "Rolled back. Watching the graph until tomorrow.",
    "Can't reproduce locally with `{w}` disabled — naïve guess: a race with the worker.",
)


def activity(entry_id, user, kind, data, when):
    return {"id": str(entry_id), "user": user.full() if user else None, "sentry_app": None, "type": kind,
            "data": data, "dateCreated": iso(when, True)}


def load(world, issue):
    """Makes the activity and comments that an issue has had since the start, at the first look."""
    if issue.activity is not None:
        return
    users, h = world.people.users, mix(issue.shape, 99)
    issue.activity, issue.comments = [], []
    span = max(issue.last - issue.first, HOUR)
    if issue.assigned:
        kind, key = issue.assigned
        data = {"assignee": key, "assigneeType": kind}
        issue.activity.append(activity(issue.id * 8 + 1, users[h % 6], "assigned", data, issue.first + span // 4))
    for i in range(issue.notes):
        text = NOTES[(h + i) % len(NOTES)].format(w=issue.platform)
        note = activity(issue.id * 8 + 2 + i, users[(i + h) % 5], "note", {"text": text},
                        issue.first + span // 3 + i * 7 * MINUTE)
        issue.comments.append(note)
        issue.activity.append(note)
    if issue.status == "resolved":
        kind, data = "set_resolved", {}
        if "inRelease" in issue.details:
            kind, data = "set_resolved_in_release", {"version": issue.details["inRelease"]}
        elif "inNextRelease" in issue.details:
            kind, data = "set_resolved_in_release", {"version": "", "inNextRelease": True}
        issue.activity.append(activity(issue.id * 8 + 6, world.people.by_id(issue.resolved_by), kind, data,
                                       issue.last + MINUTE))
    elif issue.status == "ignored":
        issue.activity.append(activity(issue.id * 8 + 6, users[0], "set_ignored", {
            "ignoreCount": issue.details.get("ignoreCount"), "ignoreDuration": None, "ignoreUntil": None,
            "ignoreUserCount": None, "ignoreUserWindow": None, "ignoreWindow": issue.details.get("ignoreWindow")},
            issue.last + MINUTE))
    elif issue.substatus == "regressed":
        issue.activity.append(activity(issue.id * 8 + 6, None, "set_regression", {"version": ""}, issue.last))
    elif issue.substatus == "escalating":
        issue.activity.append(activity(issue.id * 8 + 6, None, "set_escalating", {"forecast": 12}, issue.last))
    issue.activity.reverse()
    issue.comments.reverse()


def activities(world, issue):
    load(world, issue)
    first = activity(0, None, "first_seen", {"priority": issue.priority}, issue.first)
    return issue.activity[:99] + [first]


def add_activity(world, issue, user, kind, data):
    load(world, issue)
    world.note_ids += 1
    entry = activity(world.note_ids, user, kind, data, world.now())
    issue.activity.insert(0, entry)
    return entry


def add_comment(world, issue, user, text, mentions=()):
    data = {"text": text}
    if mentions:
        data["mentions"] = list(mentions)
    note = add_activity(world, issue, user, "note", data)
    issue.comments.insert(0, note)
    issue.notes += 1
    issue.subscribed |= user.bit
    world.changed(issue)
    return note


