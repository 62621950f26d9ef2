# SPDX-License-Identifier: MIT
"""One project: itself, its events, members, teams, environments, releases, attachments of its events."""

from urllib.parse import quote

from . import catalog, cursors
from .cursors import ApiError, detail
from .people import PROJECT, RELEASES
from .routing import not_found, route
from .wire import Response, reply

PROJECT_EVENTS = ("project-events", 60, 60, 1)
SCAN = 200      # the newest issues of a project, whose events its event list is made of


def project_of(app, request):
    """The project, or 302 to its new slug."""
    key = request.params["project"]
    project, renamed = app.world.project(key)
    if project is None:
        raise not_found()
    if renamed:
        path = request.target.replace(f"/{request.params['org']}/{key}/", f"/{request.params['org']}/{project.slug}/", 1)
        raise ApiError(302, {"slug": project.slug, "detail": {
            "code": "resource-moved", "message": "Resource has been moved",
            "extra": {"url": path, "slug": project.slug}}}, {"Location": path})
    return project


@route("GET", "/projects/{org}/{project}/", PROJECT)
def one_project(app, request):
    from .routes_org import organization, project_entry
    project = project_of(app, request)
    out = project_entry(app, project, request)
    for name in ("environments", "latestDeploys", "hasUserReports"):
        out.pop(name)
    out.update(
        isInternal=False, isPublic=False, avatar={"avatarType": "letter_avatar", "avatarUuid": None, "avatarUrl": None},
        color="#3fbf7f", status="active", options={}, digestsMinDelay=300, digestsMaxDelay=1800, subjectPrefix="",
        allowedDomains=["*"], resolveAge=0, dataScrubber=True, dataScrubberDefaults=True, safeFields=[],
        storeCrashReports=None, sensitiveFields=[], subjectTemplate="$shortID - $title", securityToken="0" * 32,
        securityTokenHeader=None, verifySSL=False, scrubIPAddresses=False, scrapeJavaScript=True,
        enableAutoReleaseCreation=True, highlightTags=["environment", "release"], highlightContext={},
        highlightPreset={"tags": [], "context": {}}, groupingConfig="newstyle:2023-01-11",
        derivedGroupingEnhancements="", groupingEnhancements="", secondaryGroupingExpiry=0, secondaryGroupingConfig=None,
        fingerprintingRules="", organization=organization(app, request), processingIssues=0, defaultEnvironment=None,
        relayPiiConfig=None, builtinSymbolSources=[], dynamicSamplingBiases=[], symbolSources="[]",
        isDynamicallySampled=False, tempestFetchScreenshots=False, autofixAutomationTuning="off",
        seerScannerAutomation=False, seerNightshiftTweaks=None, scmSourceContextEnabled=False, debugFilesRole=None,
        plugins=[], platforms=list(project.kinds))
    return reply(out)


@route("GET", "/projects/{org}/{project}/events/", PROJECT, PROJECT_EVENTS)
def project_events(app, request):
    from .listing import window_of
    from .routes_issue import event_page
    project, world = project_of(app, request), app.world
    start, end = window_of(app, request, always=True)
    text = (request.get("query") or "").lower()
    newest = sorted((i for i in world.everything() if i.project is project and i.last >= start),
                    key=lambda i: -i.last)[:SCAN]
    refs = [r for i in newest if text in i.title.lower() for r in world.refs(i) if start <= r[0] <= end]
    refs.sort(reverse=True)
    return event_page(app, request, refs)


def event_of(app, request):
    from .routes_issue import EVENT_GONE, event_by_id
    project, world = project_of(app, request), app.world
    found = event_by_id(world, request.params["event"])
    if found is None or found[0].project is not project or world.seen(found[0]).hidden is not None:
        raise detail(404, EVENT_GONE if found is None else "Event not found")
    return world.seen(found[0]), found[1], found[2]


