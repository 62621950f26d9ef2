# SPDX-License-Identifier: MIT
"""Event objects in their three forms, made when asked for and kept in a bounded cache.

  list    few members, among them "event.type"
  full    entries, contexts and the rest, as `full=1` gives them: no neighbours, no release, no user report
  single  the full form with nextEventID, previousEventID, release, userReport, sdkUpdates, resolvedWith
"""

import json
from collections import OrderedDict

from . import catalog, gallery
from .frames import frames
from .issues import environment, metadata, release
from .tags import of_event
from .wire import dumps
from .world import iso, mix

CACHE = 12000
RAW = "\ue000"      # marks a number literal that json.dumps would rewrite


def word_of(origin):
    return catalog.WORDS[(origin.shape >> 16) % len(catalog.WORDS)]


def tag_list(world, origin, serial):
    out = []
    for key, value in of_event(world, origin, serial):
        tag = {"key": key, "value": value}
        if key == "user":
            tag["query"] = f'user.id:"{value[3:]}"'
        out.append(tag)
    return out


def user_of(origin, serial):
    n = mix(origin.shape, serial, 5) % 9 + 1
    return {"id": str(n), "email": f"customer{n}@mail.example", "username": f"customer{n}", "ip_address": f"192.0.2.{n}",
            "name": None, "geo": {"country_code": "PT", "city": "Lisbon", "region": "Portugal"}, "data": None}


def message_of(origin):
    return origin.value if not origin.type else ""


def list_form(world, issue, origin, serial):
    when = world.event_time(origin, serial)
    if origin.literal:
        e = origin.literal
        out = {k: e.get(k) for k in ("id", "groupID", "eventID", "projectID", "message", "title", "location", "culprit",
                                     "user", "tags", "platform", "dateCreated", "crashFile", "metadata")}
        return {"id": out["id"], "event.type": e.get("type"), **out}
    eid = world.event_id(origin.id, serial)
    return {
        "id": eid, "event.type": "error" if origin.type else "default", "groupID": str(issue.id), "eventID": eid,
        "projectID": origin.project.id, "message": message_of(origin), "title": origin.title,
        "location": metadata(origin).get("filename"), "culprit": origin.culprit, "user": user_of(origin, serial),
        "tags": tag_list(world, origin, serial), "platform": origin.platform, "dateCreated": iso(when),
        "crashFile": None, "metadata": metadata(origin),
    }


def breadcrumbs(origin, serial, when):
    word, h = word_of(origin), mix(origin.shape, serial, 11)
    rows = (
        ("navigation", "navigation", "info", None, {"from": "/", "to": f"/{word}/"}),
        ("http", "httplib", "info", None, {"url": f"https://api.acme.example/{word}/{h % 90}", "method": "GET",
                                           "status_code": 200 if h % 3 else 503, "reason": "OK"}),
        ("default", "query", "info", f'SELECT "id", "state" FROM "{word}" WHERE "id" = %s LIMIT 21', None),
        ("ui", "ui.click", "info", f"div.{word} > button#save", None),
        ("default", "auth", "warning", f"session of customer{h % 9 + 1} expires in {h % 60} s", None),
    )
    out = []
    for i in range(3 + h % 8):
        kind, category, level, message, data = rows[(h + i) % len(rows)]
        out.append({"timestamp": iso(when - (12 - i) * 1500, True), "type": kind, "category": category, "level": level,
                    "message": message, "data": data, "event_id": None})
    return out


