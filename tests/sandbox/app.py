# SPDX-License-Identifier: MIT
"""The program: options, the log of requests, faults, the line of JSON, the end at SIGTERM."""

import argparse
import asyncio
import gc
import json
import os
import signal
import sys
import time

from . import (control, dialects, faults, gallery, hostile, reference, routes_issue, routes_issues, routes_org, routes_project,
               routing, wire)
from .events import Events
from .wire import Response
from .world import World

ROUTE_MODULES = (routes_org, routes_issues, routes_issue, routes_project)
LOG_MAX = 200_000
URI_MAX = 8180     # the proxy before a real server takes a request line of 8 KiB


def options(argv):
    p = argparse.ArgumentParser(prog="serve", description="A Sentry-compatible server on 127.0.0.1; see README.md.")
    number = int
    p.add_argument("--port", type=number, default=0, help="0 takes a free one")
    p.add_argument("--seed", type=number, default=1)
    p.add_argument("--issues", type=number, help="issues of the first project (default: 180)")
    p.add_argument("--projects", type=number, default=3)
    p.add_argument("--events", type=number, help="events of each issue (default: 1 to 36, WEB-1 has 137)")
    p.add_argument("--delay-ms", type=number, default=0, help="every API answer waits so long")
    p.add_argument("--rate-limits", action="store_true", help="refuse with 429 what exceeds the limits")
    p.add_argument("--same-limit", type=number, default=0, metavar="N", help="every endpoint's limit is N and none is "
                   "on what runs at once; servers of one's own say 999 and refuse nothing")
    p.add_argument("--dialect", choices=dialects.NAMES, default="sentry", help="whose shapes, errors and paths (sentry)")
    p.add_argument("--new-shapes", action="store_true", help="a self-hosted server that is up to date")
    p.add_argument("--without", default="", metavar="A,B", help="these parts of an issue are not there, such as hashes")
    p.add_argument("--dump-bytes", type=number, default=0, help="issues with attachments have a core.dmp too, of "
                   "about so many bytes")
    p.add_argument("--organization", default="acme", metavar="SLUG", help="the organization's name (acme)")
    p.add_argument("--region-url", metavar="URL", help="where the organization says that it lives")
    p.add_argument("--events-from", metavar="DIR", help="adds the project `reference`, made from event files")
    p.add_argument("--gallery", action="store_true", help="adds the project `gallery`, an issue of each platform")
    p.add_argument("--scopes", help="scopes of the printed token, separated by commas (default: all)")
    p.add_argument("--write-lag-ms", type=number, default=0, help="reads show a PUT only after so long")
    p.add_argument("--delete-lag-ms", type=number, default=0, help="a deleted issue is still there for so long")
    p.add_argument("--full-page", type=number, default=10, help="most events of a page with full=1")
    p.add_argument("--post-filter", type=number, default=0, metavar="N", help="the issue list drops about one entry in "
                   "N after paging, so that pages are short; 1 empties every second page; 0 is off")
    p.add_argument("--unresolved-only", action="store_true", help="every issue is unresolved and recent")
    p.add_argument("--slug-projects", action="store_true", help="project= takes slugs, as servers since 2026 do")
    p.add_argument("--gzip", action="store_true", help="compress answers, as the proxy before a real server does")
    p.add_argument("--hostile", action="store_true", help="every answer is as an attacker would write it")
    p.add_argument("--now", type=number, help="the clock stands at this epoch second, for answers that never vary")
    args = p.parse_args(argv)
    for name in ("issues", "events", "delay_ms", "write_lag_ms", "delete_lag_ms", "post_filter", "same_limit"):
        if (getattr(args, name) or 0) < 0:
            p.error(f"--{name.replace('_', '-')}: not below 0")
    if args.full_page < 1 or args.projects < 0 or (args.events is not None and args.events < 1):
        p.error("--full-page and --events: at least 1; --projects: not below 0")
    return args


class App:
    def __init__(self, args):
        self.args = args
        self.world = World(args)
        self.events = Events(self.world)
        self.limits = routing.Limits(args)
        self.plan = faults.Plan()
        if args.hostile:
            self.plan.replace(hostile.rules())
        self.dialect = dialects.make(self)
        self.without = [w for w in args.without.split(",") if w]
        self.log = []
        if args.gallery:
            gallery.load(self.world)
        if args.events_from:
            reference.load(self.world, args.events_from)

    async def pause(self):
        if self.args.delay_ms:
            await asyncio.sleep(self.args.delay_ms / 1000)

    def later(self, ms, call):
        asyncio.get_running_loop().call_later(ms / 1000, call)

    async def handle(self, request):
        if len(request.target) > URI_MAX:
            return Response(414, b"<html><h1>414 Request-URI Too Large</h1></html>", content_type="text/html")
        if request.path.startswith("/_sandbox/"):
            return control.handle(self, request)
        request.entry = {
            "method": request.method, "path": request.path, "query": request.raw_query, "status": None,
            "body": request.body.decode("utf-8", "replace") if request.body else None, "t": time.time(),
            "user_agent": request.headers.get("user-agent"), "headers": sorted(request.headers),
            "token": request.headers.get("authorization", "")[-8:]}
        if len(self.log) < LOG_MAX:
            self.log.append(request.entry)
        rule = self.plan.find(request)
        if rule is None:
            return await self.answer(request)
        request.entry["note"] = rule.spec.get("note")
        if "delay_ms" in rule.spec:
            await asyncio.sleep(rule.spec["delay_ms"] / 1000)
        if "strip" in rule.spec:
            faults.strip(rule, request)
        if faults.wants_route(rule) or rule.spec.get("keep"):
            response = await self.answer(request)
        else:
            response = Response(200, b"")
        faults.spoil(rule, request, response)
        if "late_ms" in rule.spec:
            await asyncio.sleep(rule.spec["late_ms"] / 1000)
        response.takeover = faults.takeover(self.plan, rule)
        return response

    async def answer(self, request):
        try:
            if any(f"/{part}/" in request.path for part in self.without):
                return self.dialect.after(request, routing.catch_all(request))
            response = self.dialect.before(request) or await routing.dispatch(self, request)
            return self.dialect.after(request, response)
        except Exception as e:      # a bug of the sandbox must be seen by the test, not hang it
            import traceback
            traceback.print_exc()
            return wire.reply({"detail": "Internal Error", "errorId": "0" * 32, "sandbox": repr(e)}, 500)


async def run(args):
    app = App(args)
    gc.collect()
    gc.freeze()     # the issues stay: looking through 100,000 of them again and again would stop the server
    server = wire.Server(app.handle, args.gzip)
    try:
        port = await server.start(args.port)
    except OSError as e:
        sys.exit(f"serve: --port {args.port}: {e.strerror}")
    app.url = f"http://127.0.0.1:{port}"
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    print(json.dumps({"url": app.url, "organization": app.world.slug, "token": app.world.people.default.text,
                      "pid": os.getpid()}), flush=True)
    await stop.wait()
    await server.stop()


def main(argv=None):
    asyncio.run(run(options(argv)))
