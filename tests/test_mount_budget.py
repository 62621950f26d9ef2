# SPDX-License-Identifier: MIT
"""Requests are the currency: what each look at the tree may cost, counted at the server."""

import os

import pytest
from conftest import Sandbox, server_of

ISSUES = "acme/projects/web/issues"


thousand = server_of("--issues", 1000, "--unresolved-only")


@pytest.fixture
def big(mount, thousand):
    thousand.forget()
    thousand.faults()
    return mount(server=thousand)


def paths(server):
    return [r["path"] for r in server.requests()]


def test_cold_listing_of_a_thousand(big, thousand):
    listed = big.sh(f"ls {ISSUES}")
    assert listed.returncode == 0 and len(listed.stdout.split()) == 1000
    asked = paths(thousand)
    assert asked.count("/api/0/organizations/acme/issues/") == 10
    assert len(asked) <= 13


@pytest.mark.parametrize("command,lines", [
    (f"ls -lt {ISSUES} | tail -n +2", 1000), (f"cat {ISSUES}/*/status", 1000), (f"cat {ISSUES}/*/title", 1000),
    (f"cat {ISSUES}/*/issue.json | grep '^  .shortId'", 1000), (f"find {ISSUES} -maxdepth 2 -name status", 1000),
    (f"find {ISSUES} -mindepth 1 -maxdepth 1", 1000),
    (f"find {ISSUES} -maxdepth 2 -name title", 1000)])
def test_what_a_listing_told_costs_nothing(big, thousand, command, lines):
    assert big.sh(f"ls {ISSUES}").returncode == 0
    thousand.forget()
    done = big.sh(command)
    assert done.returncode == 0 and len(done.stdout.splitlines()) == lines, done.stderr
    assert paths(thousand) == []


def test_ls_lt_is_newest_first_and_ls_lS_by_count(big):
    by_time = big.sh(f"ls -t {ISSUES}").stdout.split()
    seen = big.sh(f"cd {ISSUES} && cat $(ls -t | sed s,$,/lastSeen,)").stdout.split()
    assert len(by_time) == 1000 and seen == sorted(seen, reverse=True)
    counts = [int(c) for c in big.sh(f"cd {ISSUES} && cat $(ls -S | sed s,$,/count,)").stdout.split()]
    assert counts == sorted(counts, reverse=True)


def test_max_issues_cuts_and_says_so(mount, thousand):
    m = mount("--max-issues=250", server=thousand)
    thousand.forget()
    assert len(m.sh(f"ls {ISSUES}").stdout.split()) == 250
    assert paths(thousand).count("/api/0/organizations/acme/issues/") == 3
    assert "250 shown, more exist" in (m.where / ".sentryfs/status").read_text()


def test_one_file_on_a_cold_mount(mount, sandbox):
    m = mount()
    assert m.sh(f"cat {ISSUES}/WEB-5/status").stdout.strip() in ("unresolved", "resolved", "ignored")
    assert paths(sandbox) == ["/api/0/organizations/", "/api/0/organizations/acme/projects/",
                              "/api/0/organizations/acme/issues/WEB-5/"]