def entries(world, origin, serial, when):
    word = word_of(origin)
    out = []
    if not origin.type:
        out.append({"type": "message", "data": {"formatted": origin.value, "message": origin.value, "params": []}})
    else:
        trace = {"frames": frames(origin.platform, word, serial), "framesOmitted": None, "registers": {
            "rip": "0x55e0c0de4021", "rsp": "0x7ffd10c0"} if origin.platform == "native" else None,
            "hasSystemFrames": True}
        value = {"type": origin.type, "value": origin.value, "module": None, "threadId": 1 if origin.platform in (
            "java", "native") else None, "mechanism": {
                "type": "generic" if not origin.unhandled else {"python": "django", "javascript": "onerror",
                                                                "native": "signalhandler"}.get(
                                                                    origin.platform, "chained"),
                "handled": not origin.unhandled, "synthetic": None, "help_link": None, "description": None,
                "meta": None, "data": None}, "stacktrace": trace, "rawStacktrace": None}
        values = [value]
        if origin.platform == "java" or origin.type in catalog.CAUSES:
            kind, text, module, source, count = catalog.CAUSES.get(origin.type, catalog.CAUSES["NullPointerException"])
            cause = dict(value, type=kind, value=text, module=module,
                         stacktrace=dict(trace, frames=trace["frames"][:count]))
            if source:
                cause["mechanism"] = dict(value["mechanism"], type="chained", handled=True, source=source,
                                          exception_id=1, parent_id=0)
            values = [cause, value]
        out.append({"type": "exception", "data": {"values": values, "hasSystemFrames": True, "excOmitted": None}})
    if origin.platform in ("native", "java", "cocoa"):
        out.append({"type": "threads", "data": {"values": [
            {"id": 1, "name": "main", "crashed": True, "current": True, "stacktrace": None, "rawStacktrace": None,
             "state": None, "heldLocks": None},
            {"id": 2, "name": "pool-2-thread-1", "crashed": False, "current": False, "stacktrace": {
                "frames": frames(origin.platform, word, serial)[:2], "framesOmitted": None, "registers": None,
                "hasSystemFrames": False}, "rawStacktrace": None, "state": None, "heldLocks": None}]}})
    out.append({"type": "breadcrumbs", "data": {"values": breadcrumbs(origin, serial, when)}})
    if origin.platform in ("python", "javascript", "java", "ruby", "csharp", "node", "php"):
        out.append({"type": "request", "data": {
            "method": "POST" if origin.platform == "python" else "GET",
            "url": f"https://acme.example/{word}/{serial % 5}/",
            "query": [["page", str(serial % 7)], ["sort", "-date"]], "fragment": None,
            "data": {"note": "päivää", "amount": "12.50"} if origin.platform == "python" else None,
            "headers": [["Accept", "text/html"], ["Authorization", "Bearer not-a-secret"], ["Host", "acme.example"],
                        ["User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0"]],
            "cookies": [["sessionid", f"s{serial:08d}"], ["csrftoken", "filtered"]],
            "env": {"REMOTE_ADDR": "192.0.2.1", "SERVER_NAME": "web-1"}, "inferredContentType":
            "application/json" if origin.platform == "python" else None, "apiTarget": None}})
    if origin.platform == "native":
        out.append({"type": "debugmeta", "data": {"images": [
            {"type": "elf", "code_file": "/opt/acme/bin/desktop", "debug_id": f"{mix(origin.shape):016x}-0000-a",
             "image_addr": "0x55e0c0de0000", "image_size": 4194304, "debug_status": "found"}]}})
    return out


