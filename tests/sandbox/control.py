# SPDX-License-Identifier: MIT
"""The control side, /_sandbox/: the log of requests, the fault plan, state for assertions, changes by others."""

import json

from . import faults, issues, update
from .cursors import ApiError
from .people import ALL_SCOPES, org_token
from .wire import Response, reply


class Wrong(ValueError):
    pass


def handle(app, request):
    try:
        return answer(app, request, request.path.removeprefix("/_sandbox/").strip("/").split("/"))
    except (Wrong, faults.PlanError, ApiError, KeyError, ValueError, TypeError) as e:
        return reply({"detail": f"{type(e).__name__}: {e}"}, 400)


def answer(app, request, parts):
    match (request.method, *parts):
        case ("GET", "requests"):
            token = request.get("token")
            return reply([e for e in app.log if token in (None, e["token"])])
        case ("DELETE", "requests"):
            app.log.clear()
            return Response(204)
        case ("GET", "faults"):
            return reply(app.plan.state())
        case ("POST", "faults"):
            app.plan.replace(json.loads(request.body or b"[]"))
            return reply(app.plan.state())
        case ("DELETE", "faults"):
            app.plan.replace([])
            return Response(204)
        case ("GET", "issues" | "state", *rest):
            return state(app, request, rest)
        case ("POST", "mutate"):
            data = json.loads(request.body)
            return reply([mutate(app, one) for one in data] if isinstance(data, list) else mutate(app, data))
        case ("POST", "tokens"):
            data = json.loads(request.body or b"{}")
            if data.get("org"):
                return reply({"token": org_token(app.world.slug, app.url)})
            token = app.world.people.add_token(data.get("scopes", ALL_SCOPES), data.get("user"),
                                               data.get("expired", False))
            return reply({"token": token.text})
        case ("POST", "options"):
            return reply(set_options(app, json.loads(request.body)))
    return reply({"detail": "no such control"}, 404)


OPTIONS = ("delay_ms", "write_lag_ms", "delete_lag_ms", "full_page", "post_filter", "slug_projects", "same_limit")


def set_options(app, data):
    for key, value in data.items():
        if key == "rate_limits":
            app.limits.enforce = bool(value)
        elif key in OPTIONS:
            setattr(app.args, key, value)
        else:
            raise Wrong(f"no such option: {key}")
    return {k: getattr(app.args, k) for k in OPTIONS} | {"rate_limits": app.limits.enforce}


def issue_of(app, key):
    issue = app.world.issues.get(int(key)) if str(key).isdigit() else app.world.by_short_id(str(key))
    if issue is None:
        raise Wrong(f"no such issue: {key}")
    return issue


def project_of(app, key):
    project, _ = app.world.project(str(key))
    if project is None:
        raise Wrong(f"no such project: {key}")
    return project


def show(app, issue):
    out = issues.base(app.world, issue, app.world.people.users[0], app.url)
    out.update(deleted=issue.hidden == "pending_deletion", merged=issue.hidden == "merged",
               mergedInto=str(issue.merged_into) if issue.merged_into else None, events=len(app.world.refs(issue)),
               activity=issues.activities(app.world, issue), hashes=[app.world.hash_id(*p) for p in issue.parts])
    return out


def state(app, request, rest):
    if rest and rest[0] not in ("", "summary"):
        return reply(show(app, issue_of(app, rest[-1])))
    counts = {}
    for p in app.world.projects:
        have = [i for i in p.issues if i.hidden is None]
        counts[p.slug] = {"id": p.id, "issues": len(have), "events": sum(i.count for i in have)}
        for status in ("unresolved", "resolved", "ignored"):
            counts[p.slug][status] = sum(1 for i in have if i.status == status)
    return reply({"projects": counts, "notable": app.world.notable(), "version": app.world.version,
                  "tokens": {t.text: sorted(t.scopes) for t in app.world.people.tokens.values()}})


FIELDS = {"title", "level", "culprit", "priority", "platform", "substatus"}


def mutate(app, data):
    """One change by nobody in particular, as another person or the ingestion makes it."""
    world, op = app.world, data["op"]
    who = world.people.by_id(data.get("user", "2"))
    if op == "new_event":
        issue = issue_of(app, data["issue"])
        issues.load(world, issue)
        world.add_events(issue, int(data.get("n", 1)), data.get("when"))
        if issue.status == "resolved":
            issue.status, issue.substatus, issue.details = "unresolved", "regressed", {}
            issues.add_activity(world, issue, None, "set_regression", {"version": ""})
            world.changed(issue)
        when, origin, serial = world.refs(issue)[0]
        return {"id": str(issue.id), "event": world.event_id(origin, serial), "count": str(issue.count)}
    if op == "new_issue":
        kw = {k: v for k, v in data.items() if k in FIELDS}
        issue = world.new_issue(project_of(app, data["project"]), data.get("when"), **kw)
        return {"id": str(issue.id), "shortId": issue.short_id}
    if op == "rename_project":
        project = project_of(app, data["project"])
        project.former.add(project.slug)
        project.slug = data["slug"]
        project.name = data.get("name", project.name)
        for issue in project.issues:
            issue.touch()
        world.changed_all()
        return {"id": project.id, "slug": project.slug}
    if op == "merge":
        into = issue_of(app, data["into"])
        world.merge(into, [issue_of(app, k) for k in data["issues"]])
        return show(app, into)
    issue = issue_of(app, data["issue"])
    issues.load(world, issue)
    if op == "delete":
        issue.hidden = "pending_deletion"
    elif op == "status":
        class Fake:
            def __init__(self, user):
                self.token = type("T", (), {"user": user, "scopes": frozenset(ALL_SCOPES)})
                self.origin = app.url
        lag, app.args.write_lag_ms = app.args.write_lag_ms, 0
        try:
            wanted = {k: v for k, v in data.items() if k not in ("op", "issue", "user")}
            update.apply(app, Fake(who), [issue], wanted, single=True)
        finally:
            app.args.write_lag_ms = lag
    elif op == "comment":
        return issues.add_comment(world, issue, who, data["text"])
    elif op == "edit_comment":
        issues.load(world, issue)
        note = next(n for n in issue.comments if n["id"] == str(data["note"]))
        note["data"] = {"text": data["text"]}
    elif op == "remove_comment":
        issues.load(world, issue)
        note = next(n for n in issue.comments if n["id"] == str(data["note"]))
        issue.comments.remove(note)
        issue.activity.remove(note)
        issue.notes -= 1
    elif op == "set":
        for key, value in data.items():
            if key in FIELDS:
                setattr(issue, key, value)
            elif key not in ("op", "issue"):
                raise Wrong(f"cannot set {key}")
    else:
        raise Wrong(f"no such op: {op}")
    world.changed(issue)
    return show(app, issue)
