# SPDX-License-Identifier: MIT
"""The organization: whoami, organizations, projects, members, teams, environments, releases, lookups."""

from . import catalog, cursors
from .cursors import detail
from .people import EVENT, MEMBER, ORG, RELEASES
from .routing import not_found, route
from .wire import Response, reply
from .world import iso, mix, DAY


def organization(app, request, whole=False):
    w = app.world
    out = {
        "id": w.id, "slug": w.slug, "name": w.name, "status": {"id": "active", "name": "active"},
        "dateCreated": w.created, "isEarlyAdopter": False, "require2FA": False,
        "avatar": {"avatarType": "letter_avatar", "avatarUuid": None, "avatarUrl": None},
        "links": {"organizationUrl": request.origin, "regionUrl": app.args.region_url or request.origin}, "hasAuthProvider": False,
        "allowMemberInvite": True, "allowMemberProjectCreation": True, "allowSuperuserAccess": False,
        "features": ["open-membership", "event-attachments"], "extraOptions": {}, "access": sorted(request.token.scopes),
        "onboardingTasks": [],
    }
    if whole:
        out.update(defaultRole="member", isDefault=False, safeFields=[], sensitiveFields=[], scrubIPAddresses=False,
                   openMembership=True, attachmentsRole="member", debugFilesRole="admin", eventsMemberAdmin=True,
                   role="owner", orgRoleList=[], teamRoleList=[], trustedRelays=[], pendingAccessRequests=0,
                   quota={"maxRate": None, "maxRateInterval": 60, "accountLimit": 0, "projectLimit": 100})
        if request.get("detailed") != "0":
            out["projects"] = [project_entry(app, p, request) for p in w.projects]
            out["teams"] = [t.full(request.token.user) for t in w.people.teams]
    return out


HAS = ("Feedbacks", "Flags", "MinifiedStackTrace", "Monitors", "NewFeedbacks", "Profiles", "Replays", "Sessions",
       "InsightsHttp", "InsightsDb", "InsightsAssets", "InsightsAppStart", "InsightsScreenLoad", "InsightsVitals",
       "InsightsCaches", "InsightsQueues", "InsightsAgentMonitoring", "InsightsMCP", "Logs", "TraceMetrics")


def project_entry(app, project, request):
    teams = [t.brief() for t in app.world.people.teams if t.sees(project)]
    out = {
        "id": project.id, "slug": project.slug, "name": project.name, "platform": project.platform,
        "dateCreated": project.created, "isBookmarked": False, "isMember": True, "features": ["releases"],
        "firstEvent": project.created, "firstTransactionEvent": False,
        "access": sorted(s for s in request.token.scopes if s.startswith(("project:", "event:"))), "hasAccess": True,
        "team": teams[0] if teams else None, "teams": teams, "platforms": list(project.kinds), "hasUserReports": False,
        "environments": list(catalog.ENVIRONMENTS),
        "latestRelease": {"version": project.releases[-1]} if project.releases else None, "latestDeploys": None,
    }
    out.update({"has" + name: False for name in HAS})
    return out


@route("GET", "/", None)
def whoami(app, request):
    user = request.token.user
    known = request.token.text
    return reply({"version": "0", "auth": {"scopes": sorted(request.token.scopes)} if known else None,
                  "user": user.full() if user else None})


@route("GET", "/organizations/", ORG)
def organizations(app, request):
    cursors.per_page(request)
    text = (request.get("query") or "").lower()
    have = [organization(app, request)] if text in app.world.slug or text in app.world.name.lower() else []
    page, headers = cursors.page(request, have)
    return reply(page, headers=headers)


@route("GET", "/organizations/{org}/", ORG)
def one_organization(app, request):
    return reply(organization(app, request, whole=True))


@route("GET", "/organizations/{org}/projects/", ORG)
def projects(app, request):
    text = request.get("query") or ""
    found = sorted(app.world.projects, key=lambda p: p.slug)
    for word in text.split():
        if word.startswith(("!team:", "team:")):
            team = app.world.people.team(word.partition(":")[2])
            found = [p for p in found if (team is not None and team.sees(p)) != word.startswith("!")]
        elif word.startswith("slug:"):
            found = [p for p in found if p.slug in word[5:].split(",")]
        elif word.startswith("id:"):
            found = [p for p in found if p.id == word[3:]]
        else:
            found = [p for p in found if word.lower() in p.slug or word.lower() in p.name.lower()]
    page, headers = cursors.page(request, found)
    return reply([project_entry(app, p, request) for p in page], headers=headers)


@route("GET", "/organizations/{org}/members/", MEMBER)
def members(app, request):
    found = [u for u in app.world.people.users]
    text = (request.get("query") or "").lower().removeprefix("email:")
    found = [u for u in found if text in u.email or text in u.name.lower()]
    page, headers = cursors.page(request, found)
    return reply([u.member() for u in page], headers=headers)


