# SPDX-License-Identifier: MIT
"""Texts made of events: each platform beside a stored one, understood by what knows tracebacks, without secrets.

The stored texts are in tests/renderings; RENDERINGS=write with pytest on this file writes them anew, for `git diff`.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import unicodedata

import pytest
from conftest import TESTS, Sandbox, server_of, wait_until
from sandbox.gallery import ESCAPES, ISSUES as PLATFORMS, SECRET

STORED = TESTS / "renderings"
GALLERY = "acme/projects/gallery/issues"
WEB = "acme/projects/web/issues"
NAMES = [platform if row[0] else "message" for platform, row in PLATFORMS]
SHORT = {name: "GALLERY-" + "0123456789ABCDEFGH"[number] for number, name in enumerate(NAMES, 1)}


# a clock that stands still, so that every text is the same in each run
gallery = server_of("--gallery", "--now", 1780000000, "--projects", 1, "--issues", 40)


@pytest.fixture
def shown(mount, gallery):
    gallery.faults()
    gallery.forget()
    return mount(server=gallery)


def issue(m, name):
    return m.where / GALLERY / SHORT[name]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("path,stored", [("summary.txt", "summary.txt"), ("events/latest.txt", "event.txt"),
                                         ("frames.qf", "qf")])
def test_a_text_is_the_stored_one(shown, gallery, name, path, stored):
    text = (issue(shown, name) / path).read_bytes()
    text = text.replace(str(shown.where).encode(), b"/sentry").replace(gallery.url.encode(), b"https://sentry.example")
    where = STORED / f"{name}.{stored}"
    if os.environ.get("RENDERINGS") == "write":
        STORED.mkdir(exist_ok=True)
        where.write_bytes(text)
    assert text == where.read_bytes()
    assert text.endswith(b"\n") or (name, path) == ("message", "frames.qf")


# ---- what knows tracebacks ----

def frames_of(event, newest_first=True):
    """What the JSON says, as the traceback must: exceptions in turn, (file, line, function) each."""
    values = next(e["data"]["values"] for e in event["entries"] if e["type"] == "exception")
    out = [[(f["filename"] or f["absPath"], f["lineNo"], f["function"], f["module"]) for f in v["stacktrace"]["frames"]]
           for v in values]
    return [stack[::-1] for stack in out[::-1]] if newest_first else out


# what finds a frame's file, line and function in the text
PATTERNS = {
    "javascript": r"^    at (?:(?P<function>.+) \()?(?P<file>.+?):(?P<line>\d+):\d+\)?$",
    "node": r"^    at (?:(?P<function>.+) \()?(?P<file>.+?):(?P<line>\d+):\d+\)?$",
    "java": r"^\tat (?P<function>[\w.$<>]+)\((?P<file>[^:)]+):(?P<line>\d+)\)$",
    "go": r"^(?P<function>\S.*)\(\.\.\.\)\n\t(?P<file>[^\s:]+):(?P<line>\d+)$",
    "ruby": r"^(?:\tfrom )?(?P<file>[^\s:]+):(?P<line>\d+):in `(?P<function>[^']*)'",
    "csharp": r"^   at (?P<function>[^\n]+\)) in (?P<file>[^\n]+):line (?P<line>\d+)$",
    "native": r"^#\d\d 0x[0-9a-f]+ \S+ (?P<function>.+?) \((?P<file>[^:)]+)(?::(?P<line>\d+))?\)$",
    "php": r"^#\d+ (?P<file>[^\n(]+)\((?P<line>\d+)\): (?P<function>[^\n(]+)",
}


@pytest.mark.parametrize("name", PATTERNS)
def test_a_stack_is_in_its_platforms_own_form(shown, name):
    text = (issue(shown, name) / "events/latest.txt").read_text().split("\n## Threads")[0].split("\n## Source")[0]
    event = json.loads((issue(shown, name) / "events/latest.json").read_text())
    found = [(m["file"], int(m["line"] or 0), m["function"]) for m in re.finditer(PATTERNS[name], text, re.M)]
    stacks = frames_of(event)
    if name == "csharp":    # an inner exception's frames come first
        stacks = stacks[::-1]
    want = [frame for stack in stacks for frame in stack]
    assert len(found) == len(want) > 1
    for (file, line, function), (path, number, name_, module) in zip(found, want):
        assert (file, line) == (path, number or 0)
        function = function or "None"
        bare = name_ or "None" if name != "csharp" else name_.split("(")[0].split()[-1]
        assert bare in function or function == "{main}", function
        assert not module or name not in ("java", "go", "csharp") or function.startswith(module)


def test_python_reads_the_traceback_back(shown, tmp_path):
    """A program that knows Python's tracebacks finds the frames, and Python itself prints the same."""
    where = issue(shown, "python")
    text = (where / "events/latest.txt").read_text().split("## Exception and its causes (2)\n")[1].split("\n## ")[0]
    event = json.loads((where / "events/latest.json").read_text())
    # the frames as Python's own: each is a code object of that file and name, at that line
    script = r"""
import json, sys, traceback
event, = [e["data"]["values"] for e in json.load(sys.stdin)["entries"] if e["type"] == "exception"]
def stack(value):
    return traceback.StackSummary.from_list([
        traceback.FrameSummary(f["filename"], f["lineNo"], f["function"], lookup_line=False,
                               line=dict(f["context"])[f["lineNo"]]) for f in value["stacktrace"]["frames"]])
for i, value in enumerate(event):
    if i:
        print("\nThe above exception was the direct cause of the following exception:\n")
    print("Traceback (most recent call last):")
    print("".join(stack(value).format()), end="")
    print(value["type"] + ": " + value["value"])
"""
    own = subprocess.run(["/usr/bin/python3", "-c", script], input=json.dumps(event), capture_output=True, text=True)
    assert (own.returncode, own.stderr) == (0, "")
    assert text == own.stdout
    found = re.findall(r'^  File "([^"]+)", line (\d+), in (\S+)$', text, re.M)
    assert found == [(f, str(n), name) for stack in frames_of(event, False) for f, n, name, _ in stack]


