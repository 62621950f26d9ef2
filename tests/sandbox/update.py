# SPDX-License-Identifier: MIT
"""Changes of issues: Sentry's GroupValidator, the inference of substatus, activities, merge, delete."""

import json
import uuid

from .cursors import ApiError, detail
from .issues import add_activity, base, load
from .wire import Response, reply
from .world import DAY, MINUTE, iso

STATUSES = ("resolved", "unresolved", "ignored", "resolvedInNextRelease", "muted")
SUBSTATUSES = {
    "archived_until_escalating": "ignored", "archived_until_condition_met": "ignored", "archived_forever": "ignored",
    "escalating": "unresolved", "ongoing": "unresolved", "regressed": "unresolved", "new": "unresolved"}
IGNORES = ("ignoreDuration", "ignoreCount", "ignoreWindow", "ignoreUserCount", "ignoreUserWindow")
BOOLEANS = ("hasSeen", "isBookmarked", "isSubscribed", "isPublic", "inbox", "discard")
TRUE, FALSE = (True, 1, "true", "True", "1", "t"), (False, 0, "false", "False", "0", "f")
WINDOW_MAX = 7 * 24 * 60


def invalid(field, text):
    return ApiError(400, {field: text if isinstance(text, (dict, list)) else [text]})


def body_of(request):
    try:
        data = json.loads(request.body or b"{}")
    except ValueError as e:
        raise detail(400, f"JSON parse error - {e}") from None
    if not isinstance(data, dict):
        raise invalid("non_field_errors", f"Invalid data. Expected a dictionary, but got {type(data).__name__}.")
    return data


def boolean(field, value):
    for truth, forms in ((True, TRUE), (False, FALSE)):
        if any(value is f or (type(value) is type(f) and value == f) for f in forms):
            return truth
    raise invalid(field, "Must be a valid boolean.")


def integer(field, value, most=None):
    try:
        if isinstance(value, bool):
            raise ValueError
        number = int(value)
    except (ValueError, TypeError):
        raise invalid(field, "A valid integer is required.") from None
    if number < 0:
        raise invalid(field, "Ensure this value is greater than or equal to 0.")
    if most is not None and number > most:
        raise invalid(field, f"Ensure this value is less than or equal to {most}.")
    return number


def choice(field, value, choices):
    if not isinstance(value, str) or value not in choices:
        raise invalid(field, f'"{value}" is not a valid choice.')
    return value


def validate(app, request, data, issues):
    """What the validator returns: known members only, each checked; unknown members are ignored."""
    out = {}
    for name in BOOLEANS:
        if data.get(name) is not None:
            out[name] = boolean(name, data[name])
    if "status" in data:
        status = choice("status", data["status"], STATUSES)
        out["status"] = "ignored" if status == "muted" else status
    if data.get("substatus") is not None:
        out["substatus"] = choice("substatus", data["substatus"], SUBSTATUSES)
    if data.get("priority") is not None:
        out["priority"] = choice("priority", data["priority"], ("low", "medium", "high"))
    details = data.get("statusDetails")
    if details is not None:
        if not isinstance(details, dict):
            raise invalid("statusDetails", {"non_field_errors": [
                f"Invalid data. Expected a dictionary, but got {type(details).__name__}."]})
        try:
            out["statusDetails"] = status_details(details, issues)
        except ApiError as e:
            raise invalid("statusDetails", e.body) from None
    loose = {k: integer(k, data[k], WINDOW_MAX if "Window" in k else None) for k in (*IGNORES, "snoozeDuration")
             if data.get(k) is not None}
    if "snoozeDuration" in loose:
        loose.setdefault("ignoreDuration", loose.pop("snoozeDuration"))
    if loose:
        out["statusDetails"] = loose | out.get("statusDetails", {})
    if "assignedTo" in data:
        out["assignedTo"] = actor(app, data["assignedTo"], issues)
    if data.get("merge") is not None and data["merge"] not in (False, 0, "0", "false"):
        out["merge"] = True
    if out.get("discard") and len(data) > 1:
        raise invalid("non_field_errors", "Other attributes cannot be updated when discarding")
    return out


