# SPDX-License-Identifier: MIT
"""The fault plan: rules that delay, replace, spoil, cut or hang answers, down to single bytes.

A rule says when it applies (method, path, query, after, times, probability) and what it does. The first rule that
applies to a request wins. The README beside this file lists the members. Rules know no route and no Sentry.
"""

import asyncio
import functools
import gzip
import json
import random
import re
import socket
import struct
import time

MATCH = {"method", "path", "query", "after", "times", "probability", "seed", "note", "apart", "agent"}
ACTIONS = {"delay_ms", "status", "body", "json", "content_type", "headers", "drop_headers", "hang", "reset", "cut",
           "garbage", "truncate", "deep", "huge", "bomb", "drip", "location", "rate_limit", "empty", "text_html",
           "body_file", "keep", "drop", "late_ms", "strip", "own"}
HANGS = ("before-headers", "after-headers", "mid-body")
RATE_FORMS = ("object", "string", "concurrency", "retry-after", "no-reset")


@functools.lru_cache(maxsize=2)
def bomb(size):
    return gzip.compress(b'["' + b"A" * size + b'"]', 6)


class PlanError(ValueError):
    pass


def pattern(text):
    try:
        return re.compile(text)
    except (re.error, TypeError) as e:
        raise PlanError(f"{text!r} is no regular expression: {e}") from None


class Rule:
    def __init__(self, spec):
        if not isinstance(spec, dict):
            raise PlanError("a rule is an object")
        unknown = set(spec) - MATCH - ACTIONS
        if unknown:
            raise PlanError("unknown member: " + ", ".join(sorted(unknown)))
        if spec.get("hang") is not None and spec["hang"] not in HANGS:
            raise PlanError("hang is one of " + ", ".join(HANGS))
        if spec.get("rate_limit") is not None and spec["rate_limit"] not in RATE_FORMS:
            raise PlanError("rate_limit is one of " + ", ".join(RATE_FORMS))
        self.spec = spec
        self.methods = spec["method"].upper().split("|") if spec.get("method") else None
        self.path = pattern(spec.get("path") or "")
        self.query = pattern(spec["query"]) if spec.get("query") is not None else None
        self.agent = pattern(spec["agent"]) if spec.get("agent") else None
        self.skip = int(spec.get("after") or 0)
        self.left = spec.get("times")
        self.random = random.Random(spec.get("seed", 0))
        self.hits = 0
        if "bomb" in spec:
            bomb(spec["bomb"])      # made now, in nobody's time

    def applies(self, request):
        if self.methods and request.method not in self.methods:
            return False
        if not self.path.search(request.path) or (self.query and not self.query.search(request.raw_query)):
            return False
        if self.agent and not self.agent.search(request.headers.get("user-agent", "")):
            return False
        if self.left is not None and self.left <= 0:
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        if "probability" in self.spec and self.random.random() >= self.spec["probability"]:
            return False
        if self.left is not None:
            self.left -= 1
        self.hits += 1
        return True