def test_vim_jumps_along_frames_qf(shown, tmp_path):
    quickfix = issue(shown, "python") / "frames.qf"
    places = [tuple(line.split(":")[:2]) for line in quickfix.read_text().splitlines()]
    assert len(places) == 2 and places[0] != places[1]
    for file, _ in places:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text("".join(f"line {n}\n" for n in range(1, 100)))
    told = tmp_path / "told"
    note = f"call writefile([expand('%') . ':' . line('.') . ':' . getline('.')], '{told}', 'a')"
    done = subprocess.run(["vim", "-es", "-u", "NONE", "-i", "NONE", "-n", "-q", quickfix, "-c", note, "-c", "cnext",
                           "-c", note, "-c", "silent! cnext", "-c", note, "-c", "qa!"], cwd=tmp_path, timeout=60,
                          capture_output=True, text=True)
    assert done.returncode == 0, done
    assert told.read_text().splitlines() == [f"{f}:{n}:line {n}" for f, n in (*places, places[1])]


def test_a_java_frame_leads_to_its_package(shown):
    first = (issue(shown, "java") / "frames.qf").read_text().splitlines()[0]
    assert re.match(r"com/acme/\w+/\w+Service\.java:112: NullPointerException: ", first)


# ---- secrets and escapes ----

def texts(m):
    """Every text of the gallery: the pages and three events of each issue, and the project's."""
    for name in NAMES:
        yield from (issue(m, name) / n for n in ("summary.txt", "frames.qf"))
        yield from sorted((issue(m, name) / "events").glob("[0-9a-f]*.txt"))[:3]
    yield from sorted((m.where / GALLERY).parent.glob("events/*.txt"))[:5]


def test_no_secret_is_in_a_text(shown):
    count = 0
    for path in texts(shown):
        text = path.read_text()
        assert SECRET not in text, path
        count += "[redacted]" in text
    assert count >= 4 * len(NAMES)
    for name in NAMES:
        assert (issue(shown, name) / "events/latest.json").read_text().count(SECRET) >= 10, "the JSON is exact"


def test_what_is_redacted_and_what_stays(shown):
    text = (issue(shown, "python") / "events/latest.txt").read_text()
    for line in ("Authorization: [redacted]", "X-Api-Key: [redacted]", "password = [redacted]",
                 "kwargs = {'auth_token': '[redacted]', 'page': 2}", "dsn = postgres://acme:[redacted]@db.internal/acme",
                 "Host: acme.example", "api_token = [redacted]", "order = 9007199254740993"):
        assert line in text, line
    assert "?access_token=[redacted]&page=2 401" in text and "csrftoken=[redacted]" in text


def test_no_escape_sequence_is_in_a_text(shown):
    bad = set(ESCAPES) - set(" [31mred0tl")
    assert len(bad) >= 6
    for path in (*texts(shown), shown.where / WEB / "WEB-2/summary.txt", shown.where / WEB / "WEB-2/events/latest.txt"):
        text = path.read_text()
        assert text.isascii() or text
        for c in set(text) - {"\n", "\t"}:
            assert unicodedata.category(c) not in ("Cc", "Cs") and c not in bad, (path, hex(ord(c)))
            assert unicodedata.bidirectional(c) not in ("RLO", "LRO", "RLE", "LRE", "PDF", "RLI", "LRI", "FSI", "PDI")


