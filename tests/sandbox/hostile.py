# SPDX-License-Identifier: MIT
"""Answers that an attacker wrote: odd values in the place of every name, id, date, flag and text.

They are rules of the fault plan (`--hostile` puts them in force at the start), so they know no route. Every answer is JSON
that a lenient parser takes; some bytes of it are not UTF-8. Text is kept with lone surrogates for such bytes.
"""

import json

WORDS = ["..", ".", "/", "a/b", "../../etc/passwd", "", "\0", "a\0b", "a\nb", "a\rb", "x" * 300, "é" * 200, "\u202egpj.exe",
         "a\u2066b\u2069", "\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "\x9b31m", "a\u2028b", "-rf", "--help", "~", "*", "$(id)",
         "`id`", "%2F", "%", " lead", "trail ", "a\tb", ".hidden", ".git", "NEW", "new", "remove", "\ufeffbom", "\U0001f600",
         "web", "WEB-1", "last-error"]
# as they stand in the text: JSON of every type, escapes that mean no character, and bytes that are no text
RAW = ["7", "-1", "0", "1.5", "9007199254740993", "18446744073709551616", "1e400", "true", "false", "null", "[]", "{}",
       '["a"]', '{"a":{"b":[]}}', '{"slug":"..","name":null,"id":{}}', '"\\ud800"', '"\\udc00\\ud800"', '"\\ud83d\\ude00"',
       '"\\u0000"', '"\\u001b[2J"', '"\udcff\udcfe"', '"a\udcc3"', '"\udced\udca0\udc80"', '"\udcc0\udcaf"']
TOKENS = [*(json.dumps(w) for w in WORDS), *RAW, *(json.dumps(w, ensure_ascii=False) for w in WORDS if w > "~")]

FIELDS = ["title", "culprit", "level", "platform", "type", "permalink", "logger", "count", "userCount", "firstSeen", "lastSeen",
          "status", "substatus", "statusDetails", "assignedTo", "priority", "hasSeen", "isBookmarked", "isSubscribed",
          "isPublic"]
FIRST = 900000000     # the ids of these issues; the sandbox has no such ones


def obj(**members):
    """An object of members that are JSON text already."""
    return "{" + ",".join(f"{json.dumps(k)}:{v}" for k, v in members.items()) + "}"


def rows(items):
    return "[" + ",".join(items) + "]"


def quoted(text):
    return json.dumps(str(text))


def short(n):
    return f"WEB-H{n}"


def issue(n, **members):
    have = {"id": quoted(FIRST + n), "shortId": quoted(short(n)), "project": obj(id='"1"', slug='"web"'), "title": '"t"',
            "status": '"unresolved"', "numComments": "1", "lastSeen": '"2026-01-02T03:04:05Z"', **members}
    return obj(**have)


def issues():
    """One good issue a token with that token in every field, and some whose names cannot be names."""
    good = [issue(n, **{f: t for f in FIELDS}, metadata=t, extra=t) for n, t in enumerate(TOKENS)]
    bad = [issue(1000 + n, **{f: t}) for n, t in enumerate(TOKENS) for f in ("shortId", "id", "project", "numComments")]
    bad += [obj(id=quoted(FIRST), shortId='"WEB-TWICE"', project=obj(slug='"web"'))] * 3
    bad += [obj(id='"1"', shortId='"WEB-PLAIN"', project=obj(slug=t)) for t in TOKENS]
    return [*good, *bad, *TOKENS]


def mixed(key, **more):
    """An entry for each token as its `key`."""
    return rows([*(obj(**{key: t, **{k: v.replace("TOKEN", t) for k, v in more.items()}}) for t in TOKENS), *RAW])


def people():
    return rows(obj(id=quoted(n), email=t, name=t, role=t, pending=t, user=obj(id=t, username=t, email=t, name=t))
                for n, t in enumerate(TOKENS))


def comments():
    return rows([*(obj(id=quoted(n + 1), user=obj(id=t, username=t, name=t), data=obj(text=t), dateCreated=t)
                   for n, t in enumerate(TOKENS)),
                 *(obj(id=t, user=t, data=t, type=t) for t in TOKENS), *RAW])


def events():
    good = [obj(eventID=quoted(f"{n:032x}"), id=quoted(n), groupID=t, title=t, message=t, dateCreated=t, tags=t)
            for n, t in enumerate(TOKENS)]
    return rows([*good, *(obj(eventID=t, id=t) for t in TOKENS), *RAW])


def event():
    return obj(eventID=quoted("0" * 32), id='"0"', dateCreated='"2026-01-02T03:04:05Z"', entries=rows(TOKENS), message=TOKENS[5],
               **{w: t for w, t in zip(WORDS, TOKENS)})


def details():
    return issue(0, activity=rows([*(obj(id=t, type=t, user=t, data=t, dateCreated=t) for t in TOKENS), *TOKENS]),
                 participants=rows(TOKENS), tags=rows(TOKENS), seenBy=rows(TOKENS))


def tags():
    good = [obj(key=t, name=t, totalValues="3", topValues=rows(obj(value=v, count=v) for v in TOKENS)) for t in TOKENS]
    return rows([*good, obj(key='"k"', totalValues='"-1"', topValues="{}"), *RAW])


LINK = ('<https://evil.example/api/0/>; rel="next"; results="true"; cursor="", <x>; rel="next', "next", "<<<>>>; rel=next",
        '<>; rel="next"; results="yes"; cursor="1:0:0"', ",;,;=\"\"", "<a>;rel=\"previous\";results=\"true\";cursor=\"9\"")


def of_issues():
    """What of details() is another issue's own, by what it is asked for as."""
    numbers = [*range(len(TOKENS)), *range(1000, 1000 + len(TOKENS))]
    return {asked: [(str(FIRST), str(FIRST + n)), (quoted(short(0)), quoted(short(n)))]
            for n in numbers for asked in (short(n), str(FIRST + n))}


def of_events():
    return {f"{n:032x}": [("0" * 32, f"{n:032x}")] for n in range(len(TOKENS))}


def rules():
    """The first that matches wins, so the longer paths come first."""
    own = {details(): of_issues(), event(): of_events()}
    group = "/issues/[^/]+"
    bodies = [(f"{group}/comments/$", comments()), (f"{group}/tags/$", tags()), (f"{group}/hashes/$", mixed("id")),
              (f"{group}/events/[^/]+/$", event()), (f"{group}/events/$", events()), ("/events/[^/]+/$", event()),
              ("/projects/[^/]+/[^/]+/events/$", events()), (f"{group}/$", details()),
              ("/issues/$", rows(issues())), ("/projects/$", rows([
                  obj(id='"1"', slug='"web"'), *(obj(id=t, slug='"odd"') for t in TOKENS), *(obj(id='"3"', slug=t) for t in TOKENS),
                  *RAW])),
              ("/members/$", people()), ("/teams/$", mixed("slug", id="TOKEN", name="TOKEN", memberCount="TOKEN")),
              ("/environments/$", mixed("name", id="TOKEN")), ("/releases/$", mixed("version", dateReleased="TOKEN", newGroups="TOKEN")),
              ("/organizations/$", rows([obj(id='"1"', slug='"acme"', name='"a"'), *(obj(id=t, slug=t, name=t) for t in TOKENS), *RAW]))]
    return [{"method": "GET", "path": path, "body": body, "own": own.get(body, {}), "headers": {"Link": LINK[n % len(LINK)]}}
            for n, (path, body) in enumerate(bodies)]
