# SPDX-License-Identifier: MIT
"""The rows: what is done, by whom, and the figure that the program is to reach.

Rows without a rate limit stand for servers of one's own. A row that makes more than 100 requests has a twin, `-limits`,
on a server that refuses what exceeds Sentry's limits; its floor is the number of requests divided by the limit. A row
that needs what is not built yet measures what there is.
"""

import os
import select
import shutil
import subprocess
import tempfile
import time

from . import measure, sides
from .measure import Failed, rounds
from .report import Line, ratio_of, time_of
from .servers import Files, Mount
from .sides import Client, Curl, CurlLoop, CurlMany, Floor, Ours, Rclone, Tree

ROWS = {}
LISTS, SINGLE, EVENT, OTHER = 10, 5, 15, 40     # requests a second that Sentry allows
OLD = 3     # an issue has so many times the events that are asked for: those of more than 90 days ago are not listed
FIELDS = ("issue.json", "title", "culprit", "level", "platform", "type", "shortId", "id", "permalink", "logger",
          "count", "userCount", "firstSeen", "lastSeen", "status", "substatus", "statusDetails", "priority", "hasSeen",
          "isBookmarked")
GREP = "grep -r " + " ".join(f"--include={f}" for f in FIELDS) + " " + " ".join(
    f"--exclude-dir={d}" for d in ("events", "comments", "tags", "hashes", "attachments", ".sentryfs")) + " -l '[a-z]' "


class Row:
    def __init__(self, work, run):
        self.work, self.run = work, run


def row(name, work):
    def register(run):
        ROWS[name] = Row(work, run)
        return run
    return register


def measured(bench, name):
    try:
        return ROWS[name].run(bench, name)
    except (Failed, OSError, subprocess.SubprocessError) as e:
        return [Line(name, f"failed: {e}"[:100])]


# -- comparing ----------------------------------------------------------------------------------------------------

class At:
    """A figure: the other side takes at least `times` as long (below 1: we take at most 1/times as long)."""

    def __init__(self, text, times=None, requests=None, also=None):
        self.text, self.times, self.requests, self.also = text, times, requests, also

    def met(self, ours, ratio):
        said = []
        if self.times is not None:
            said.append(None if ratio is None else ratio >= self.times)
        if self.requests is not None:
            said.append(ours.middle("requests") <= self.requests)
        if self.also is not None:
            said.append(self.also(ours))
        return "" if not said or None in said else "yes" if all(said) else "no"


def within(factor):
    return At(f"within {factor}", 1 / factor)


def at_least(times):
    return At(f"at least {times} times", times)


def compare(bench, name, ours, others, server=None, **slow):
    """Lines of the table: `others` is [(side, figure)]; `slow` are the options that the server has when it counts."""
    if slow.get("rate_limits"):
        slow["same_limit"] = 0
    played = [side for side, _ in others if not isinstance(side, Floor)]

    def warm_up(on):
        if server:
            server.set(**({"delay_ms": 0} if on else {"delay_ms": bench.delay(0)} | slow))

    outcomes = rounds([ours, *played], warm_up, bench.args.reps, bench.args.budget, bench.args.limit)
    if server:
        server.set(delay_ms=bench.delay(0))
    mine, theirs, lines = outcomes[0], dict(zip(played, outcomes[1:])), []
    for side, figure in others or [(None, None)]:
        lines.append(line_of(name, mine, side, theirs.get(side), figure))
    return lines


def line_of(name, mine, side, theirs, figure):
    line = Line(name, time_of(mine.seconds))
    if mine.failure:
        line.ours = mine.failure
    if mine.samples:
        line.requests = whole(mine.middle("requests"))
        refused = mine.middle("refused")
        line.requests += f" ({refused:.0f} refused)" if refused else ""
        line.rss = ratio_of((mine.middle("rss_kb") or 0) / 1024)
        line.runs = str(len(mine.samples))
        first = mine.middle("first")
        line.ours += f" (first name {time_of(first)})" if first else ""
    if side is None:
        return line
    line.against = side.name
    if isinstance(side, Floor):
        seconds, line.their_requests = side.seconds, str(side.requests)
    else:
        seconds, line.other = theirs.seconds, theirs.failure or ""
        if side.scale != 1:
            line.against += f" (a {side.scale}th of it, extrapolated)"
        if theirs.samples:
            line.their_requests = whole((theirs.middle("requests") or 0) * side.scale) if side.server else ""
            line.runs += f"/{len(theirs.samples)}"
    line.other = line.other or time_of(seconds)
    ratio = seconds / mine.seconds if seconds and mine.seconds else None
    line.ratio = ratio_of(ratio)
    if figure:
        line.figure = figure.text
        line.met = figure.met(mine, ratio) if mine.samples else "no"
    return line


