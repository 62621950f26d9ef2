# SPDX-License-Identifier: MIT
"""The state of the server: the organization, its projects and issues, made from a seed; lookups and their indexes.

Issues are small objects made at the start (100,000 of them in about a second). Their events are never stored: an event
is (issue, serial), its id a reversible mix of both, its body made when it is asked for (see events.py). An issue's
events are those of its `parts`, (origin issue, hash number), so that merging and unmerging only move parts.
"""

import copy
import datetime
import functools
import hashlib
import time

from . import catalog
from .people import People

BASE32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
BASE32_VALUES = {c: i for i, c in enumerate(BASE32)} | {"O": 0, "I": 1, "L": 1}
MASK64, MASK128 = (1 << 64) - 1, (1 << 128) - 1
MIX1, MIX2 = 0x9E3779B97F4A7C15F39CC0605CEDC835, 0xD1B54A32D192ED03A0761D6478BD642F
UNMIX1, UNMIX2 = pow(MIX1, -1, 1 << 128), pow(MIX2, -1, 1 << 128)
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
LOG_MAX = 5000
FORMS_MAX = 1000


def mix(*numbers):
    """A 64-bit number from some numbers (splitmix64): the randomness of the whole sandbox."""
    state = 0
    for n in numbers:
        state = (state + n + 0x9E3779B97F4A7C15) & MASK64
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & MASK64
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & MASK64
        state ^= state >> 31
    return state


def iso(ms, micros=False):
    """`2026-01-01T00:00:00Z`, or with microseconds, as different fields of Sentry have it."""
    if ms is None:
        return None
    days, rest = divmod(ms, DAY)
    minutes, rest = divmod(rest, MINUTE)
    when = f"{day(days)}T{minutes // 60:02d}:{minutes % 60:02d}:{rest // 1000:02d}"
    return f"{when}.{rest % 1000:03d}000Z" if micros or rest % 1000 else when + "Z"


@functools.lru_cache(4096)
def day(days):
    return (datetime.date(1970, 1, 1) + datetime.timedelta(days)).isoformat()


def base32(n):
    text = ""
    while n:
        n, rest = divmod(n, 32)
        text = BASE32[rest] + text
    return text or "0"


def unbase32(text):
    """The number, or None."""
    n = 0
    for c in text.upper():
        if c not in BASE32_VALUES:
            return None
        n = n * 32 + BASE32_VALUES[c]
    return n


class Project:
    def __init__(self, index, slug, name, platform, kinds, created):
        self.index, self.id, self.slug, self.name, self.platform = index, str(4500 + index), slug, name, platform
        self.kinds, self.created = kinds, created
        self.issues, self.by_number, self.former = [], {}, set()
        self.releases = [f"{slug}@{1 + i // 4}.{i % 4}.0" for i in range(12)]

    def brief(self):
        return {"id": self.id, "name": self.name, "slug": self.slug, "platform": self.platform}


class Issue:
    """`seen`, `bookmarked`, `subscribed` are sets of users as bits; `shape` picks the kind and words of its events."""
    __slots__ = ("id", "project", "number", "shape", "kind", "platform", "title", "culprit", "type", "value", "level",
                 "logger", "status", "substatus", "details", "priority", "priority_locked", "assigned", "first", "last",
                 "stored", "count", "users", "seen", "bookmarked", "subscribed", "public", "share", "notes",
                 "activity", "comments", "hidden", "merged_into", "parts", "extra", "hashes", "cache", "inbox",
                 "refs", "literal", "literal_text", "resolved_by", "unhandled", "reviewed")

    @property
    def short_id(self):
        return f"{self.project.slug.upper()}-{base32(self.number)}"

    @property
    def gone(self):
        return self.hidden is not None

    def touch(self):
        self.cache = {}