@route("GET", "/organizations/{org}/teams/", ORG)
def teams(app, request):
    text = (request.get("query") or "").lower()
    found = [t for t in app.world.people.teams if text in t.slug]
    page, headers = cursors.page(request, found)
    out = [t.full(request.token.user) for t in page]
    if request.get("detailed") != "0":
        for one, team in zip(out, page):
            one["externalTeams"] = []
            one["organization"] = organization(app, request)
            one["projects"] = [dict(project_entry(app, p, request), isInternal=False, isPublic=False, color="#3fbf7f",
                                    status="active", avatar={"avatarType": "letter_avatar", "avatarUuid": None})
                               for p in app.world.projects if team.sees(p)]
    return reply(out, headers=headers)


@route("GET", "/organizations/{org}/user-teams/", ORG)
def user_teams(app, request):
    user = request.token.user
    return reply([t.full(user) for t in app.world.people.teams if user and user.index in t.members])


@route("GET", "/organizations/{org}/environments/", ORG)
def environments(app, request):
    if request.get("visibility", "visible") not in ("visible", "hidden", "all"):
        raise detail(400, "Invalid value for 'visibility', valid values are: ['all', 'hidden', 'visible']")
    if request.get("visibility") == "hidden":
        return reply([])
    return reply([{"id": str(i + 1), "name": name} for i, name in enumerate(catalog.ENVIRONMENTS)])


def release_entry(app, project, version):
    from .issues import release
    at = project.releases.index(version)
    when = app.world.now0 - (len(project.releases) - at) * 6 * DAY
    issue = project.issues[0] if project.issues else None
    if issue is None:
        raise not_found()
    out = release(app.world, issue, version, when)
    out.update(dateCreated=iso(when, True), dateReleased=iso(when, True), newGroups=mix(at) % 7)
    return out


@route("GET", "/organizations/{org}/releases/", RELEASES)
def releases(app, request):
    from .listing import projects_of
    wanted = projects_of(app, request)
    text = (request.get("query") or "").lower()
    found = [(p, v) for p in app.world.projects if p.issues and (wanted is None or p in wanted)
             for v in reversed(p.releases) if text in v]
    found.sort(key=lambda pv: -pv[0].releases.index(pv[1]))
    page, headers = cursors.page(request, found)
    return reply([release_entry(app, p, v) for p, v in page], headers=headers)


@route("GET", "/organizations/{org}/releases/{version}/", RELEASES)
def one_release(app, request):
    for p in app.world.projects:
        if request.params["version"] in p.releases and p.issues:
            return reply(release_entry(app, p, request.params["version"]))
    raise not_found()


@route("GET", "/organizations/{org}/tags/", ORG)
def org_tags(app, request):
    from .tags import NAMES
    return reply([{"key": k, "name": v, "totalValues": 1000 - i} for i, (k, v) in enumerate(NAMES.items())])


@route("GET", "/organizations/{org}/repos/", ORG)
def repos(app, request):
    page, headers = cursors.page(request, app.world.projects)
    return reply([{"id": str(900 + p.index), "name": "acme/" + p.slug, "url": None, "provider": {
        "id": "unknown", "name": "Unknown Provider"}, "status": "active", "dateCreated": p.created,
        "integrationId": None, "externalSlug": None, "externalId": None} for p in page], headers=headers)


@route("GET", "/organizations/{org}/shortids/{short}/", EVENT)
def short_id(app, request):
    from .issues import base
    w = app.world
    issue = w.survivor(w.by_short_id(request.params["short"]))
    if issue is None or w.seen(issue).hidden is not None:
        raise not_found()
    shown = w.seen(issue)
    return reply({"organizationSlug": w.slug, "projectSlug": shown.project.slug, "groupId": str(shown.id),
                  "group": base(w, shown, request.token.user, request.origin), "shortId": shown.short_id})


@route("GET", "/organizations/{org}/eventids/{event}/", ORG)
def event_id(app, request):
    from .routes_issue import event_by_id
    w, key = app.world, request.params["event"].replace("-", "").lower()
    if len(key) != 32:
        raise detail(400, "Invalid event ID")
    found = event_by_id(w, key)
    if found is None or w.seen(found[0]).hidden is not None:
        raise not_found()
    holder, origin, serial = found
    head = {"organizationSlug": w.slug, "projectSlug": holder.project.slug, "groupId": str(holder.id), "eventId": key}
    from .wire import dumps
    return reply(dumps(head)[:-1] + b',"event":' + app.events.full(holder, origin, serial) + b"}")


@route("GET", "/users/me/regions/")
def regions(app, request):
    """There are none on a server of one's own."""
    return Response(404, b"", {"Content-Type": "text/html; charset=utf-8"})