class Plan:
    """The rules in force, and the requests that hang because of them."""

    def __init__(self):
        self.rules, self.hanging = [], set()
        self.owed = set()   # what met a rule, and must not meet one that is `apart` now
        self.before = 0     # hits of rules that were apart and are no more

    def replace(self, specs):
        if not isinstance(specs, list):
            raise PlanError("the plan is a list of rules")
        self.before = self.apart()
        self.rules = [Rule(spec) for spec in specs]
        self.owed.clear()
        for event in list(self.hanging):
            event.set()

    def apart(self):
        return self.before + sum(r.hits for r in self.rules if "apart" in r.spec)

    def find(self, request):
        asked = request.method, request.target
        owed = asked in self.owed
        found = next((r for r in self.rules if not (owed and "apart" in r.spec) and r.applies(request)), None)
        (self.owed.add if found else self.owed.discard)(asked)
        return found

    def state(self):
        return {"hanging": len(self.hanging), "apart": self.apart(), "rules": [dict(r.spec, hits=r.hits, left=r.left) for r in self.rules]}

    async def hang(self, reader):
        """Waits until the plan changes or the peer goes away."""
        event = asyncio.Event()
        self.hanging.add(event)
        gone = asyncio.ensure_future(reader.read(1))
        wait = asyncio.ensure_future(event.wait())
        try:
            await asyncio.wait({gone, wait}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.hanging.discard(event)
            gone.cancel()
            wait.cancel()


def strip(rule, request):
    """What a server does that does not know these members: it ignores them."""
    try:
        data = json.loads(request.body or b"{}")
    except ValueError:
        return
    if isinstance(data, dict):
        request.body = json.dumps({k: v for k, v in data.items() if k not in rule.spec["strip"]}).encode()


def wants_route(rule):
    """Whether the rule needs the true answer (so the route runs and its side effects happen)."""
    return not any(k in rule.spec for k in ("status", "json", "body", "body_file", "deep", "huge", "bomb", "rate_limit",
                                           "location", "garbage", "drop")) and rule.spec.get("hang") != "before-headers"


def rate_limited(response, form):
    """The forms of 429 that servers send; see RATE_FORMS."""
    from .wire import dumps
    frequent = "You are attempting to use this endpoint too frequently. Limit is 5 requests in 1 seconds"
    busy = "You are attempting to go above the allowed concurrency for this endpoint. Concurrency limit is 1"
    response.status = 429
    response.headers["Content-Type"] = "text/html; charset=utf-8"
    response.headers.update({"X-Sentry-Rate-Limit-Limit": "5", "X-Sentry-Rate-Limit-Remaining": "0",
                             "X-Sentry-Rate-Limit-Reset": str(int(time.time()) + 1)})
    response.body = dumps({"detail": frequent})
    if form == "string":
        response.body = dumps(frequent)
    elif form == "concurrency":
        response.headers["Content-Type"] = "application/json"
        response.body = dumps({"detail": busy})
    elif form in ("retry-after", "no-reset"):
        for name in [n for n in response.headers if n.startswith("X-Sentry-Rate-Limit")]:
            del response.headers[name]
        if form == "retry-after":
            response.headers["Retry-After"] = "1"


def spoil(rule, request, response):
    """Applies what can be said as another Response; what needs the connection is left to takeover()."""
    from .wire import dumps
    spec = rule.spec
    if "rate_limit" in spec:
        rate_limited(response, spec["rate_limit"])
    if "status" in spec:
        response.status = spec["status"]
        if not {"body", "json", "rate_limit"} & set(spec):
            response.body = b""
    if "json" in spec:
        response.body = dumps(spec["json"])
        response.headers["Content-Type"] = "application/json"
    if "body" in spec:
        body = spec["body"]
        for old, new in spec.get("own", {}).get(request.path.rstrip("/").rpartition("/")[2], ()):
            body = body.replace(old, new)
        response.body = body.encode("utf-8", "surrogateescape") if isinstance(body, str) else dumps(body)
    if "body_file" in spec:
        with open(spec["body_file"], "rb") as f:
            response.body = f.read()
    if spec.get("empty"):
        response.body = b""
    if spec.get("text_html"):
        response.headers["Content-Type"] = "text/html; charset=utf-8"
    if "garbage" in spec:
        size = spec["garbage"] if isinstance(spec["garbage"], int) and spec["garbage"] is not True else 512
        response.body = rule.random.randbytes(size)
    if "deep" in spec:
        response.body = b"[" * spec["deep"] + b"]" * spec["deep"]
    if "truncate" in spec:
        keep = spec["truncate"]
        keep = len(response.body) // 2 if keep is True else keep
        response.body = response.body[:keep]
    if "bomb" in spec:
        response.body = bomb(spec["bomb"])
        response.headers["Content-Encoding"] = "gzip"
    if "location" in spec:
        response.status = spec.get("status", 302)
        response.headers["Location"] = spec["location"]
    if response.body and "Content-Type" not in response.headers:
        response.headers["Content-Type"] = "application/json"
    if "content_type" in spec:
        response.headers["Content-Type"] = spec["content_type"]
    for name in spec.get("drop_headers") or []:
        for have in [h for h in response.headers if h.lower() == name.lower()]:
            del response.headers[have]
    for name, value in (spec.get("headers") or {}).items():
        for have in [h for h in response.headers if h.lower() == name.lower()]:
            del response.headers[have]
        response.headers[name] = value


def reset(writer):
    """Ends the connection with a TCP RST."""
    sock = writer.get_extra_info("socket")
    if sock.fileno() >= 0:      # else the client was first
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def takeover(plan, rule):
    """The coroutine that writes the answer where the fault is in the bytes; None where it is not."""
    spec = rule.spec
    if not any(k in spec for k in ("hang", "reset", "cut", "drip", "huge", "drop")):
        return None

    def part(value, body):
        return len(body) // 2 if value is True else max(0, min(int(value), len(body) - 1))    # never all of it

    async def run(request, response, reader, writer):
        body = response.body
        if "drop" in spec:
            return False
        if spec.get("hang") == "before-headers":
            await plan.hang(reader)
            return False
        if request.entry is not None:
            request.entry["status"] = response.status
        if "huge" in spec:
            writer.write(response.head(spec["huge"] + 2, True) + b"[")
            chunk, left = b" " * 65536, spec["huge"]
            while left > 0:
                writer.write(chunk[:left])
                left -= len(chunk)
                await writer.drain()
            writer.write(b"]")
            await writer.drain()
            return False
        writer.write(response.head(len(body)))
        if spec.get("hang") == "after-headers":
            await plan.hang(reader)
        elif spec.get("hang") == "mid-body":
            writer.write(body[:len(body) // 2])
            await plan.hang(reader)
        elif "cut" in spec:
            writer.write(body[:part(spec["cut"], body)])
            await writer.drain()
        elif "reset" in spec:
            writer.write(body[:part(spec["reset"], body)])
            await writer.drain()
            await asyncio.sleep(0.02)
            reset(writer)
        elif "drip" in spec:
            step = max(1, int(spec["drip"]) // 10)
            for at in range(0, len(body), step):
                writer.write(body[at:at + step])
                await writer.drain()
                await asyncio.sleep(0.1)
            return True
        return False
    return run