# Every directory of the tree, by its row in the mount's README.md: what the first `ls` of it costs when all above it was
# listed. A listing costs nothing an entry, so `ls -l` costs no more.
ORG = "<organization>/"
PROJECT = f"{ORG}projects/<project>/"
ISSUE = f"{PROJECT}issues/<issue>/"
DIRECTORIES = {
    ".sentryfs/": 0,
    ORG: 0,                             # the root's listing came with the mount
    f"{ORG}issues/": 0,                 # what is in memory
    f"{ORG}search/": 0,                 # what mkdir made
    f"{ORG}search/<search>/": 1,        # a page of 100 each
    f"{ORG}search/<search>/.bulk/": 0,
    f"{ORG}projects/": 1,
    PROJECT: 0,
    f"{PROJECT}search/": 0,
    f"{PROJECT}recent/": 1,             # a page of 100 each, as every ready-made search
    f"{PROJECT}recent/.bulk/": 0,
    f"{PROJECT}by-status/": 0,
    f"{PROJECT}by-status/unresolved/": 2,
    f"{PROJECT}by-status/resolved/": 1,
    f"{PROJECT}by-status/ignored/": 1,
    f"{PROJECT}by-level/": 0,
    **{f"{PROJECT}by-level/{level}/": 1 for level in ("fatal", "error", "warning", "info", "debug")},
    f"{PROJECT}by-assignee/": 0,        # what is in memory
    f"{PROJECT}by-assignee/me/": 1,
    f"{PROJECT}by-assignee/none/": 1,
    f"{PROJECT}by-assignee/<assignee>/": 1,
    f"{PROJECT}by-assignee/<assignee>/.bulk/": 0,
    f"{PROJECT}events/": 1,
    f"{PROJECT}issues/": 3,             # a page of 100 each, and once what the token may do
    f"{PROJECT}issues/.bulk/": 0,
    ISSUE: 0,
    f"{ISSUE}comments/": 1,             # 0 where numComments is 0: a test below
    f"{ISSUE}tags/": 1,
    f"{ISSUE}events/": 1,
    f"{ISSUE}hashes/": 1,
    f"{ISSUE}attachments/": 1,          # not listed, so that nothing asks for it but who wants it
}
# Files and symlinks whose first `cat` costs something, when the directory they are in was listed. What is not named here
# costs nothing.
FILES = {
    f"{ORG}members.tsv": 1,
    f"{ORG}teams.tsv": 1,
    f"{ORG}environments.tsv": 1,
    f"{ORG}releases.tsv": 1,
    f"{ORG}issues/<SHORT-ID>@": 2,      # the issue, and the projects on the way to which it points
    f"{ORG}search/<search>/<issue>@": 1,    # the projects, on the way to which it points
    f"{PROJECT}recent/<issue>@": 0,
    f"{PROJECT}by-assignee/<assignee>/<issue>@": 0,
    f"{PROJECT}index.tsv": 2,           # a page of 100 each
    f"{PROJECT}index.jsonl": 2,
    f"{PROJECT}events/<event>.json": 1,
    f"{PROJECT}events/<event>.txt": 1,  # a text costs what its JSON costs, or nothing beside it
    f"{ISSUE}summary.txt": 3,           # details, the latest event, tags
    f"{ISSUE}frames.qf": 1,             # the latest event
    f"{ISSUE}details.json": 1,
    f"{ISSUE}activity.jsonl": 1,        # of the same answer as details.json
    f"{ISSUE}events/<event>.json": 1,
    f"{ISSUE}attachments/<attachment>": 1,
    f"{ISSUE}user-reports.jsonl": 1,    # not listed either
    f"{ISSUE}events/<event>.txt": 1,
    f"{ISSUE}events/latest.json@": 1,   # the event: which one it is, the listing told
    f"{ISSUE}events/oldest.json@": 1,   # the same where all are listed; else which one it is comes with the event
    f"{ISSUE}events/recommended.json@": 1,      # which one it is comes with the event; not listed where more than one is
    f"{ISSUE}events/latest.txt@": 1,
    f"{ISSUE}events/oldest.txt@": 1,
    f"{ISSUE}events/recommended.txt@": 1,
}