def status_details(details, issues):
    out, project = {}, issues[0].project
    same = all(i.project is project for i in issues)
    for key in ("inNextRelease", "inUpcomingRelease"):
        if details.get(key):
            if not project.releases:
                raise invalid(key, "No release data present in the system to form a basis for 'Next Release'")
            if not same:
                raise invalid(key, "Cannot set resolved in next release for multiple projects.")
            out["inNextRelease"] = True
    if details.get("inRelease"):
        version = str(details["inRelease"])
        if not same:
            raise invalid("inRelease", "Cannot set resolved in release for multiple projects.")
        if version == "latest":
            if not project.releases:
                raise invalid("inRelease", "No release data present in the system to indicate form a basis for "
                              "'Current Release'")
            version = project.releases[-1]
        elif version not in project.releases:
            raise invalid("inRelease", "Unable to find a release with the given version.")
        out["inRelease"] = version
    if details.get("inCommit"):
        commit = details["inCommit"]
        if not isinstance(commit, dict):
            raise invalid("inCommit", {"non_field_errors": ["Invalid data. Expected a dictionary."]})
        for key in ("commit", "repository"):
            if not commit.get(key):
                raise invalid("inCommit", {key: ["This field is required."]})
        if commit["repository"] != "acme/" + project.slug:
            raise invalid("inCommit", {"repository": ["Unable to find the given repository."]})
        out["inCommit"] = {"id": commit["commit"], "repository": {"name": commit["repository"]}}
    for key in IGNORES:
        if details.get(key) is not None:
            out[key] = integer(key, details[key], WINDOW_MAX if "Window" in key else None)
    if details.get("untilEscalating"):
        out["untilEscalating"] = True
    return out


def actor(app, value, issues):
    """("user"|"team", id) or None; the forms that Sentry's ActorField takes."""
    people = app.world.people
    if value in ("", None):
        return None
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise invalid("assignedTo", "Unknown actor input")
    text = str(value)
    if text.startswith("team:"):
        team = next((t for t in people.teams if t.id == text[5:]), None)
        if team is None:
            raise invalid("assignedTo", "Unknown actor input")
        if not all(team.sees(i.project) for i in issues):
            raise invalid("assignedTo", "Cannot assign to a team without access to the project")
        return ("team", team.id)
    if text.startswith("user:") or text.isdigit():
        user = people.by_id(text.removeprefix("user:"))
    else:
        user = people.by_name(text)
    if user is None:
        raise invalid("assignedTo", "Unknown actor input")
    if user.pending or not user.active:
        raise invalid("assignedTo", "Cannot assign to non-team member" if user.pending else
                      "Cannot assign to a deactivated user")
    if not any(user.index in t.members and t.sees(i.project) for t in people.teams for i in issues):
        raise invalid("assignedTo", "Cannot assign to non-team member")
    return ("user", user.id)


def apply(app, request, issues, data, single):
    world, user = app.world, request.token.user
    wanted = validate(app, request, data, issues)
    if wanted.get("discard"):
        if "event:admin" not in request.token.scopes:
            raise detail(403, "You do not have permission to perform this action.")
        raise ApiError(400, {"detail": ["You do not have that feature enabled"]})
    if wanted.get("merge"):
        return merge(app, user, issues)
    lag = app.args.write_lag_ms
    if lag:
        for issue in issues:
            old = world.snapshot(issue)
            world.shadows.setdefault(issue.id, old)
            app.later(lag, lambda i=issue: (world.shadows.pop(i.id, None), world.changed(i)))
    for issue in issues:
        load(world, issue)      # what was before, made before anything changes
    delta = {}
    status = wanted.get("status")
    if status is not None or ("statusDetails" in wanted and wanted["statusDetails"]):
        delta.update(set_status(world, user, issues, status, wanted))
    for issue in issues:
        change(world, user, issue, wanted, delta)
        world.changed(issue)
    if single:
        return reply(base(world, issues[0], user, request.origin))
    return reply(delta)


