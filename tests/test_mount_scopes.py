# SPDX-License-Identifier: MIT
"""What each set of a token's scopes mounts and reads; what it may not says so, and is not called a bad token."""

import errno
import os

import pytest
from conftest import Sandbox

PROJECT = "acme/projects/web"
ISSUES = f"{PROJECT}/issues"
# Paths in the whole tree, with the scope without which each is EACCES.
ORGANIZATION, EVENTS, PROJECTS, MEMBERS = "org:read", "event:read", "project:read", "member:read"
NEEDS = {
    "acme/organization.json": None,
    "acme/teams.tsv": ORGANIZATION,
    "acme/environments.tsv": ORGANIZATION,
    "acme/members.tsv": MEMBERS,
    "acme/releases.tsv": PROJECTS,
    "acme/issues/WEB-1/title": EVENTS,
    f"{PROJECT}/project.json": ORGANIZATION,
    f"{PROJECT}/events": PROJECTS,
    ISSUES: EVENTS,
    f"{ISSUES}/WEB-1/status": EVENTS,
    f"{ISSUES}/WEB-1/details.json": EVENTS,
    f"{ISSUES}/WEB-1/activity.jsonl": EVENTS,
    f"{ISSUES}/WEB-1/tags/browser": EVENTS,
    f"{ISSUES}/WEB-3/comments": EVENTS,
    f"{ISSUES}/WEB-1/events/latest.json": EVENTS,
    f"{ISSUES}/WEB-1/hashes": EVENTS,
}
# With ORG/PROJECT as the source the root is the project: there are no .tsv lists in it.
NEEDS_OF_PROJECT = {path.removeprefix(f"{PROJECT}/"): scope for path, scope in NEEDS.items() if path.startswith(PROJECT)}
NEEDS_OF_PROJECT["project.json"] = None     # the list of projects, or what an issue tells of its project

# scopes, does the list of organizations mount, does ORG/PROJECT
SETS = [
    ((EVENTS,), False, True),
    ((EVENTS, ORGANIZATION), True, True),
    ((EVENTS, PROJECTS), False, True),
    ((EVENTS, MEMBERS), False, True),
    ((EVENTS, ORGANIZATION, PROJECTS), True, True),
    ((EVENTS, ORGANIZATION, MEMBERS), True, True),
    ((EVENTS, ORGANIZATION, PROJECTS, MEMBERS), True, True),
    ((ORGANIZATION,), True, True),
    ((ORGANIZATION, PROJECTS, MEMBERS), True, True),
    (("event:write", ORGANIZATION), True, True),
    (("event:admin", "org:admin", "project:admin", "member:admin"), True, True),
    ((PROJECTS,), False, False),
    ((MEMBERS,), False, False),
    (("org:ci",), False, False),
]


def read(path):
    """0, or the errno of reading a file or a directory."""
    try:
        content = os.listdir(path) if path.is_dir() else path.read_bytes()
        return 0 if content else errno.ENODATA
    except OSError as e:
        return e.errno


def check(mount, needs, scopes):
    """All that the scopes give is there; what they do not is EACCES, with the server's words."""
    families = {scope.split(":")[0] for scope in scopes}
    refused = set()
    for path, scope in needs.items():
        want = 0 if scope is None or scope.split(":")[0] in families else errno.EACCES
        assert read(mount.where / path) == want, (path, scopes)
        if want:
            refused.add(path)
    if refused:
        assert "You do not have permission to perform this action" in (mount.where / ".sentryfs/errors").read_text()
    assert mount.sh("ls -l").returncode == 0, "the rest goes on"


@pytest.mark.parametrize("scopes,whole,project", SETS, ids=[" ".join(s) for s, _, _ in SETS])
def test_what_each_set_of_scopes_mounts(mount, sandbox, scopes, whole, project):
    token = sandbox.make_token(*scopes)
    for n, (source, mounts, needs) in enumerate(((None, whole, NEEDS), ("acme", whole, {
            path.removeprefix("acme/"): scope for path, scope in NEEDS.items()}), (
                "acme/web", project, NEEDS_OF_PROJECT))):
        m = mount(name=f"m{n}", token=token, source=source)
        assert m.start.returncode == (0 if mounts else 1), (source, m.start.stderr)
        if mounts:
            check(m, needs, scopes)
            continue
        said = m.start.stderr
        assert len(said.splitlines()) == 1 and "You do not have permission" in said
        assert "refuses the token" not in said and "make a new one" not in said, "its scopes are few, it is not bad"
        if not source or "/" not in source:
            assert "sentryfs ORG/PROJECT MOUNTPOINT" in said, "what to type is said"


def test_event_read_alone_needs_an_issue(mount):
    """The project's id is known from its issues alone: the message says so when there is none."""
    with Sandbox("--issues", 0) as s:
        m = mount(server=s, token=s.make_token(EVENTS), source="acme/web")
        assert m.start.returncode == 1 and "has no issue that would tell its id" in m.start.stderr
        assert "project:read" in m.start.stderr


def test_event_read_alone_on_no_such_project(mount, sandbox):
    m = mount(token=sandbox.make_token(EVENTS), source="acme/nosuch")
    assert m.start.returncode == 1 and len(m.start.stderr.splitlines()) == 1