@route("GET", "/projects/{org}/{project}/events/{event}/", PROJECT)
def one_event(app, request):
    return reply(app.events.single(*event_of(app, request)))


@route("GET", "/projects/{org}/{project}/events/{event}/json/", PROJECT)
def raw_event(app, request):
    """The stored event: snake case, as the SDK sent it."""
    import json
    issue, origin, serial = event_of(app, request)
    e = json.loads(app.events.full(issue, origin, serial))
    by_type = {one["type"]: one["data"] for one in e["entries"]}
    out = {"event_id": e["eventID"], "project": int(origin.project.id), "platform": e["platform"],
           "datetime": e["dateCreated"], "culprit": e["culprit"], "title": e["title"], "level": origin.level,
           "logger": origin.logger, "metadata": e["metadata"], "tags": [[t["key"], t["value"]] for t in e["tags"]],
           "contexts": e["contexts"], "extra": e["context"], "user": e["user"], "sdk": e["sdk"], "version": "7",
           "fingerprint": ["{{ default }}"], "modules": e["packages"]}
    out.update({k: v for k, v in by_type.items() if k in ("exception", "breadcrumbs", "request", "threads")})
    return reply(out)


@route("GET", "/projects/{org}/{project}/events/{event}/committers/", PROJECT)
def committers(app, request):
    event_of(app, request)
    return reply({"committers": []})


@route("GET", "/projects/{org}/{project}/events/{event}/owners/", PROJECT)
def owners(app, request):
    event_of(app, request)
    return reply({"owners": [], "rule": None, "rules": []})


@route("GET", "/projects/{org}/{project}/events/{event}/attachments/", PROJECT)
def attachments(app, request):
    issue, origin, serial = event_of(app, request)
    eid = app.world.event_id(origin.id, serial)
    have = [a for a in app.world.attachments_of(issue) if a["event_id"] == eid]
    page, headers = cursors.page(request, have)
    return reply(page, headers=headers)


@route("GET", "/projects/{org}/{project}/events/{event}/attachments/{attachment}/", PROJECT)
def attachment(app, request):
    issue, origin, serial = event_of(app, request)
    eid = app.world.event_id(origin.id, serial)
    found = next((a for a in app.world.attachments_of(issue)
                  if a["id"] == request.params["attachment"] and a["event_id"] == eid), None)
    if found is None:
        raise not_found()
    if request.get("download") is None:
        return reply(found)
    return Response(200, app.world.attachment_bytes(found), {
        "Content-Type": "application/octet-stream", "Content-Disposition": f'attachment; filename="{quote(found["name"])}"'})


@route("GET", "/projects/{org}/{project}/members/", PROJECT)
def members(app, request):
    project, people = project_of(app, request), app.world.people
    inside = {i for t in people.teams if t.sees(project) for i in t.members}
    return reply([u.member() for u in people.users if u.index in inside])


@route("GET", "/projects/{org}/{project}/teams/", PROJECT)
def teams(app, request):
    project = project_of(app, request)
    found = [t for t in app.world.people.teams if t.sees(project)]
    page, headers = cursors.page(request, found)
    return reply([t.full(request.token.user) for t in page], headers=headers)


@route("GET", "/projects/{org}/{project}/environments/", PROJECT)
def environments(app, request):
    project_of(app, request)
    return reply([{"id": str(i + 1), "name": n, "isHidden": False} for i, n in enumerate(catalog.ENVIRONMENTS)])


@route("GET", "/projects/{org}/{project}/releases/", RELEASES)
def releases(app, request):
    from .routes_org import release_entry
    project = project_of(app, request)
    page, headers = cursors.page(request, list(reversed(project.releases)) if project.issues else [])
    return reply([release_entry(app, project, v) for v in page], headers=headers)


@route("GET", "/projects/{org}/{project}/user-feedback/", PROJECT)
def feedback(app, request):
    project_of(app, request)
    page, headers = cursors.page(request, [])
    return reply(page, headers=headers)
