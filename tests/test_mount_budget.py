# SPDX-License-Identifier: MIT
"""Requests are the currency: what each look at the tree may cost, counted at the server."""

import pytest
from conftest import Sandbox

ISSUES = "acme/projects/web/issues"


@pytest.fixture(scope="module")
def thousand():
    s = Sandbox("--issues", 1000, "--unresolved-only")
    yield s
    s.stop()


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
    thousand.forget()
    for command, lines in ((f"ls -lt {ISSUES} | tail -n +2", 1000), (f"cat {ISSUES}/*/status", 1000),
                           (f"cat {ISSUES}/*/title", 1000), (f"grep -c shortId {ISSUES}/*/issue.json", 1000),
                           (f"find {ISSUES} -maxdepth 2 -name status", 1000),
                           (f"find {ISSUES} -mindepth 1 -maxdepth 1", 1000)):
        done = big.sh(command)
        assert done.returncode == 0 and len(done.stdout.splitlines()) == lines, (command, done.stderr)
    assert big.sh(f"find {ISSUES} -maxdepth 2").returncode == 0
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


# command, requests (after `ls` of the project's issues)
BUDGET = [
    (f"ls {ISSUES}/WEB-1", 0),
    (f"ls -l {ISSUES}/WEB-1", 0),
    (f"cat {ISSUES}/WEB-1/issue.json", 0),
    (f"ls {ISSUES}/WEB-1/events", 1),
    (f"ls {ISSUES}/WEB-1/hashes", 1),
    (f"ls -l {ISSUES}/WEB-1/hashes", 1),
    (f"ls {ISSUES}/WEB-1/tags", 1),
    (f"cat {ISSUES}/WEB-1/tags/*", 1),
    (f"cat {ISSUES}/WEB-1/details.json {ISSUES}/WEB-1/activity.jsonl", 1),
    (f"cat {ISSUES}/WEB-1/events/latest.json", 1),
    (f"cat {ISSUES}/WEB-1/events/oldest.json", 1),
    (f"cat {ISSUES}/web-1/title", 0),
    ("ls acme", 0),
    ("ls acme/projects", 0),
    ("cat acme/organization.json acme/projects/web/project.json", 0),
    ("cat acme/members.tsv", 1),
    ("cat acme/teams.tsv", 1),
    ("cat acme/environments.tsv", 1),
    ("cat acme/releases.tsv", 1),
    ("cat acme/issues/WEB-1/title", 0),
    ("ls acme/projects/web/events", 1),
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
    s = Sandbox("--issues", 300, "--unresolved-only", "--post-filter", 1)
    try:
        m = mount(server=s)
        names = m.sh(f"ls {ISSUES}").stdout.split()
        pages = [r for r in s.requests() if r["path"].endswith("/issues/")]
        assert len(pages) == 3, "every page is asked for, though some are empty"
        assert 0 < len(names) < 300 and len(set(names)) == len(names)
        m.unmount()
    finally:
        s.stop()