# ---- what they cost, and where they come from ----

def paths(server):
    return [r["path"].removeprefix("/api/0/") for r in server.requests()]


def test_a_cold_summary_costs_three_requests_beside_the_way_to_it(shown, gallery):
    title = shown.sh(f"cat {WEB}/WEB-3/title")
    assert title.returncode == 0
    way = len(gallery.requests())
    done = shown.sh(f"cat {WEB}/WEB-3/summary.txt")
    assert done.returncode == 0 and done.stdout.startswith("WEB-3  ")
    assert len(gallery.requests()) <= way + 3


def test_its_three_requests_are_sent_at_once(shown, gallery):
    shown.sh(f"ls {WEB}")
    gallery.forget()
    gallery.faults({"path": "/issues/[0-9]+/", "delay_ms": 300})
    assert shown.sh(f"cat {WEB}/WEB-3/summary.txt").returncode == 0
    sent = [r["t"] for r in gallery.requests()]
    assert len(sent) == 3 and max(sent) - min(sent) < 0.25


def test_three_summaries_are_three_and_no_more(shown, gallery):
    first = shown.sh(f"ls -t {WEB} | head -n 3").stdout.split()
    gallery.forget()
    assert shown.sh(f"cd {WEB} && cat {' '.join(n + '/summary.txt' for n in first)}").returncode == 0
    assert len(gallery.requests()) == 9


def test_one_summary_after_another_is_fetched_ahead(shown, gallery):
    listed = shown.sh(f"ls {WEB}").stdout.split()
    gallery.forget()
    done = shown.sh(f"cat {WEB}/*/summary.txt | grep -c '^## Next'")
    assert (done.returncode, done.stdout) == (0, f"{len(listed)}\n") and len(listed) > 15
    assert len(gallery.requests()) <= 3 * len(listed)


def test_what_comes_after_some_summaries_was_asked_for_already(shown, gallery):
    some = shown.sh(f"ls -t {WEB} | head -n 6").stdout.split()
    gallery.forget()
    for name in some:
        assert (shown.where / WEB / name / "summary.txt").read_text().startswith(name)
    wait_until(lambda: len([p for p in paths(gallery) if p.endswith("/events/latest/")]) > len(some), "the seventh")


@pytest.mark.parametrize("ending", ["json", "txt", "*"])
def test_texts_of_events_come_by_the_page(mount, gallery, ending):
    m = mount(server=gallery)
    m.sh(f"ls {WEB}/WEB-1/events")
    gallery.forget()
    done = m.sh(f"cat {WEB}/WEB-1/events/[0-9a-f]*.{ending} | wc -l")
    assert done.returncode == 0 and int(done.stdout) > 100 * 50
    assert len(gallery.requests()) <= 20, "100 events, ten a page, in the order of their names"


def test_a_text_is_the_same_however_its_body_came(mount, gallery):
    """Alone, or as one of a page of full=1."""
    one, many = mount(server=gallery), mount(name="many", server=gallery)
    many.sh(f"cat {GALLERY}/GALLERY-4/events/*.json")
    names = sorted(p.name for p in (many.where / GALLERY / "GALLERY-4/events").glob("[0-9a-f]*.txt"))[:4]
    gallery.forget()
    for name in names:
        path = f"{GALLERY}/GALLERY-4/events/{name}"
        assert (one.where / path).read_text() == (many.where / path).read_text()
    assert not any("full=1" in r["query"] for r in gallery.every_request()[:1])


def test_an_event_of_a_project_is_the_same_text(shown):
    latest = issue(shown, "go") / "events/latest.txt"
    other = shown.where / "acme/projects/gallery/events" / os.readlink(latest)
    assert other.read_text().replace("project     gallery\n", "issue       GALLERY-5\nproject     gallery\n") == latest.read_text()


def test_each_event_is_listed_with_its_text(shown):
    names = os.listdir(issue(shown, "go") / "events")
    ids = {n[:32] for n in names if len(n) > 32}
    assert len(ids) == 45 and sorted(names) == sorted(
        [i + e for i in (*ids, "latest", "oldest") for e in (".json", ".txt")])
    for which in ("latest", "oldest", "recommended"):
        where = issue(shown, "go") / "events"
        assert os.readlink(where / f"{which}.txt")[:-4] == os.readlink(where / f"{which}.json")[:-5]


# ---- when a part is missing, and what changes ----

