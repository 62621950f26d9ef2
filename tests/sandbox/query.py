# SPDX-License-Identifier: MIT
"""Issue search: Sentry's query text to a predicate over issues. Knows issues and people, no HTTP."""

import datetime
import fnmatch
import re

from .cursors import detail
from .issues import environment
from .tags import of_event
from .world import DAY, HOUR, MINUTE

TOKEN = re.compile(r'\s*(?P<neg>!?)(?:(?P<key>[\w.\-\[\]]+|"[^"]+"):(?P<value>(?:[<>]=?|=)?(?:"(?:[^"\\]|\\.)*"|'
                   r'\[[^\]]*\]|[^\s"()]*))|(?P<text>"(?:[^"\\]|\\.)*"|\S+))')
UNITS = {"s": 1000, "m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}
EVENT_SCAN = 40     # a tag term looks at this many events of an issue


def bad(text):
    return detail(400, "Error parsing search query: " + text)


def period(text):
    """`14d` to ms, or None."""
    m = re.fullmatch(r"(\d+)([smhdw])", text or "")
    return int(m[1]) * UNITS[m[2]] if m else None


def moment(text):
    """An ISO time to epoch ms."""
    try:
        when = datetime.datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    except ValueError:
        raise bad(f"Invalid date: {text}.") from None
    if when.tzinfo is None:
        when = when.replace(tzinfo=datetime.timezone.utc)
    return int(when.timestamp() * 1000)


def parse(text):
    """[(negated, key or None, operator, [values])]"""
    terms, at = [], 0
    text = text.strip()
    while at < len(text):
        m = TOKEN.match(text, at)
        if not m or m.end() == at:
            raise bad(f"Parse error at '{text[at:at + 10]}' (column {at + 1}).")
        at = m.end()
        while at < len(text) and text[at].isspace():
            at += 1
        if m["key"] is None:
            word = m["text"]
            if word in ("OR", "AND") or word.startswith("("):
                raise bad('Boolean statements containing "OR" or "AND" are not supported in this search')
            terms.append((bool(m["neg"]), None, "", [unquote(word)]))
            continue
        value, op = m["value"], ""
        lead = re.match(r"(>=|<=|>|<|=)", value)
        if lead:
            op, value = lead[1], value[lead.end():]
        if value == "":
            raise bad(f"Empty string after '{m['key']}:'")
        values = [unquote(v.strip()) for v in split_list(value[1:-1])] if value.startswith("[") else [unquote(value)]
        key = m["key"].strip('"')
        tag = re.fullmatch(r"tags\[(.+)\]", key)
        terms.append((bool(m["neg"]), tag[1] if tag else key, op, values))
    return terms


def split_list(text):
    return re.findall(r'"(?:[^"\\]|\\.)*"|[^,\s][^,]*', text)


def unquote(text):
    if len(text) > 1 and text[0] == text[-1] == '"':
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    return text


def matcher(value):
    if "*" in value:
        pattern = re.compile(fnmatch.translate(value.replace("[", "[[]")), re.I | re.S)
        return lambda have: bool(pattern.match(have or ""))
    low = value.lower()
    return lambda have: (have or "").lower() == low


def compare(op, have, want):
    return {"": have == want, "=": have == want, ">": have > want, "<": have < want, ">=": have >= want,
            "<=": have <= want}[op]


IS = {
    "unresolved": lambda i: i.status == "unresolved", "resolved": lambda i: i.status == "resolved",
    "archived": lambda i: i.status == "ignored", "ignored": lambda i: i.status == "ignored",
    "muted": lambda i: i.status == "ignored",
    "assigned": lambda i: i.assigned is not None, "unassigned": lambda i: i.assigned is None,
    "for_review": lambda i: i.inbox and i.status == "unresolved", "linked": lambda i: False,
    "unlinked": lambda i: True, "new": lambda i: i.substatus == "new", "ongoing": lambda i: i.substatus == "ongoing",
    "regressed": lambda i: i.substatus == "regressed", "escalating": lambda i: i.substatus == "escalating",
    "archived_forever": lambda i: i.substatus == "archived_forever",
    "archived_until_escalating": lambda i: i.substatus == "archived_until_escalating",
    "archived_until_condition_met": lambda i: i.substatus == "archived_until_condition_met",
    "until_escalating": lambda i: i.substatus == "archived_until_escalating",
    "until_condition_met": lambda i: i.substatus == "archived_until_condition_met",
    "forever": lambda i: i.substatus == "archived_forever",
}


class Search:
    """A parsed query; test(issue) says whether it matches."""

    def __init__(self, world, text, user):
        self.world, self.user = world, user
        self.terms = parse(text)
        self.tests, self.projects, self.statuses = [], None, set()
        self.own = True         # the answer is in the issue itself, not in its events
        self.relative = False   # the answer changes as time goes by
        words = []
        for negated, key, op, values in self.terms:
            if key is None:
                if negated or '"' in text:
                    self.add(negated, self.free(values[0]))
                else:
                    words.append(values[0])
                continue
            maker = getattr(self, "term_" + key.lower().replace(".", "_").replace("-", "_"), None)
            tests = [maker(v, op) if maker else self.tag(key, v) for v in values]
            if key == "is":
                self.statuses.update(values)
            self.add(negated, tests[0] if len(tests) == 1 else lambda i, tests=tests: any(t(i) for t in tests))
        for word in words:
            self.add(False, self.free(word))

    def add(self, negated, test):
        self.tests.append((lambda i: not test(i)) if negated else test)

    def test(self, issue):
        for test in self.tests:
            if not test(issue):
                return False
        return True

    def free(self, text):
        low = text.lower()
        if "*" in text:
            test = matcher("*" + text + "*")
            return lambda i: test(i.title) or test(i.culprit)
        return lambda i: low in i.title.lower() or low in i.culprit.lower() or low in (i.value or "").lower()

    def tag(self, key, value):
        test = matcher(value)
        world, self.own = self.world, False

        def any_event(issue):
            return any(k == key and test(v) for _, origin, serial in world.refs(issue)[:EVENT_SCAN]
                       for k, v in of_event(world, world.issues[origin], serial))
        return any_event

    def term_is(self, value, op):
        if value not in IS:
            raise detail(400, f'Invalid value for "is" search, valid values are {sorted(IS)}')
        return IS[value]

    def term_assigned(self, value, op):
        people = self.world.people
        if value == "none":
            return lambda i: i.assigned is None
        if value == "me":
            want = ("user", self.user.id if self.user else "")
            return lambda i: i.assigned == want
        if value == "my_teams":
            mine = {("team", t.id) for t in people.teams if self.user and self.user.index in t.members}
            return lambda i: i.assigned in mine
        if value.startswith("#"):
            team = people.team(value[1:])
            want = ("team", team.id if team else "")
        else:
            user = people.by_name(value) or people.by_id(value)
            want = ("user", user.id if user else "")
        return lambda i: i.assigned == want
    term_assigned_to = term_assigned

    def term_assigned_or_suggested(self, value, op):
        return self.term_assigned(value, op)

    def term_bookmarks(self, value, op):
        user = self.user if value == "me" else self.world.people.by_name(value)
        bit = user.bit if user else 0
        return lambda i: bool(i.bookmarked & bit)

    term_bookmarked_by = term_bookmarks

    def term_subscribed(self, value, op):
        user = self.user if value == "me" else self.world.people.by_name(value)
        bit = user.bit if user else 0
        return lambda i: bool(i.subscribed & bit)
    term_subscribed_by = term_subscribed

    def term_firstrelease(self, value, op):
        world, test = self.world, matcher(value)

        def first_is(issue):
            _, origin, serial = world.refs(issue)[-1]
            return test(next(v for k, v in of_event(world, world.issues[origin], serial) if k == "release"))
        return first_is
    term_first_release = term_firstrelease

    def term_level(self, value, op):
        return lambda i: i.level == value

    def term_project(self, value, op):
        project, _ = self.world.project(value)
        return lambda i: i.project is project
    term_project_name = term_project_id = term_project

    def term_issue(self, value, op):
        want = self.world.by_short_id(value)
        return lambda i: want is not None and i.id == want.id

    def term_issue_priority(self, value, op):
        return lambda i: i.priority == value

    def term_issue_category(self, value, op):
        return lambda i: value == "error"

    def term_issue_type(self, value, op):
        return lambda i: value == "error"

    def term_substatus(self, value, op):
        return lambda i: i.substatus == value

    def term_timesseen(self, value, op):
        try:
            want = int(value)
        except ValueError:
            raise bad(f"Invalid number for timesSeen: {value}.") from None
        return lambda i: compare(op, i.count, want)
    term_times_seen = term_timesseen

    def term_firstseen(self, value, op):
        return self.when(lambda i: i.first, value, op)
    term_first_seen = term_firstseen

    def term_lastseen(self, value, op):
        return self.when(lambda i: i.last, value, op)
    term_last_seen = term_lastseen

    def term_age(self, value, op):
        return self.when(lambda i: i.first, value, op)

    def when(self, get, value, op):
        """`-24h`: within the last 24 hours; `+24h`: before that; or a comparison with an ISO time."""
        m = re.fullmatch(r"([+-])(\d+[smhdw])", value)
        if m:
            self.relative = True
            edge = self.world.now() - period(m[2])
            return (lambda i: get(i) >= edge) if m[1] == "-" else (lambda i: get(i) <= edge)
        edge = moment(value)
        if op in ("", "="):
            return lambda i: edge <= get(i) < edge + (DAY if len(value) == 10 else MINUTE)
        return lambda i: compare(op, get(i), edge)

    def term_environment(self, value, op):
        world, self.own = self.world, False
        return lambda i: any(environment(world.issues[o], s) == value for _, o, s in world.refs(i)[:EVENT_SCAN])

    def term_has(self, value, op):
        world, self.own = self.world, False
        return lambda i: any(k == value for _, o, s in world.refs(i)[:1] for k, _ in of_event(world, world.issues[o], s))

    def term_title(self, value, op):
        test = matcher(value)
        return lambda i: test(i.title)
    term_message = term_title

    def term_platform(self, value, op):
        return lambda i: i.platform == value
    term_platform_name = term_platform

    def term_error_type(self, value, op):
        test = matcher(value)
        return lambda i: test(i.type)

    def term_error_unhandled(self, value, op):
        return lambda i: i.unhandled == (value in ("1", "true"))

    def term_error_handled(self, value, op):
        return lambda i: i.unhandled != (value in ("1", "true"))