def whole(number):
    return "" if number is None else f"{number:.0f}"


def ids_of(server, n, what="issues", query="query=is%3Aunresolved"):
    """Ids of the n newest issues."""
    found, cursor = [], ""
    while len(found) < n:
        reply = server.sandbox.call("GET", f"/organizations/acme/{what}/?project=4500&{query}&limit=100{cursor}")
        found += [i["id"] for i in reply.json]
        next_cursor, more = reply.links["next"]
        if not more:
            break
        cursor = f"&cursor={next_cursor}"
    return found[:n]


def events_of(server, issues, n):
    """Paths of the n newest events of each issue."""
    out = []
    for issue in issues:
        page = server.sandbox.get(f"/organizations/acme/issues/{issue}/events/", per_page=n).json
        out += [f"/organizations/acme/issues/{issue}/events/{e['id']}/" for e in page[:n]]
    return out


def ls(bench, server, n, first=False):
    argv = ["ls", "-U1", "ISSUES"] if first else ["ls", "ISSUES"]
    return Ours(bench, server, argv, f"--max-issues={n}", lines=n, first=first, shell=False)


def sentry_cli(bench, server, n):
    """Its table has three lines that are no issue."""
    return Client(bench, server, "sentry-cli issues list", "issues", "list", "--org", "acme", "--project", "web",
                  "--max-rows", str(n), "--pages", str(n // 100), "--query", "is:unresolved", lines=n + 4)


def plain_files(bench, server, n, delay_ms):
    """The n newest issues as files of one directory, served plainly."""
    def make(folder):
        root = folder + "-files"
        os.mkdir(root)
        home = tempfile.mkdtemp(dir=bench.folder)
        mount = Mount(bench.program, server, home, f"--max-issues={n}")
        try:
            for name in os.listdir(mount.issues):
                shutil.copyfile(f"{mount.issues}/{name}/issue.json", f"{root}/{name}.json")
        finally:
            mount.stop()
        return Files(folder, root, delay_ms)
    return bench.keep(("files", n, delay_ms), make)


# -- listings -----------------------------------------------------------------------------------------------------

@row("ls-10000-50ms", "cold ls of 10,000 issues, 50 ms a request")
def ls_many_slow(bench, name):
    n = bench.size(10_000)
    server = bench.server(n)
    return compare(bench, name, ls(bench, server, n), [
        (CurlLoop(bench, server, n), at_least(8)), (sentry_cli(bench, server, n), at_least(40))],
        server, delay_ms=bench.delay(50))


@row("ls-10000-limits", "the same with rate limits")
def ls_many_limits(bench, name):
    n = bench.size(10_000, 3000)
    server, pages = bench.server(n), n // 100
    figure = At("within 1.1; the first name at once", 1 / 1.1, also=lambda o: o.middle("first") < 2)
    return compare(bench, name, ls(bench, server, n, first=True), [
        (Floor(f"{pages} pages at {LISTS} a second", pages / LISTS, pages), figure)],
        server, delay_ms=bench.delay(50), rate_limits=True)


@row("ls-1000-50ms", "cold ls of 1,000 issues, 50 ms a request")
def ls_thousand_slow(bench, name):
    n = bench.size(1000, 500)
    server = bench.server(n)
    files = plain_files(bench, server, n, bench.delay(50))
    faster = At("faster", 1)
    return compare(bench, name, ls(bench, server, n), [
        (Client(bench, server, "sentry issue list", "issue", "list", "acme/web", "--limit", str(n), "--fresh"), faster),
        (Rclone(bench, files, "ls FILES", n), faster), (CurlLoop(bench, server, n), None)],
        server, delay_ms=bench.delay(50))


@row("ls-10000", "cold ls of 10,000 issues, no delay")
def ls_many(bench, name):
    n = bench.size(10_000)
    server = bench.server(n)
    return compare(bench, name, ls(bench, server, n), [
        (sentry_cli(bench, server, n), within(1.15)), (CurlLoop(bench, server, n), None)], server)


# -- contents -----------------------------------------------------------------------------------------------------

@row("cat-issue-json-1000-50ms", "cat issues/*/issue.json | grep, 1,000 issues, cold, 50 ms a request")
def cat_issue_json(bench, name):
    n = bench.size(1000, 500)
    server, part = bench.server(n), 10
    files = plain_files(bench, server, n // part, bench.delay(50))
    rclone = Rclone(bench, files, "cd FILES && cat *.json | grep shortId", n // part, scale=part)
    ours = Ours(bench, server, "cd ISSUES && cat */issue.json | grep shortId", f"--max-issues={n}", lines=n)
    return compare(bench, name, ours, [(rclone, at_least(25))], server, delay_ms=bench.delay(50))


def grep_events(bench, name, limits):
    n, each, part = bench.size(100, 20), 10, 5
    server = bench.server(1000, "--events", each * OLD)
    paths = events_of(server, ids_of(server, n), each)
    ours = Ours(bench, server, "cd ISSUES && grep -l KeyError */events/*.json", f"--max-issues={n}",
                f"--max-events={each}")
    two = At("at most 2 requests an issue", requests=2 * n + 5)
    if limits:
        two = At("at most 2 requests an issue, within 1.2", 1 / 1.2, 2 * n + 5)
        others = [(Floor(f"{2 * n} requests at {OTHER} a second", 2 * n / OTHER, 2 * n), two)]
    else:
        few = paths[:len(paths) // part]
        others = [(CurlMany(bench, server, "one curl, an event after another", few, scale=part), two)]
    return compare(bench, name, ours, others, server, delay_ms=bench.delay(50), rate_limits=limits)


@row("grep-events-100-50ms", "grep -l KeyError issues/*/events/*.json, 100 issues of 10 events, 50 ms a request")
def grep_events_free(bench, name):
    return grep_events(bench, name, False)


@row("grep-events-100-limits", "the same with rate limits")
def grep_events_limited(bench, name):
    return grep_events(bench, name, True)


def grep_newest(bench, name, full_page, limits=False):
    n, each = 10, bench.size(100, 20)
    server = bench.server(1000, "--events", each * OLD)
    paths = events_of(server, ids_of(server, n), each)
    options = (f"--max-issues={n}", f"--max-events={each}")
    ours = Ours(bench, server, "cd ISSUES && grep -rc --include='*.json' eventID */events", *options, lines=len(paths))
    if limits:
        figure = At("within 1.2; at most 30 requests", 1 / 1.2, 30)
        others = [(Floor(f"30 requests at {OTHER} a second", 30 / OTHER, 30), figure)]
    elif full_page > 1:
        others = [(CurlMany(bench, server, "curl, an event a request, 8 at a time", paths, 8),
                   At("5 times, at most 30 requests", 5, 30))]
    else:
        others = [(CurlMany(bench, server, "curl, an event a request, 16 at a time", paths, 16), within(1.2))]
    return compare(bench, name, ours, others, server, delay_ms=bench.delay(50), full_page=full_page,
                   rate_limits=limits)


@row("grep-newest-1000-50ms", "grep -r over the 100 newest events of 10 issues, 50 ms, full pages of 100")
def grep_newest_pages(bench, name):
    return grep_newest(bench, name, 100)


@row("grep-newest-1000-single", "the same where the server gives single events only")
def grep_newest_single(bench, name):
    return grep_newest(bench, name, 1)


@row("grep-newest-1000-limits", "the same with rate limits and full pages of 100")
def grep_newest_limits(bench, name):
    return grep_newest(bench, name, 100, True)


def cat_details(bench, name, limits):
    n = bench.size(200, 50)
    server = bench.server(1000)
    paths = [f"/organizations/acme/issues/{i}/" for i in ids_of(server, n)]
    ours = Ours(bench, server, "cd ISSUES && cat */details.json | grep '^  \"shortId\"'", f"--max-issues={n}", lines=n)
    others = [(CurlMany(bench, server, "one curl, an issue after another", paths), at_least(6))]
    if limits:
        others = [(Floor(f"{n} issues at {SINGLE} a second", n / SINGLE, n), within(1.1))]
    return compare(bench, name, ours, others, server, delay_ms=bench.delay(50), rate_limits=limits)


@row("cat-details-200-50ms", "cat */details.json of 200 issues, 50 ms a request")
def cat_details_free(bench, name):
    return cat_details(bench, name, False)


@row("cat-details-200-limits", "the same with rate limits")
def cat_details_limited(bench, name):
    return cat_details(bench, name, True)


# -- what is known already ----------------------------------------------------------------------------------------

@row("refresh-10000-20", "ls of 10,000 issues, 31 s after the first, of which 20 changed; 50 ms a request")
def refresh(bench, name):
    n, changed = bench.size(10_000, 2000), 20
    server = bench.server(n)
    home = tempfile.mkdtemp(dir=bench.folder)
    mount = Mount(bench.program, server, home, f"--max-issues={n}")
    try:
        server.set(delay_ms=bench.delay(50))
        job = measure.Job(["ls", mount.issues], lines=n)
        server.sandbox.forget()
        cold, _ = measure.run(job, bench.args.limit)
        cold_requests, _ = server.counted()
        some = ids_of(server, n)[n // 2:n // 2 + changed]
        server.sandbox.control("POST", "mutate", [{"op": "new_event", "issue": i} for i in some])
        select.select([], [], [], 31)       # a listing is fresh for 30 s
        server.sandbox.forget()
        again, _ = measure.run(job, bench.args.limit)
        requests, _ = server.counted()
        line = Line(name, time_of(again), "its own cold listing", time_of(cold), ratio_of(cold / again), str(requests),
                    str(cold_requests), ratio_of(measure.peak_kb(mount.pid) / 1024), "1",
                    "at most 3 requests, 1/30 of the cold ones",
                    "yes" if requests <= 3 and requests * 30 <= cold_requests else "no")
        return [line]
    finally:
        mount.stop()
        server.set(delay_ms=bench.delay(0))


@row("grep-memory-1000x20", "grep -r over 1,000 issues x 20 files, from memory")
def grep_memory(bench, name):
    n = bench.size(1000, 300)
    server, folder = bench.server(n), tempfile.mkdtemp(dir=bench.folder)
    ours = Ours(bench, server, GREP + "ISSUES", f"--max-issues={n}", kept="ls >/dev/null")
    copy_of(bench, server, n, folder, FIELDS)
    return compare(bench, name, ours, [
        (Tree(bench, "hello, libfuse's default options", folder, GREP + "ISSUES", hello=True), at_least(2)),
        (Tree(bench, "tmpfs", folder, GREP + "ISSUES"), within(12))], server)


def copy_of(bench, server, n, folder, files):
    """The n issues of a mount as directories of tmpfs."""
    home = tempfile.mkdtemp(dir=bench.folder)
    mount = Mount(bench.program, server, home, f"--max-issues={n}")
    try:
        sides.copy_tree(mount, os.listdir(mount.issues), folder, files)
    finally:
        mount.stop()


@row("ls-l-warm-10000", "ls -l of 10,000 issues that are known")
def ls_long(bench, name):
    n = bench.size(10_000)
    server, folder = bench.server(n), tempfile.mkdtemp(dir=bench.folder)
    argv = ["ls", "-l", "ISSUES"]
    for i in range(n):
        os.mkdir(f"{folder}/WEB-{i}")
    ours = Ours(bench, server, argv, f"--max-issues={n}", lines=n + 1, kept="ls -l >/dev/null", shell=False)
    return compare(bench, name, ours, [
        (Tree(bench, "tmpfs", folder, argv, n + 1), within(1.5)),
        (Tree(bench, "hello, libfuse's default options", folder, argv, n + 1, hello=True), None)], server)


@row("second-mount", "ls and grep -r of 1,000 issues by a second mount, 50 ms a request")
def second_mount(bench, name):
    n = bench.size(1000, 300)
    server, cache = bench.server(n), tempfile.mkdtemp(dir=bench.folder)
    command = "cd ISSUES && ls >/dev/null && grep -l shortId */issue.json"
    first = Ours(bench, server, command, f"--max-issues={n}", lines=n)
    first.name = "sentryfs, a first mount"
    second = Ours(bench, server, command, f"--max-issues={n}", lines=n, cache=cache)
    return compare(bench, name, second, [(first, At("0 requests", requests=0))], server, delay_ms=bench.delay(50))


# -- changes ------------------------------------------------------------------------------------------------------

@row("write-status", "echo resolved > status, 50 times, against one curl -X PUT on a kept connection")
def write_status(bench, name):
    each, most = 50, 20
    server = bench.server(each * most * 2 + 200)
    server.set(delay_ms=0)
    listed = ids_of(server, each * most * 2)
    short = [server.sandbox.get(f"/organizations/acme/issues/{i}/").json["shortId"] for i in listed[:each * most]]
    ours = Writing(bench, server, each, short)
    put = CurlMany(bench, server, "curl -X PUT, 50 on one connection", lambda turn: [
        f"/organizations/acme/issues/{i}/" for i in listed[each * most:][turn % most * each:][:each]],
        change=(r'{\"status\": \"resolved\"}', lambda turn: None))
    lines = compare(bench, name, ours, [(put, within(1.3))], server)
    if "Read-only" in lines[0].ours:
        lines[0].ours = "not built: Read-only file system"
    return lines


class Writing(Ours):
    """Each run resolves other issues, whose files were looked at before."""

    def __init__(self, bench, server, each, short):
        super().__init__(bench, server, "", "--rw", f"--max-issues={len(short) * 2}", kept="ls >/dev/null", lines=1)
        self.each, self.short, self.turn = each, short, 0

    def before(self):
        mine = self.short[self.turn * self.each:][:self.each]
        self.turn += 1
        self.kept = "ls >/dev/null; cat " + " ".join(f"{s}/status" for s in mine)
        self.command = f"cd ISSUES && for i in {' '.join(mine)}; do echo resolved >$i/status || exit 1; done; echo done"
        return super().before()


# -- growth and rest ----------------------------------------------------------------------------------------------

def growth(bench, name, n):
    server = bench.server(n)
    others, small = [], 1000
    if n > small:
        base = ls(bench, server, small)
        base.name, base.parts = f"its cost an issue at {small}", small / n
        figure = At("within 1.3 an issue; under 300 MiB", 1 / 1.3, also=lambda o: o.middle("rss_kb") < 300 * 1024)
        others = [(base, figure)]
    lines = compare(bench, name, ls(bench, server, n), others, server)
    for line in lines:
        if line.ours and line.requests:
            line.ours += f" ({float(line.ours) / n * 1e6:.1f} us an issue)"
    return lines


def grow(n):
    @row(f"grow-{n}", f"cold ls of {n:,} issues, no delay" + (", beside a thousand of them" if n > 1000 else ""))
    def run(bench, name):
        return growth(bench, name, n // (10 if bench.args.quick and n > 10_000 else 1))
    return run


for size in (100, 1000, 10_000, 100_000):
    grow(size)


@row("grow-100000-limits", "cold ls of 100,000 issues with rate limits (not with --quick)")
def grow_limits(bench, name):
    if bench.args.quick:
        return []
    n = 100_000
    server, pages = bench.server(n), n // 100
    ours = ls(bench, server, n, first=True)
    ours.single = ours.warm = True
    figure = At("within 1.1; the first name at once", 1 / 1.1, also=lambda o: o.middle("first") < 2)
    return compare(bench, name, ours, [(Floor(f"{pages} pages at {LISTS} a second", pages / LISTS, pages), figure)],
                   server, rate_limits=True)


@row("idle", "10 s of a mount at rest, after a listing")
def idle(bench, name):
    server = bench.server(bench.size(1000, 500))
    home = tempfile.mkdtemp(dir=bench.folder)
    mount = Mount(bench.program, server, home)
    try:
        os.listdir(mount.issues)
        select.select([], [], [], 2)
        server.sandbox.forget()
        before, start = state(mount.pid), time.monotonic()
        select.select([], [], [], 10)
        after, seconds = state(mount.pid), time.monotonic() - start
        wakes, cpu = (after[0] - before[0]) / seconds, (after[1] - before[1]) / seconds
        requests, _ = server.counted()
        return [Line(name, f"{wakes:.1f} wake-ups/s, {cpu * 100:.1f} % CPU", requests=str(requests),
                     rss=ratio_of(measure.peak_kb(mount.pid) / 1024), runs="1",
                     figure="no request, at most 1 wake-up/s", met="yes" if requests == 0 and wakes <= 1 else "no")]
    finally:
        mount.stop()


def state(pid):
    """(times that it went to sleep, seconds of processor time)"""
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        sleeps = next(int(line.split()[1]) for line in f if line.startswith("voluntary_ctxt_switches"))
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return sleeps, (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
