# SPDX-License-Identifier: MIT
"""Long listings: fetched in parts where the server takes a time for a cursor, in order where it does not."""

import os
import pathlib
import subprocess

import pytest
from conftest import Sandbox, server_of

ISSUES = "acme/projects/web/issues"
# a cursor that was made up: a whole second, no ties
MADE_UP = r"cursor=\d+000(%3A|:)0(%3A|:)0"


long = server_of("--issues", 2500, "--unresolved-only")


def listing(m):
    return os.listdir(m.where / ISSUES)


@pytest.fixture(scope="module")
def in_order(long):
    """The names as pages in order give them: newest first."""
    return long.newest_first("web")


def test_parts_side_by_side_are_the_listing_in_order(mount, long, in_order):
    long.forget()
    long.faults({"path": "/issues/$", "delay_ms": 50})
    m = mount("--max-issues=5000", server=long)
    assert listing(m) == in_order and len(in_order) == 2500
    pages = [r for r in long.requests() if r["path"].endswith("/acme/issues/")]
    assert 25 <= len(pages) <= 50
    at_once = max(sum(p["t"] <= r["t"] < p["t"] + p["ms"] / 1000 for p in pages) for r in pages)
    assert at_once >= 5, "side by side"


@pytest.mark.parametrize("answer", [{"status": 400, "body": '{"detail":"Invalid cursor parameter."}'}])
def test_a_server_that_takes_no_made_up_cursor_is_asked_in_order(mount, long, in_order, answer):
    long.faults({"path": "/acme/issues/$", "query": MADE_UP, **answer}, {"path": "/acme/issues/$", "delay_ms": 5})
    m = mount("--max-issues=5000", server=long)
    assert listing(m) == in_order


def test_issues_that_move_while_it_is_listed_are_neither_lost_nor_twice(mount, long, in_order):
    long.faults({"path": "/acme/issues/$", "delay_ms": 100})
    m = mount("--max-issues=5000", server=long)
    long.forget()
    reader = subprocess.Popen(["ls", "-U", m.where / ISSUES], stdout=subprocess.PIPE, text=True)
    long.wait_for("/acme/issues/")
    long.control("POST", "mutate", [{"op": "new_event", "issue": name} for name in in_order[200::199]])
    names = reader.communicate(timeout=60)[0].split()
    assert reader.returncode == 0 and len(names) == len(set(names))
    assert set(names) == set(in_order)


def pages_of(server, path):
    """Ids as pages in order give them, and how many pages that took."""
    pages = [page.json for page in server.walk(path, per_page=100)]
    return [e["eventID"] for page in pages for e in page], len(pages)


@pytest.mark.parametrize("foretold", [True, False])
def test_pages_of_events_side_by_side(mount, foretold):
    with Sandbox("--issues", 4, "--unresolved-only", "--events", 2000) as s:
        rules = [{"path": "/events/$", "delay_ms": 50}]
        if not foretold:
            rules.insert(0, {"path": "/events/$", "query": r"cursor=0(%3A|:)\d*[1-9](%3A|:)0", "status": 400})
        in_order, n = pages_of(s, "/organizations/acme/issues/WEB-2/events/")
        assert n > 3
        m = mount("--max-events=1000", server=s)
        assert (m.where / ISSUES / "WEB-2").is_dir()
        s.faults(*rules)
        s.forget()
        names = [n for n in os.listdir(m.where / ISSUES / "WEB-2/events") if n[0] in "0123456789abcdef" and len(n) == 37]
        asked = [r for r in s.requests() if r["path"].endswith("/events/")]
        assert names == [f"{i}.json" for i in in_order[:1000]]
        assert len(asked) <= min(n, 10) + 4
        begun = sorted(r["t"] for r in asked)
        assert not foretold or begun[-1] - begun[0] < 0.05 * (len(asked) - 2), "side by side"
        m.unmount()


def test_a_project_that_is_renamed(mount, tmp_path):
    """Under its new name it is as it was; who stands in the old one, and a mount of it alone, go on."""
    with Sandbox("--issues", 60) as server:
        whole, alone = mount(server=server), mount(server=server, name="alone", source="acme/web")
        projects, old = whole.where / "acme/projects", os.open(whole.where / "acme/projects/web/issues", os.O_RDONLY)
        assert os.listdir(old) and os.listdir(alone.where / "issues")
        server.control("POST", "mutate", {"op": "rename_project", "project": "web", "slug": "site"})
        for m in (whole, alone):
            (m.where / ".sentryfs/refresh").write_text("now\n")
        assert sorted(os.listdir(projects)) == ["api", "desktop", "site"]
        name = os.listdir(projects / "site/issues")[0]
        assert name.startswith("SITE-")
        for n, issues in enumerate((projects / "site/issues", pathlib.Path(f"/proc/self/fd/{old}"), alone.where / "issues")):
            assert name in os.listdir(issues)
            assert not (issues / name).is_symlink() and (issues / name / "title").read_text()
            (issues / name / "status").write_text(("ignored\n", "unresolved\n")[n % 2])
            assert (issues / name / "status").read_text() == ("ignored\n", "unresolved\n")[n % 2]
            assert server.control("GET", f"issues/{name}")["status"] == ("ignored", "unresolved")[n % 2]
            server.control("POST", "mutate", {"op": "status", "issue": name, "status": "unresolved"})
            for m in (whole, alone):
                (m.where / ".sentryfs/refresh").write_text("now\n")
        assert os.readlink(whole.where / "acme/issues" / name) == f"../projects/site/issues/{name}"
        os.close(old)
        for m in (whole, alone):
            m.unmount()
