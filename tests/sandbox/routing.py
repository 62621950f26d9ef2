# SPDX-License-Identifier: MIT
"""The table of routes, and what happens around each: token, scopes, rate limits, errors, catch-all.

A route function takes (app, request) and returns a wire.Response or raises cursors.ApiError.
"""

import re
import time

from . import people
from .cursors import ApiError, detail
from .wire import Response, dumps, reply

ROUTES = {}         # number of slashes of the path -> {pattern text: (regex, {method: Route})}
PREFIX = "/api/0"
NO_AUTH = {"WWW-Authenticate": 'Bearer realm="api"'}


class Route:
    def __init__(self, function, scopes, limit):
        self.function, self.scopes, self.limit = function, scopes, limit


def route(methods, pattern, scopes=(), limit=None):
    """`scopes`: any of them suffices; None lets in who shows no token at all. `limit` is (name, requests, seconds,
    concurrent) of the endpoint's own bucket; None is the shared one."""
    def register(function):
        for form in expand(pattern):
            regex = re.compile("^" + PREFIX + re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", form) + "$")
            alike = ROUTES.setdefault(PREFIX.count("/") + form.count("/"), {})
            _, by_method = alike.setdefault(form, (regex, {}))
            for method in methods.split():
                by_method[method] = Route(function, scopes, limit)
        return function
    return register


def expand(pattern):
    """Issue routes exist under the organization and without it, and /groups/ is an alias of /issues/."""
    forms = [pattern]
    if pattern.startswith("/organizations/{org}/issues/{issue}/"):
        forms.append(pattern.replace("/organizations/{org}", "", 1))
    return forms + [f.replace("/issues/", "/groups/", 1) for f in forms if "/issues/" in f]


def find(path):
    for regex, by_method in ROUTES.get(path.count("/"), {}).values():
        m = regex.match(path)
        if m:
            return by_method, m.groupdict()
    return None, None


def authenticate(app, request, scopes=()):
    """`scopes` are those of the endpoint: where issues are read, every org token is refused alike, well formed or not,
    so that scripts meet the 403 without making a claim; elsewhere a bad one is told as such."""
    header = request.headers.get("authorization", "")
    kind, _, text = header.partition(" ")
    if not header or kind.lower() not in ("bearer", "token"):
        raise detail(401, "Authentication credentials were not provided.", NO_AUTH)
    text = text.strip()
    token = app.world.people.tokens.get(text)
    if token is None and text.startswith("sntrys_"):
        if not people.org_token_valid(text) and not set(people.EVENT).intersection(scopes or ()):
            raise detail(401, "Invalid org token", NO_AUTH)
        token = people.Token(text, ("org:ci",), kind="org")
    if token is None:
        raise detail(401, "Invalid token", NO_AUTH)
    if token.expired:
        raise detail(401, "Token expired", NO_AUTH)
    return token


def authorize(token, scopes):
    if scopes and not token.scopes.intersection(scopes):
        raise detail(403, "You do not have permission to perform this action.", {
            "WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{" ".join(scopes)}"'})


def not_found():
    return detail(404, "The requested resource does not exist")


class Limits:
    """Requests of each caller by endpoint class: a count for each window, and how many run now."""

    def __init__(self, args):
        self.args, self.enforce, self.windows, self.running, self.form = args, args.rate_limits, {}, {}, 0

    def enter(self, caller, name, most, seconds, concurrent):
        """Returns (headers, key of what runs) or raises 429. Where nothing is enforced the headers tell of the
        default configuration, 999 a second."""
        if self.args.same_limit:
            most, concurrent = self.args.same_limit, None
        elif not self.enforce:
            most, seconds, concurrent = 999, 1, None
        window = int(time.time()) // seconds
        key = (caller, name)
        start, used = self.windows.get(key, (window, 0))
        used = used + 1 if start == window else 1
        self.windows[key] = (window, used)
        running = self.running.get(key, 0) + 1
        headers = {"X-Sentry-Rate-Limit-Remaining": str(max(0, most - used)), "X-Sentry-Rate-Limit-Limit": str(most),
                   "X-Sentry-Rate-Limit-Reset": str((window + 1) * seconds)}
        if concurrent:
            headers["X-Sentry-Rate-Limit-ConcurrentRemaining"] = str(max(0, concurrent - running))
            headers["X-Sentry-Rate-Limit-ConcurrentLimit"] = str(concurrent)
        if self.enforce and used > most:
            self.refuse(f"You are attempting to use this endpoint too frequently. Limit is {most} requests in "
                        f"{seconds} seconds", headers)
        if self.enforce and concurrent and running > concurrent:
            self.refuse("You are attempting to go above the allowed concurrency for this endpoint. Concurrency limit "
                        f"is {concurrent}", headers)
        self.running[key] = running
        return headers, key

    def refuse(self, text, headers):
        """Every other refusal is in the older form, a bare string; both come as text/html."""
        self.form += 1
        raise ApiError(429, text if self.form % 2 == 0 else {"detail": text}, headers, "text/html; charset=utf-8")

    def leave(self, key):
        self.running[key] -= 1


DEFAULT_LIMIT = ("default", 40, 1, 25)


def catch_all(request):
    """A missing slash is told, as text or JSON; an unknown route has an empty body."""
    if request.path.endswith("/"):
        return Response(404, b"", {"Content-Type": "text/html; charset=utf-8"})
    path = request.path
    lead = "Route not found, did you forget a trailing slash?"
    if "application/json" in request.headers.get("content-type", ""):
        return reply({"info": f"{lead} try: {path}/"}, 404)
    text = f"{lead}\n\ntry: {path}/\n{' ' * (len('try: ') + len(path))}^\n"
    return Response(404, text.encode(), content_type="text/plain")


async def dispatch(app, request):
    """The answer to one request under /api/0/."""
    by_method, params = find(request.path)
    if by_method is None:
        return catch_all(request)
    request.params = params
    headers, running = {}, None
    try:
        method = "GET" if request.method == "HEAD" else request.method
        entry = by_method.get(method)
        limit = (entry and entry.limit) or DEFAULT_LIMIT
        caller = request.headers.get("authorization", "127.0.0.1")
        headers, running = app.limits.enter(caller, limit[0] + method, *limit[1:])
        if entry and entry.scopes is None and "authorization" not in request.headers:
            request.token = people.Token("", ())
        else:
            request.token = authenticate(app, request, entry.scopes if entry else ())
        if entry is None:
            allow = ", ".join(sorted(by_method))
            raise detail(405, f'Method "{request.method}" not allowed.', {"Allow": allow})
        authorize(request.token, entry.scopes)
        if "org" in params and params["org"] not in (app.world.slug, app.world.id):
            raise not_found()
        await app.pause()
        response = entry.function(app, request)
    except ApiError as e:
        body = e.body if isinstance(e.body, bytes) else dumps(e.body)
        response = Response(e.status, body, e.headers, e.content_type)
    finally:
        if running:
            app.limits.leave(running)
    response.headers.setdefault("Vary", "Accept-Language, Cookie")
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.update(headers)
    return response