def full_form(world, issue, origin, serial):
    """The full form as an object; `size` is that of the stored event, near the body's."""
    when = world.event_time(origin, serial)
    h = mix(origin.shape, serial, 13)
    eid, word = world.event_id(origin.id, serial), word_of(origin)
    name, version = catalog.SDKS.get(origin.platform, catalog.SDKS["other"])
    out = {
        "id": eid, "groupID": str(issue.id), "eventID": eid, "projectID": origin.project.id,
        "size": 4000 + h % 9000, "entries": entries(world, origin, serial, when), "dist": None,
        "message": message_of(origin), "title": origin.title, "location": metadata(origin).get("filename"),
        "user": user_of(origin, serial), "contexts": {
            "runtime": {"name": origin.platform, "version": "3.11.2", "type": "runtime"},
            "os": {"name": "Linux", "version": "6.1.0", "type": "os"},
            "trace": {"trace_id": f"{mix(h):016x}{mix(h, 1):016x}", "span_id": f"{mix(h, 2):016x}", "op": "http.server",
                      "status": "internal_error", "type": "trace"}},
        "sdk": {"name": name, "version": version}, "context": {"attempt": h % 5, word: {"state": "open", "ratio": 0.25}},
        "packages": {"acme": "4.2.0", "requests": "2.32.5"} if origin.platform == "python" else {},
        "type": "error" if origin.type else "default", "metadata": metadata(origin),
        "tags": tag_list(world, origin, serial), "platform": origin.platform, "dateReceived": iso(when + 900, True),
        "errors": [{"type": "js_no_source", "message": "Source code was not found", "data": {
            "url": "https://acme.example/static/app.js"}}] if origin.platform == "javascript" else [],
        "occurrence": None, "_meta": {"entries": {}, "message": None, "user": None, "contexts": None, "sdk": None,
                                      "context": None, "packages": None, "tags": {}},
        "crashFile": None, "culprit": origin.culprit, "dateCreated": iso(when),
        "fingerprints": [world.hash_id(origin.id, serial % origin.hashes)],
        "groupingConfig": {"id": "newstyle:2023-01-11", "enhancements": "eJybzDRxY3J-bm5-npWRgaGlroGxrpHxBABcYgcZ"},
    }
    if origin.title == catalog.HOSTILE_TITLE:
        out["context"] = {
            "big": 9007199254740993, "bigger": 123456789012345678901234567890, "one": RAW + "1.0" + RAW,
            "exp": RAW + "1e5" + RAW, "small": RAW + "1.50E-10" + RAW, "minus zero": RAW + "-0" + RAW,
            "text": catalog.HOSTILE_TEXT, "../../escape": "path", "empty": "", "": "empty key", "a\nb": "newline key",
            "nested": {"deep": [[[[[[[[{"end": None}]]]]]]]]}, "dup": True}
    return gallery.plant(out, word) if origin.project.slug == "gallery" else out


class Events:
    """Serialized events by (form, issue, origin, serial), the least recently used out first."""

    def __init__(self, world):
        self.world, self.cache = world, OrderedDict()

    def kept(self, key, make):
        if key in self.cache:
            self.cache.move_to_end(key)
            return self.cache[key]
        body = self.cache[key] = make()
        if len(self.cache) > CACHE:
            self.cache.popitem(last=False)
        return body

    @staticmethod
    def text(value):
        body = dumps(value)
        if RAW.encode() in body:
            raw = RAW.encode()
            body = body.replace(b'"' + raw, b"").replace(raw + b'"', b"")
        return body

    def list(self, issue, origin, serial):
        return self.kept(("list", issue.id, origin.id, serial), lambda: self.text(
            list_form(self.world, issue, origin, serial)))

    def full(self, issue, origin, serial):
        def make():
            if origin.literal:
                e = json.loads(origin.literal_text)
                for name in ("nextEventID", "previousEventID", "release", "userReport", "sdkUpdates", "resolvedWith"):
                    e.pop(name, None)
                return dumps(e)
            return self.text(full_form(self.world, issue, origin, serial))
        return self.kept(("full", issue.id, origin.id, serial), make)

    def single(self, issue, origin, serial, env=()):
        """Not cached: the neighbours change as events come."""
        if origin.literal:
            return origin.literal_text
        refs, world = self.world.refs(issue), self.world
        when = world.event_time(origin, serial)
        at = next(i for i, r in enumerate(refs) if r[1] == origin.id and r[2] == serial)
        keep = [i for i, r in enumerate(refs) if not env or environment(world.issues[r[1]], r[2]) in env]
        newer = next((refs[i] for i in reversed(keep) if i < at), None)
        older = next((refs[i] for i in keep if i > at), None)
        version = next(v for k, v in of_event(world, origin, serial) if k == "release")
        tail = {
            "release": dict(release(world, origin, version, when), lastCommit=None),
            "userReport": None, "sdkUpdates": [], "resolvedWith": [],
            "nextEventID": world.event_id(newer[1], newer[2]) if newer else None,
            "previousEventID": world.event_id(older[1], older[2]) if older else None,
        }
        return self.full(issue, origin, serial)[:-1] + b"," + dumps(tail)[1:]