def test_a_summary_without_its_tags_or_its_event_says_so(shown, gallery):
    shown.sh(f"ls {GALLERY}")
    gallery.faults({"path": "/tags/$", "status": 500}, {"path": "/events/latest/$", "status": 404})
    done = shown.sh(f"cat {GALLERY}/GALLERY-5/summary.txt")
    assert done.returncode == 0, done.stderr
    assert "The tags are not shown: Input/output error. See tags/.\n" in done.stdout
    assert "The latest event is not shown: No such file or directory. See events/.\n" in done.stdout
    assert "## Comments" in done.stdout and done.stdout.splitlines()[-1] == "echo TEXT > comments/new"


def test_a_summary_without_details_is_an_error(shown, gallery):
    shown.sh(f"ls {GALLERY}")
    gallery.faults({"path": "/issues/GALLERY-5/$", "status": 500})
    done = shown.sh(f"cat {GALLERY}/GALLERY-5/summary.txt")
    assert done.returncode == 1 and "Input/output error" in done.stderr and done.stdout == ""
    gallery.faults()
    assert shown.sh(f"cat {GALLERY}/GALLERY-5/summary.txt").returncode == 0


def test_a_write_is_seen_at_once(mount):
    with Sandbox("--gallery", "--projects", 1, "--issues", 3, "--write-lag-ms", 3000) as s:
        m = mount(server=s)
        where = m.where / GALLERY / "GALLERY-5"
        assert "\nstatus      unresolved (ongoing)\nassignedTo  none\n" in (where / "summary.txt").read_text()
        assert m.sh(f"cd {where} && echo resolved >status && echo me >assignedTo").returncode == 0
        text = (where / "summary.txt").read_text()
        assert "\nstatus      resolved\n" in text and "\nassignedTo  jane@" in text
        m.unmount()


def test_what_to_type_next_is_there(shown):
    text = (issue(shown, "python") / "summary.txt").read_text()
    lines = text.split("## Next\n")[1].splitlines()
    assert lines[0] == f"cd '{shown.where}/{GALLERY}/GALLERY-1'"
    for line in lines[1:]:
        command = line.split("#")[0].strip()
        if command.startswith("vim"):
            command = command.replace("vim -q", "test -s")
        done = shown.sh(f"{lines[0]} && {command}")
        assert (done.returncode, done.stderr) == (0, ""), line
    # every file that it names for what is cut is there
    for rest in {m for m in re.findall(r"more in ([^)]+)\)", text)}:
        assert (issue(shown, "python") / rest).exists(), rest


@pytest.mark.parametrize("kind", ["sentry", "self-hosted", "glitchtip-old", "glitchtip"])
def test_a_summary_of_each_kind_of_server(mount, kind):
    """Three requests, and of what to type next only what is there."""
    with Sandbox("--gallery", "--now", 1780000000, "--projects", 1, "--issues", 12, "--dialect", kind) as s:
        m = mount(server=s)
        assert m.sh(f"ls {GALLERY}").returncode == 0
        s.forget()
        where = m.where / GALLERY / "GALLERY-2"
        text = (where / "summary.txt").read_text()
        assert len(s.requests()) == 3
        assert text.startswith("GALLERY-2  TypeError: ") and "\nsrc/components/" in text and "\nenvironment production" in text
        assert "not shown" not in text and "(null)" not in text
        assert "## Comments, the newest first\n" in text or "Comments: 2, in comments/\n" in text
        for line in text.split("## Next\n")[1].splitlines()[1:]:
            command = line.split("#")[0].strip().replace("vim -q", "test -s")
            done = m.sh(f"cd {where} && {command}")
            assert (done.returncode, done.stderr) == (0, ""), line
        m.unmount()


def test_a_read_only_mount_tells_of_no_writes(mount, gallery):
    m = mount("-o", "ro", server=gallery)
    text = (issue(m, "python") / "summary.txt").read_text()
    assert "echo" not in text and text.endswith("jumps along the stack\n")


def test_real_events_have_texts(mount):
    """Answers of a real server, where there are some (SENTRYFS_REFERENCE_DIR)."""
    folder = os.environ.get("SENTRYFS_REFERENCE_DIR", str(TESTS / "real-events"))
    real = pathlib.Path(folder) / "real-events"
    with Sandbox("--projects", 1, "--issues", 1, *(["--events-from", real] if real.is_dir() else ["--gallery"])) as s:
        m = mount(server=s)
        done = m.sh("cd acme/projects/[rg]*/issues && cat */events/latest.txt */summary.txt */frames.qf | grep -c '^## '")
        assert done.returncode == 0 and int(done.stdout) > 30, done
        m.unmount()


def test_vim_is_the_one_with_quickfix():
    assert shutil.which("vim"), "the Debian package vim: vim-tiny has no quickfix"