def tree_of(mount):
    """The rows of README.md's tree, which the program walks out of its table: directories end in /, symlinks in @."""
    block = (mount.where / "README.md").read_text().split("```")[1]
    rows, above = [], []
    for line in block.strip("\n").splitlines():
        above[(len(line) - len(line.lstrip())) // 2:] = [line.strip()]
        rows.append("".join(above))
    return rows


def test_every_directory_of_the_tree_has_a_budget(mounted):
    tree = tree_of(mounted)
    assert {row for row in tree if row.endswith("/")} == set(DIRECTORIES)
    assert set(FILES) <= set(tree)


def real(mount, row):
    """A path for a row, with all above it listed: WEB-3 has comments, WEB-1 two hashes and 137 events."""
    names = {"<organization>": "acme", "<project>": "web", "<issue>": "WEB-3", "<SHORT-ID>": "WEB-3",
             "<search>": "level:fatal", "<assignee>": "bob@acme.example"}
    listing = next((d for d in ("search/level:fatal", "projects/web/recent", "projects/web/by-assignee/bob@acme.example")
                    if row.replace("<project>", "web").replace("<search>", names["<search>"]).replace(
                        "<assignee>", names["<assignee>"]).startswith(f"{ORG}{d}/<issue>")), None)
    if listing:
        names["<issue>"] = os.listdir(mount.where / "acme" / listing)[0]
    path = ""
    for part in row.rstrip("/@").split("/"):
        where = mount.where / path
        listed = mount.sh(f"ls -a ./{path}").stdout.split("\n")
        if part.startswith("<") and part not in names:
            suffix = part.partition(">")[2]
            part = next(n for n in listed if n.endswith(suffix) and n not in (".", "..") and (where / n).is_file()
                        and not (where / n).is_symlink())
        path = f"{path}/{names.get(part, part)}".lstrip("/")
    return path


@pytest.mark.parametrize("row", DIRECTORIES)
def test_budget_of_a_directory(mounted, sandbox, row):
    path = real(mounted, row)
    sandbox.forget()
    listed = mounted.sh(f"ls {path}")
    assert listed.returncode == 0 and (listed.stdout or row == f"{ORG}issues/" or "by-level" in row)
    assert len(sandbox.requests()) == DIRECTORIES[row], paths(sandbox)
    long = mounted.sh(f"ls -l {path}")
    assert long.returncode == 0 and len(long.stdout.splitlines()) == len(listed.stdout.splitlines()) + 1
    assert len(sandbox.requests()) == DIRECTORIES[row], paths(sandbox)


@pytest.mark.parametrize("row", FILES)
def test_budget_of_a_file(mounted, sandbox, row):
    path = real(mounted, row)
    sandbox.forget()
    done = mounted.sh(f"if [ -d {path} ]; then ls {path}; else cat {path}; fi")
    assert done.returncode == 0 and done.stdout, done.stderr
    assert len(sandbox.requests()) == FILES[row], paths(sandbox)


def test_every_other_file_costs_nothing(mounted, sandbox):
    rows = [row for row in tree_of(mounted) if not row.endswith("/") and row not in FILES]
    assert len(rows) > 40
    for row in rows:
        path = real(mounted, row)
        sandbox.forget()
        done = mounted.sh(f"cat {path}")
        assert (done.returncode, done.stderr) == (0, ""), row
        assert paths(sandbox) == [], row


# command, requests (after `ls` of the project's issues): what rows alone do not say
BUDGET = [
    (f"ls {ISSUES}/WEB-1 {ISSUES}/WEB-2 {ISSUES}/WEB-3", 0),
    (f"ls -l {ISSUES}/WEB-1/hashes", 1),
    (f"cat {ISSUES}/WEB-1/tags/*", 1),
    (f"cat {ISSUES}/WEB-1/details.json {ISSUES}/WEB-1/activity.jsonl", 1),
    (f"cat {ISSUES}/WEB-1/events/latest.json", 1),
    (f"cat {ISSUES}/WEB-1/events/oldest.json", 1),
    (f"cat {ISSUES}/web-1/title", 0),
    (f"stat -c %s {ISSUES}/WEB-3/attachments/*", 1),
    (f"cat {ISSUES}/WEB-3/attachments/* | wc -c", 3),
    (f"cat {ISSUES}/WEB-1/summary.txt {ISSUES}/WEB-1/frames.qf {ISSUES}/WEB-1/events/latest.txt", 3),
    (f"cat {ISSUES}/WEB-1/summary.txt {ISSUES}/WEB-1/details.json {ISSUES}/WEB-1/tags/level", 3),
    (f"cd {ISSUES}/WEB-1 && cat $(sed -n 's/^## Latest event: //p' summary.txt)", 3),
    (f"cd {ISSUES}/WEB-1/events && cat latest.json latest.txt", 1),
    ("cat acme/organization.json acme/projects/web/project.json", 0),
    ("cat acme/issues/WEB-1/title", 0),
    ("cat README.md AGENTS.md .ignore .sentryfs/status .sentryfs/requests .sentryfs/errors", 0),
]


@pytest.mark.parametrize("command,requests", BUDGET, ids=[c for c, _ in BUDGET])
def test_budget(mounted, sandbox, command, requests):
    assert mounted.sh(f"ls {ISSUES}").returncode == 0
    sandbox.forget()
    done = mounted.sh(command)
    assert done.returncode == 0, done.stderr
    assert len(sandbox.requests()) == requests, paths(sandbox)


def test_comments_cost_one(mounted, sandbox):
    some = mounted.sh(f"ls {ISSUES} >/dev/null; cd {ISSUES} && grep -L '\"numComments\": 0' */issue.json").stdout
    sandbox.forget()
    done = mounted.sh(f"cat {ISSUES}/{some.split('/')[0]}/comments/*")
    assert done.returncode == 0 and done.stdout
    assert len(sandbox.requests()) == 1


def test_comments_of_an_issue_without_any(mounted, sandbox):
    quiet = mounted.sh(f"ls {ISSUES} >/dev/null; cd {ISSUES} && grep -l '\"numComments\": 0' */issue.json").stdout
    issue = quiet.split("/")[0]
    sandbox.forget()
    done = mounted.sh(f"ls {ISSUES}/{issue}/comments")
    assert (done.returncode, done.stdout) == (0, "new\nremove\n")
    assert sandbox.requests() == []


@pytest.mark.parametrize("name", [".git", ".hidden", "a b", "HEAD", ".envrc", "x" * 255])
@pytest.mark.parametrize("where", ["", "acme", "acme/issues", "acme/projects/web", ISSUES, f"{ISSUES}/WEB-1",
                                   f"{ISSUES}/WEB-1/events", ".sentryfs"])
def test_names_that_cannot_be(mounted, sandbox, where, name):
    if (where, name) == ("", "HEAD"):
        name = "HEAD~1"  # HEAD could be an organization
    mounted.sh(f"stat {ISSUES}/WEB-1")
    sandbox.forget()
    assert not (mounted.where / where / name).exists()
    assert sandbox.requests() == []


def test_4913_in_an_issue(mounted, sandbox):
    mounted.sh(f"stat {ISSUES}/WEB-1")
    sandbox.forget()
    assert mounted.sh(f"stat {ISSUES}/WEB-1/4913").returncode != 0
    assert sandbox.requests() == []


def test_a_name_over_255_bytes(mounted):
    assert "File name too long" in mounted.sh("stat acme/" + "x" * 256).stderr


def test_short_pages_are_followed(mount):
    with Sandbox("--issues", 300, "--unresolved-only", "--post-filter", 1) as s:
        m = mount(server=s)
        names = m.sh(f"ls {ISSUES}").stdout.split()
        pages = [r for r in s.requests() if r["path"].endswith("/issues/")]
        assert len(pages) == 3, "every page is asked for, though some are empty"
        assert 0 < len(names) < 300 and len(set(names)) == len(names)
        m.unmount()