def set_status(world, user, issues, status, wanted):
    details = dict(wanted.get("statusDetails") or {})
    if status is None:      # details alone: a resolution by release or commit, else they say nothing
        if not {"inRelease", "inNextRelease", "inCommit"} & set(details):
            return {}
        status = "resolved"
    if status == "resolvedInNextRelease":
        if not issues[0].project.releases:
            raise invalid("status", "No release data present in the system to form a basis for 'Next Release'")
        status, details = "resolved", {"inNextRelease": True}
    full = {"actor": user.full()} if user else {}
    shown = {}
    for issue in issues:
        before, same = issue.status, issue.status == status
        substatus = wanted.get("substatus")
        if substatus is not None and SUBSTATUSES[substatus] != status:
            substatus = None
        if status == "resolved":
            shown = {k: details[k] for k in ("inRelease", "inNextRelease", "inCommit") if k in details}
            kind, data = "set_resolved", {}
            if "inCommit" in shown:
                kind, data = "set_resolved_in_commit", {"commit": details["inCommit"]["id"]}
            elif shown:
                kind = "set_resolved_in_release"
                data = {"version": shown.get("inRelease", "")} | (
                    {"inNextRelease": True} if "inNextRelease" in shown else {})
            if not same or shown:
                issue.details, issue.resolved_by = shown | full, user.id if user else None
            if not same:
                issue.status, issue.substatus = "resolved", None
            if not same or shown:
                add_activity(world, issue, user, kind, data)
        elif status == "unresolved":
            shown = {}
            if not same:
                if substatus is None:
                    substatus = "regressed" if before == "resolved" else (
                        "new" if issue.first > world.now() - 7 * DAY else "ongoing")
                issue.status, issue.substatus, issue.details, issue.resolved_by = "unresolved", substatus, {}, None
                add_activity(world, issue, user, "set_unresolved", {})
        else:
            keys = {k: details[k] for k in IGNORES if details.get(k)}
            until = iso(world.now() + keys["ignoreDuration"] * MINUTE) if "ignoreDuration" in keys else None
            kept = {"ignoreCount": keys.get("ignoreCount"), "ignoreUntil": until,
                    "ignoreUserCount": keys.get("ignoreUserCount"),
                    "ignoreUserWindow": keys.get("ignoreUserWindow"), "ignoreWindow": keys.get("ignoreWindow")}
            shown = (kept | full) if keys else {}
            if keys:
                substatus = "archived_until_condition_met"
            elif details.get("untilEscalating"):
                substatus = "archived_until_escalating"
            substatus = substatus or "archived_forever"
            issue.details = shown
            if not same:
                issue.status, issue.substatus, issue.resolved_by = "ignored", substatus, None
                add_activity(world, issue, user, "set_ignored", dict(kept, ignoreDuration=keys.get("ignoreDuration")))
        issue.inbox = status == "unresolved" and not same
    out = {"status": status, "statusDetails": issues[-1].details}
    out["substatus"] = issues[-1].substatus
    return out