class World:
    def __init__(self, args):
        self.args, self.seed = args, args.seed
        self.now0 = args.now * 1000 if args.now else int(time.time()) // 60 * 60_000
        self.started = time.time()
        self.frozen = bool(args.now)
        self.version = 1
        self.log, self.epoch = [], 0    # issues that changed, in order; the epoch grows when the log says too little
        created = iso(self.now0 - 700 * DAY)
        self.slug, self.name, self.id = args.organization, f"{args.organization.capitalize()} Corporation", "4503"
        self.created = created
        self.people = People(args.seed, [s for s in (args.scopes or "").split(",") if s], created)
        self.issues, self.order, self.shadows = {}, [], {}
        self.merged, self.hash_owner, self.literal_events, self.note_ids = {}, {}, {}, 9000
        self.projects = []
        self.next_id = 5_000_000_001
        self.make_projects()
        self.sorted_cache, self.forms = {}, {}

    # -- making ---------------------------------------------------------------------------------------------------

    def make_projects(self):
        known = list(catalog.PROJECTS)
        for i in range(self.args.projects):
            if i < len(known):
                slug, name, platform, kinds, count = known[i]
            else:
                slug, name, platform, kinds, count = f"service-{i}", f"Service {i}", "go", ("go", "python"), 20
            project = Project(i, slug, name, platform, kinds, iso(self.now0 - (600 - i) * DAY))
            self.projects.append(project)
            if i == 0 and self.args.issues is not None:
                count = self.args.issues
            for number in range(1, count + 1):
                self.make_issue(project, number)
        self.make_notable()

    def make_issue(self, project, number):
        h = mix(self.seed, project.index, number)
        shape = mix(h, 7)
        kind = project.kinds[0 if shape % 10 < 6 else 1]
        rows = catalog.KINDS[kind]
        row = rows[(shape >> 8) % len(rows)]
        word = catalog.WORDS[(shape >> 16) % len(catalog.WORDS)]
        detail = (shape >> 24) % 900 + 100
        issue = Issue()
        issue.id, self.next_id = self.next_id, self.next_id + 1
        issue.project, issue.number, issue.shape, issue.kind = project, number, shape, row
        issue.platform = kind
        issue.type, value, _, function, issue.level, logger, handled = row
        issue.value = catalog.fill(value, word, detail)
        issue.culprit = catalog.fill(function if kind != "python" else "acme." + word + "." + function, word, detail)
        issue.title = (f"{issue.type}: {issue.value}" if issue.type else issue.value).split("\n")[0]
        issue.logger = catalog.fill(logger, word, detail) or None
        issue.unhandled = not handled
        # newest first by number: the first issues are the most recent, spread over 80 days, some with equal times
        span = 80 * DAY * number // (len(project.issues) + 400) if self.args.issues is None else 0
        issue.last = self.now0 - MINUTE - (span or (h >> 8) % (80 * DAY))
        if number % 16 == 1 and number > 16:    # the same moment as its neighbour's, so that cursors meet ties
            issue.last = project.by_number[number - 1].last
        issue.first = issue.last - ((h >> 20) % (200 * DAY) + 1)
        if number % 5 == 0:
            issue.first = max(issue.first, issue.last - (h >> 30) % (3 * DAY) - HOUR)
        if self.args.events is not None:
            issue.stored = self.args.events
        else:
            issue.stored = 1 + (h >> 40) % 36 if number % 3 else 1 + (h >> 40) % 4
        issue.count, issue.users = issue.stored, min(issue.stored, 1 + (h >> 44) % 9)
        if issue.stored == 1:
            issue.first = issue.last
        issue.seen, issue.bookmarked, issue.subscribed = h >> 50 & 31, (h >> 55 & 7) if number % 9 == 0 else 0, 0
        issue.public, issue.share, issue.notes, issue.activity, issue.comments = False, None, 0, None, None
        issue.hidden = issue.merged_into = issue.extra = issue.refs = issue.resolved_by = None
        issue.literal = issue.literal_text = None
        issue.priority, issue.priority_locked = ("high", "medium", "low")[(h >> 33) % 3], None
        issue.details, issue.cache, issue.inbox, issue.reviewed = {}, {}, number % 8 == 0, False
        issue.hashes = 2 if number % 7 == 0 and issue.stored > 1 else 1
        issue.parts = [(issue.id, i) for i in range(issue.hashes)]
        issue.assigned = None
        if number % 4 == 1:
            issue.assigned = ("user", str(1 + (h >> 36) % 6))
        elif number % 12 == 2:
            issue.assigned = ("team", "11" if project.index < 2 else "13" if project.index == 2 else "14")
        self.make_status(issue, h)
        issue.notes = (h >> 47) % 4 if number % 6 == 0 else 0
        project.issues.append(issue)
        project.by_number[number] = issue
        self.issues[issue.id] = issue
        return issue

    def make_status(self, issue, h):
        roll = 0 if self.args.unresolved_only else (h >> 12) % 20
        week = issue.first > self.now0 - 7 * DAY
        if roll < 13:
            issue.status = "unresolved"
            issue.substatus = "new" if week else ("ongoing", "ongoing", "escalating", "regressed")[(h >> 16) % 4]
        elif roll < 17:
            issue.status, issue.substatus = "resolved", None
            who = self.people.users[(h >> 16) % 6]
            issue.resolved_by = who.id
            issue.details = {"actor": who.full()}
            if roll == 14:
                issue.details = {"inRelease": issue.project.releases[-2], "actor": who.full()}
            elif roll == 15:
                issue.details = {"inNextRelease": True, "actor": who.full()}
            if roll == 16:   # beyond the window of an ordinary listing
                issue.last, issue.first = issue.last - 120 * DAY, issue.first - 120 * DAY
        else:
            issue.status = "ignored"
            issue.substatus = ("archived_forever", "archived_until_escalating",
                               "archived_until_condition_met")[roll % 3]
            if issue.substatus == "archived_until_condition_met":
                issue.details = {"ignoreCount": 100, "ignoreUntil": None, "ignoreUserCount": None,
                                 "ignoreUserWindow": None, "ignoreWindow": 60,
                                 "actor": self.people.users[0].full()}

    def make_notable(self):
        """The issues that tests and the README name: see NOTABLE in README.md."""
        if not self.projects:
            return
        web = self.projects[0]

        def plain(number, **kw):
            issue = web.by_number.get(number)
            if issue is None:
                return None
            issue.status, issue.substatus, issue.details, issue.resolved_by = "unresolved", "ongoing", {}, None
            issue.first = min(issue.first, issue.last - 20 * DAY)
            for key, value in kw.items():
                setattr(issue, key, value)
            if issue.stored == 1:
                issue.first = issue.last
            return issue
        many = {} if self.args.events is not None else {"stored": 137, "count": 137, "users": 9, "hashes": 2}
        issue = plain(1, last=self.now0 - MINUTE, first=self.now0 - 60 * DAY, notes=0, level="error", **many)
        if issue:
            issue.parts = [(issue.id, i) for i in range(issue.hashes)]
        plain(2, title=catalog.HOSTILE_TITLE, type="HostileError", platform="python", value=catalog.HOSTILE_TEXT,
              kind=catalog.KINDS["python"][0], culprit="módulo.ünïcode in <lambda>\u202e", level="error", notes=2,
              last=self.now0 - 2 * MINUTE)
        plain(3, notes=3, last=self.now0 - 3 * MINUTE, level="error")
        if not self.args.unresolved_only:
            issue = plain(4, status="resolved", substatus=None, last=self.now0 - 4 * MINUTE)
            if issue:
                issue.resolved_by, issue.details = "1", {"actor": self.people.users[0].full()}
            plain(5, status="ignored", substatus="archived_forever", last=self.now0 - 5 * MINUTE)
            merged, into = web.by_number.get(6), web.by_number.get(3)
            if merged and into:
                self.merge(into, [merged])

    # -- time and ids ---------------------------------------------------------------------------------------------

    def now(self):
        return self.now0 if self.frozen else int(time.time() * 1000)

    def event_id(self, origin, serial):
        x = (origin << 40 | serial) ^ (mix(self.seed) << 3)
        x = x * MIX1 & MASK128
        x = (x >> 64 | x << 64) & MASK128
        return f"{x * MIX2 & MASK128:032x}"

    def event_of(self, event_id):
        """(issue that holds it now, origin, serial) of a 32-hex id, or None."""
        if event_id in self.literal_events:
            issue = self.literal_events[event_id]
            return (self.issues[self.holder(issue.id, 0)], issue, 0)
        x = int(event_id, 16) * UNMIX2 & MASK128
        x = (x >> 64 | x << 64) & MASK128
        x = (x * UNMIX1 & MASK128) ^ (mix(self.seed) << 3)
        origin, serial = self.issues.get(x >> 40), x & (1 << 40) - 1
        if origin is None or serial >= origin.stored or origin.literal:
            return None
        holder = self.issues.get(self.holder(origin.id, serial % origin.hashes))
        return (holder, origin, serial) if holder is not None else None

    def holder(self, origin_id, hash_number):
        return self.hash_owner.get((origin_id, hash_number), origin_id)

    def hash_id(self, origin_id, hash_number):
        return hashlib.md5(f"{self.seed} {origin_id} {hash_number}".encode()).hexdigest()

    def event_time(self, origin, serial):
        """Serial 0 is the oldest (firstSeen), the last is lastSeen; those that came later are in `extra`."""
        first, last, base = origin.first, origin.last, origin.stored
        if origin.extra is not None:
            first, last, base = origin.extra.first, origin.extra.last, origin.extra.base
            if serial >= base:
                return origin.extra[serial - base]
        if base == 1:
            return last
        step = (last - first) / (base - 1)
        jitter = 0 if serial in (0, base - 1) else mix(origin.shape, serial) % 1000 / 1000 * 0.8 * step
        return int(first + serial * step + jitter) if serial else first

    def refs(self, issue):
        """[(time, origin issue, serial)] of the issue's events, newest first."""
        if issue.refs is None:
            found = []
            for origin_id, number in issue.parts:
                origin = self.issues[origin_id]
                found += [(self.event_time(origin, s), origin.id, s)
                          for s in range(number, origin.stored, origin.hashes)]
            found.sort(reverse=True)
            issue.refs = found
        return issue.refs

    # -- lookups --------------------------------------------------------------------------------------------------

    def project(self, key):
        """By slug or id; (project, renamed) with renamed when the key is a former slug."""
        for p in self.projects:
            if key in (p.id, p.slug):
                return p, False
        for p in self.projects:
            if key in p.former:
                return p, True
        return None, False

    def by_short_id(self, text):
        slug, _, tail = text.replace("_", "-").replace(" ", "-").rpartition("-")
        number = unbase32(tail) if tail else None
        project = next((p for p in self.projects if p.slug.lower() == slug.lower()), None)
        if project is None or number is None:
            return None
        return project.by_number.get(number)

    def survivor(self, issue):
        while issue is not None and issue.merged_into is not None:
            issue = self.issues.get(issue.merged_into)
        return issue

    def seen(self, issue):
        """The issue as a reader sees it: the state before a write while that write is still on its way."""
        return self.shadows.get(issue.id, issue)

    def everything(self):
        """Issues that a listing may show (not deleted, not merged away), as readers see them."""
        for project in self.projects:
            for issue in project.issues:
                if issue.id in self.shadows:
                    issue = self.shadows[issue.id]
                if issue.hidden is None:
                    yield issue

    def attachments_of(self, issue):
        """A few issues have a log and a screenshot at their newest event, the hostile one a name."""
        if (issue.number % 10 != 3 and issue.title != catalog.HOSTILE_TITLE) or issue.literal:
            return []
        when, origin, serial = self.refs(issue)[0]
        eid = self.event_id(origin, serial)
        out = []
        files = [("view.log", "event.attachment", "text/plain"), ("screenshot.png", "event.attachment", "image/png")]
        if issue.number == 2:
            files = [("../../etc/pass\u202ewd\x1b[2J\n.txt", "event.attachment", "text/plain")]
        if self.args.dump_bytes:
            files.append(("core.dmp", "event.minidump", "application/x-dmp"))
        for i, (name, kind, mime) in enumerate(files):
            one = {"id": str(issue.id * 10 + i), "event_id": eid, "type": kind, "name": name, "mimetype": mime,
                   "dateCreated": iso(when + i, True), "size": 0, "headers": {"Content-Type": mime}, "sha1": None}
            body = self.attachment_bytes(one)
            one["size"], one["sha1"] = len(body), hashlib.sha1(body).hexdigest()
            out.append(one)
        return out[::-1]

    def reports_of(self, issue):
        """What users wrote of the newest event of a few issues, the newest first."""
        if issue.number % 10 != 3 or issue.literal:
            return []
        when, origin, serial = self.refs(issue)[0]
        eid = self.event_id(origin, serial)
        return [{"id": str(issue.id * 10 + i), "eventID": eid, "name": name, "email": f"{name.lower()}@mail.example",
                 "comments": text, "dateCreated": iso(when + (2 - i) * MINUTE, True), "user": None,
                 "event": {"id": eid, "eventID": eid}}
                for i, (name, text) in enumerate((("Ana", "It broke.\nTwice — \x1b[31mred\x1b[0m."), ("Bo", "")))]

    def attachment_bytes(self, one):
        if one["name"] == "core.dmp":
            return bytes(range(256)) * (self.args.dump_bytes // 256) + b"MDMP"
        if one["name"].endswith(".png"):
            return (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\0\0\0\0:~\x9bU\0\0\0\nIDATx\x9cc`\0"
                    b"\0\0\x02\0\x01H\xaf\xa4q\0\0\0\0IEND\xaeB`\x82")
        return "".join(f"{n:04d} view opened, attachment {one['id']}\n" for n in range(40)).encode()

    def notable(self):
        web = self.projects[0].by_number if self.projects else {}
        names = {"many_events": 1, "hostile": 2, "comments": 3, "resolved": 4, "ignored": 5, "merged_away": 6}
        return {k: web[n].short_id for k, n in names.items() if n in web}

    def form_number(self, key):
        """A small number for what a request asks of each issue: the key of the bytes that are kept with the issue."""
        if len(self.forms) > FORMS_MAX:
            self.forms.clear()
            for issue in (*self.issues.values(), *self.shadows.values()):
                issue.cache = {}
        return self.forms.setdefault(key, len(self.forms))

    # -- changing -------------------------------------------------------------------------------------------------

    def changed(self, issue):
        issue.touch()
        self.version += 1
        self.log.append(issue.id)
        if len(self.log) > LOG_MAX:
            self.changed_all()

    def changed_all(self):
        """More than one issue's own members: nothing that was sorted before holds."""
        self.version += 1
        self.epoch += 1
        self.log.clear()

    def snapshot(self, issue):
        old = copy.copy(issue)
        old.cache = {}
        for name in ("activity", "comments"):
            if getattr(issue, name) is not None:
                setattr(old, name, list(getattr(issue, name)))
        return old

    def recount(self, issue):
        """count, userCount, firstSeen and lastSeen from the events that the issue now has."""
        issue.refs = None
        refs = self.refs(issue)
        issue.count = len(refs)
        issue.users = min(max(issue.users, 1), max(issue.count, 1))
        if refs:
            issue.last, issue.first = refs[0][0], refs[-1][0]
        self.changed(issue)

    def merge(self, into, others):
        self.refs(into)
        for issue in others:
            self.pin(issue)
            self.pin(into)
            for part in issue.parts:
                self.hash_owner[part] = into.id
            into.parts = into.parts + issue.parts
            issue.parts, issue.hidden, issue.merged_into = [], "merged", into.id
            into.users = max(into.users, issue.users)
            self.changed(issue)
        self.recount(into)

    def pin(self, issue):
        """Keeps the times of the issue's own events, before first and last are changed."""
        if issue.extra is None:
            issue.extra = Extra(issue.first, issue.last, issue.stored)

    def add_events(self, issue, count, when=None):
        self.pin(issue)
        if issue.stored == 0:       # made by unmerging: its first event of its own
            issue.parts = issue.parts + [(issue.id, 0)]
        when = when or self.now()
        for i in range(count):
            issue.extra.append(when + i)
        issue.stored += count
        for holder in {issue.id} | {self.holder(issue.id, n) for n in range(issue.hashes)}:
            self.recount(self.issues[holder])

    def new_issue(self, project, when=None, **kw):
        number = max(project.by_number, default=0) + 1
        issue = self.make_issue(project, number)
        when = when or self.now()
        issue.first = issue.last = when
        issue.stored = issue.count = issue.users = issue.hashes = 1
        issue.parts, issue.notes = [(issue.id, 0)], 0
        issue.status, issue.substatus, issue.details, issue.resolved_by = "unresolved", "new", {}, None
        for key, value in kw.items():
            setattr(issue, key, value)
        self.changed(issue)
        return issue


class Extra(list):
    """Times of the events that came after the start, with the span of those before."""

    def __init__(self, first, last, stored):
        super().__init__()
        self.first, self.last, self.base = first, last, stored