def change(world, user, issue, wanted, delta):
    """Everything but the status."""
    bit = user.bit if user else 0
    if "assignedTo" in wanted:
        new = wanted["assignedTo"]
        if new != issue.assigned:
            if new is None:
                add_activity(world, issue, user, "unassigned", {})
            else:
                kind, key = new
                who = world.people.by_id(key) if kind == "user" else world.people.team(key)
                add_activity(world, issue, user, "assigned", {
                    "assignee": key, "assigneeType": kind, "assigneeEmail": getattr(who, "email", None)})
                if kind == "user":
                    issue.subscribed |= who.bit
            issue.assigned = new
        if new is None:
            delta["assignedTo"] = None
        else:
            who = world.people.by_id(new[1]) if new[0] == "user" else world.people.team(new[1])
            delta["assignedTo"] = who.actor()
    if "priority" in wanted:
        if wanted["priority"] != issue.priority:
            issue.priority, issue.priority_locked = wanted["priority"], iso(world.now())
            add_activity(world, issue, user, "set_priority", {"priority": wanted["priority"], "reason": None})
        delta["priority"] = wanted["priority"]
    if "hasSeen" in wanted:
        if member(world, user, issue):
            issue.seen = issue.seen | bit if wanted["hasSeen"] else issue.seen & ~bit
        delta["hasSeen"] = bool(issue.seen & bit)
    if "isBookmarked" in wanted:
        issue.bookmarked = issue.bookmarked | bit if wanted["isBookmarked"] else issue.bookmarked & ~bit
        delta["isBookmarked"] = wanted["isBookmarked"]
    if "isSubscribed" in wanted:
        issue.subscribed = issue.subscribed | bit if wanted["isSubscribed"] else issue.subscribed & ~bit
        delta["isSubscribed"] = wanted["isSubscribed"]
        delta["subscriptionDetails"] = {"reason": "unknown"} if wanted["isSubscribed"] else None
    if "isPublic" in wanted:
        if wanted["isPublic"]:
            issue.share = uuid.uuid4().hex
            delta["shareId"] = issue.share
        else:
            issue.share = None
        if issue.public != wanted["isPublic"]:
            add_activity(world, issue, user, "set_public" if wanted["isPublic"] else "set_private", {})
        issue.public = delta["isPublic"] = wanted["isPublic"]
    if "inbox" in wanted:
        issue.inbox = wanted["inbox"]
        if not wanted["inbox"]:
            if issue.status == "unresolved" and issue.substatus in ("new", "regressed", "escalating"):
                issue.substatus = "ongoing"
            add_activity(world, issue, user, "mark_reviewed", {})
        delta["inbox"] = wanted["inbox"]


def member(world, user, issue):
    return user is not None and any(user.index in t.members and t.sees(issue.project) for t in world.people.teams)


def merge(app, user, issues):
    """The issue that was seen most often survives; the others answer with it from then on."""
    world = app.world
    if len(issues) < 2:
        raise detail(400, "Please provide at least two issues to merge.")
    if len({i.project.id for i in issues}) > 1:
        raise detail(400, "Merging across multiple projects is not supported")
    for issue in issues:
        load(world, issue)
    into = max(issues, key=lambda i: (i.count, -i.id))
    others = [i for i in issues if i is not into]
    add_activity(world, into, user, "merge", {"issues": [{"id": str(i.id)} for i in others]})
    world.merge(into, others)
    return reply({"merge": {"parent": str(into.id), "children": [str(i.id) for i in others]}})


def delete(app, issue):
    """Sentry marks the issue pending and deletes behind the answer; with --delete-lag-ms readers see it meanwhile."""
    world, lag = app.world, app.args.delete_lag_ms
    if lag:
        world.shadows.setdefault(issue.id, world.snapshot(issue))
        app.later(lag, lambda: (world.shadows.pop(issue.id, None), world.changed(issue)))
    issue.hidden = "pending_deletion"
    world.changed(issue)


def unmerge(app, user, issue, hashes):
    """Moves the events of the hashes into a new issue."""
    world = app.world
    chosen = [p for p in issue.parts if world.hash_id(*p) in hashes]
    if not chosen or len(chosen) == len(issue.parts):
        return Response(202)
    load(world, issue)
    new = world.new_issue(issue.project)
    world.pin(issue)
    new.stored = 0      # owns no events of its own, only the moved parts
    new.title, new.culprit, new.platform, new.type = issue.title, issue.culprit, issue.platform, issue.type
    new.value, new.kind, new.shape, new.level = issue.value, issue.kind, issue.shape, issue.level
    new.parts, issue.parts = chosen, [p for p in issue.parts if p not in chosen]
    for part in chosen:
        world.hash_owner[part] = new.id
    for one in (new, issue):
        world.recount(one)
    add_activity(world, issue, user, "unmerge_source", {"destinationId": str(new.id), "fingerprints": sorted(hashes)})
    add_activity(world, new, user, "unmerge_destination", {"sourceId": str(issue.id), "fingerprints": sorted(hashes)})
    return Response(202)
