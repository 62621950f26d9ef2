# SPDX-License-Identifier: MIT
"""search/, the ready-made searches, what mkdir keeps, .bulk of a result: names, requests, errors, order."""

import errno
import json
import os
import subprocess
import urllib.parse
import urllib.request

import conftest
import pytest
from conftest import Sandbox, open_to_all, server_of, wait_until
from writing import attempt, error_of

PROJECT = "acme/projects/web"
SEARCH = f"{PROJECT}/search"
LIST = "/api/0/organizations/acme/issues/"


def asked(server):
    """The parameters of every listing of issues that was asked for."""
    return [urllib.parse.parse_qsl(r["query"], keep_blank_values=True) for r in server.requests() if r["path"] == LIST]


def one(server):
    found = asked(server)
    assert len(found) == 1 and len(server.requests()) == 1, server.requests()
    return found[0]


def server_says(server, **params):
    """The short ids that the server lists, in its order."""
    url = f"{server.url}{LIST}?{urllib.parse.urlencode({'limit': 100, **params}, doseq=True)}"
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {server.token}"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return [issue["shortId"] for issue in json.loads(answer.read())]


def walked(mounted, sandbox):
    """The way to the project is known; nothing is in the log."""
    os.listdir(mounted.where / PROJECT)
    sandbox.forget()
    return mounted.where / SEARCH


@pytest.fixture
def search(mounted, sandbox):
    return walked(mounted, sandbox)


# ---- names ----

def test_what_shells_look_for_sends_nothing(search, sandbox):
    for name in (".git", "HEAD", ".envrc", ".svn", "objects", "config", "4913", "CVS", "README.md", "Makefile", "foo=bar",
                 ".is:unresolved", "a\x1b[31m:b", "a\nb:c", "\u202ea:b", b"\xff:\xfe"):
        path = os.path.join(os.fsencode(search), name if isinstance(name, bytes) else os.fsencode(name))
        assert error_of(os.stat, path) == "ENOENT", name
    assert sandbox.requests() == []


def test_a_look_and_a_completion_send_nothing(mounted, search, sandbox):
    for name in ("is:unresolved", "level:error&statsPeriod=24h", "two words", "status=resolved", "a:b" * 85):
        assert (search / name).is_dir()
    done = mounted.sh(f"compgen -f {SEARCH}/is:; cd '{SEARCH}/is:unresolved level:fatal'; ls -d '../is:resolved'; "
                      f"GIT_CEILING_DIRECTORIES={mounted.where / PROJECT} git status 2>/dev/null; ls {mounted.where / SEARCH}")
    assert done.stdout.splitlines()[-1] == "last-error"
    assert sandbox.requests() == []


# name of the directory -> what is asked for beside project, groupStatsPeriod and collapse
NAMES = [
    ("is:resolved", {"query": "is:resolved", "limit": "100"}),
    ("level:error is:unresolved", {"query": "level:error is:unresolved", "limit": "100"}),
    ("url:http:%2F%2Fh%2F", {"query": "url:http://h/", "limit": "100"}),
    ("title:100%25", {"query": "title:100%", "limit": "100"}),
    ('title:"a%26b"', {"query": 'title:"a&b"', "limit": "100"}),
    ("title:%e2%82%ac", {"query": "title:€", "limit": "100"}),
    ("&statsPeriod=14d", {"query": "", "limit": "100", "statsPeriod": "14d"}),
    ("is:unresolved&sort=freq&limit=9", {"query": "is:unresolved", "limit": "9", "sort": "freq"}),
    ("is:unresolved&limit=7", {"query": "is:unresolved", "limit": "7"}),
    ("is:resolved&environment=production", {"query": "is:resolved", "limit": "100", "environment": "production"}),
    ("is:resolved&start=2026-01-01T00:00:00&end=2026-02-01T00:00:00&utc=true",
     {"query": "is:resolved", "limit": "100", "start": "2026-01-01T00:00:00", "end": "2026-02-01T00:00:00",
      "utc": "true"}),
    ("status=resolved", {"query": "is:resolved", "limit": "100"}),
    ("level:error&status=ignored&assignee=me", {"query": "level:error is:ignored assigned:me", "limit": "100"}),
    ("assignee=none&status=unresolved", {"query": "assigned:none is:unresolved", "limit": "100"}),
    ("&assignee=#backend", {"query": "assigned:#backend", "limit": "100"}),
    ("&assignee=team:backend", {"query": "assigned:#backend", "limit": "100"}),
    ('&assignee=a "b', {"query": 'assigned:"a \\"b"', "limit": "100"}),
]


@pytest.mark.parametrize("name,wanted", NAMES, ids=[n for n, _ in NAMES])
def test_what_a_name_asks_for(search, sandbox, name, wanted):
    os.listdir(search / name)
    assert dict(one(sandbox)) == {"project": "4500", "groupStatsPeriod": "", "collapse": "unhandled", **wanted}


def test_all_projects_of_an_organization(mounted, sandbox):
    sandbox.forget()
    names = os.listdir(mounted.where / "acme/search/level:fatal&limit=50")
    assert dict(one(sandbox))["project"] == "-1"
    assert names == server_says(sandbox, query="level:fatal", project=-1, limit=50)
    assert len({n.split("-")[0] for n in names}) == 3
    for name in names:
        link = mounted.where / "acme/search/level:fatal&limit=50" / name
        home = name.rsplit("-", 1)[0].lower()
        assert os.readlink(link) == f"../../projects/{home}/issues/{name}"
        assert (link / "level").read_text() == "fatal\n"


@pytest.mark.parametrize("sort", ["date", "new", "freq", "user"])
def test_the_servers_order(mounted, search, sandbox, sort):
    name = f"is:unresolved&sort={sort}"
    listed = mounted.sh(f"ls -U '{SEARCH}/{name}'").stdout.split()
    project = [p for p in asked(sandbox)[0] if p[0] == "project"][0][1]
    assert len(listed) > 100, "more than a page"
    assert listed[:100] == server_says(sandbox, query="is:unresolved", sort=sort, project=project)


def test_a_result_is_the_issue(search, sandbox):
    names = os.listdir(search / "is:resolved")
    assert "WEB-4" in names and (search / "is:resolved/WEB-4").is_symlink()
    assert os.readlink(search / "is:resolved/WEB-4") == "../../issues/WEB-4"
    assert (search / "is:resolved/WEB-4/status").read_text() == "resolved\n"
    assert {(search / "is:resolved" / n / "status").read_text() for n in names} == {"resolved\n"}
    assert len(sandbox.requests()) == 1


def test_a_result_on_a_cold_mount(search, sandbox):
    assert (search / "is:resolved/WEB-4/status").read_text() == "resolved\n"
    assert len(sandbox.requests()) == 1
    assert error_of(os.lstat, search / "is:resolved/WEB-1") == "ENOENT"
    for name in (".git", "HEAD", "status", "last-error"):
        assert error_of(os.lstat, search / "is:resolved" / name) == "ENOENT"
    assert len(sandbox.requests()) == 1


def test_limits_are_listings_of_their_own(search, sandbox):
    for n in (2, 5, 2, 120):
        assert len(os.listdir(search / f"&limit={n}")) == n
    assert [dict(q)["limit"] for q in asked(sandbox)] == ["2", "5", "120", "120"], "two pages of 100 for the last"


@pytest.mark.parametrize("order", [list, sorted])
def test_results_are_read_ahead(search, sandbox, order):
    """One file of each, as of issues/: from the third step in an order the next ones are on their way."""
    names = order(os.listdir(search / "is:resolved"))
    sandbox.forget()

    def details():
        return {r["path"].split("/")[-2] for r in sandbox.requests()}
    for name in names[:3]:
        assert json.loads((search / "is:resolved" / name / "details.json").read_text())["shortId"] == name
    wait_until(lambda: details() >= set(names[:6]), "the next ones")
    assert details() < set(names)


# ---- errors ----

def listing_error(search, name):
    return error_of(os.listdir, search / name), (search / "last-error").read_text()


BAD = [("is:bogus", 'Invalid value for "is" search'), ("level:", "Empty string after 'level:'"),
       ("is:unresolved&sort=nonsense", "Invalid sort parameter"), ("a:b&statsPeriod=1y", "Invalid statsPeriod"),
       ("a:b&start=2026-01-01", "start and end are both required")]


@pytest.mark.parametrize("name,words", BAD, ids=[n for n, _ in BAD])
def test_what_the_server_refuses(search, sandbox, name, words):
    error, text = listing_error(search, name)
    assert error == "EINVAL" and f"HTTP 400: " in text and words in text and name in text
    assert "accepted  Sentry's search syntax" in text and "next " in text
    assert len(sandbox.requests()) == 1
    os.listdir(search / "is:unresolved")
    assert (search / "last-error").read_text() == ""


REFUSED = [("a:b&foo=1", "there is no such parameter"), ("a:b&project=1", "there is no such parameter"),
           ("a:b&", "after & comes a parameter"), ("a:b&&limit=1", "after & comes a parameter"),
           ("&", "after & comes a parameter"), ("a:b&c", "after & comes a parameter"), ("a:%", "a % is written %25"),
           ("a:%2", "a % is written %25"), ("a:%zz", "a % is written %25"), ("a:%00", "is not text"),
           ("a:%ff", "is not text"), ("a:b&limit=0", "a number from 1"), ("a:b&limit=x", "a number from 1"),
           ("a:b&limit=100001", "a number from 1"), ("a:b&status=a b", "one word"), ("a:b&sort=", "has no value")]


@pytest.mark.parametrize("name,words", REFUSED, ids=[n for n, _ in REFUSED])
def test_what_is_not_sent(search, sandbox, name, words):
    error, text = listing_error(search, name)
    assert error == "EINVAL" and words in text and "not sent" in text
    assert error_of(os.mkdir, search / name) == "EINVAL" and words in (search / "last-error").read_text()
    assert sandbox.requests() == [] and os.listdir(search) == ["last-error"]


def test_an_unknown_environment_and_other_failures(search, sandbox):
    error, text = listing_error(search, "is:unresolved&environment=nowhere")
    assert error == "ENOENT" and "environment" in text
    sandbox.faults({"path": "/issues/$", "status": 403, "json": {"detail": "You do not have permission."}})
    assert listing_error(search, "is:resolved")[0] == "EACCES"
    sandbox.faults({"path": "/issues/$", "status": 500})
    error, text = listing_error(search, "is:ignored")
    assert error == "EIO" and "HTTP 500" in text
    sandbox.faults()
    assert os.listdir(search / "is:unresolved") and (search / "last-error").read_text() == ""


def test_each_directory_of_searches_has_its_own_last_error(mounted, search):
    assert listing_error(search, "is:bogus")[0] == "EINVAL"
    assert (mounted.where / "acme/search/last-error").read_text() == ""
    assert (mounted.where / PROJECT / "issues/.bulk/last-error").read_text() == ""


def test_hostile_terms_are_only_text(search, sandbox):
    for name in ('title:"$(id) `id` ; rm -rf" \'x', "a:b\\c", "a:#?=+;", "a:é🙈", "a:<script>", "message:x*y", "a:b%0Ac",
                 "x:../..".replace("/", "%2F"), "a:b%26project=1"):
        sandbox.forget()
        try:
            os.listdir(search / name)
        except OSError as e:
            assert e.errno == errno.EINVAL and "HTTP 400" in (search / "last-error").read_text(), name
        query = dict(one(sandbox))
        assert query["query"] == urllib.parse.unquote(name) and query["project"] == "4500"


def test_255_bytes(search, sandbox):
    longest, longer = "title:" + "x" * 249, "title:" + "x" * 250
    assert os.listdir(search / longest) == []
    assert dict(one(sandbox))["query"] == longest
    os.mkdir(search / longest)
    assert set(os.listdir(search)) == {"last-error", longest}
    for call in (os.listdir, os.mkdir, os.rmdir, os.stat):
        assert error_of(call, search / longer) == "ENAMETOOLONG"
    assert len(sandbox.requests()) == 1
    # a name may be a third of what its text takes in a URL
    assert os.listdir(search / ("title:" + "é" * 124)) == []


# ---- mkdir and rmdir ----

@pytest.mark.parametrize("name", ["is:unresolved level:fatal", "TypeError", "&statsPeriod=24h"])
def test_mkdir_keeps_and_rmdir_forgets(mounted, search, sandbox, name):
    os.mkdir(search / name)
    assert error_of(os.mkdir, search / name) == "EEXIST"
    assert set(os.listdir(search)) == {"last-error", name}
    assert sandbox.requests() == []
    assert mounted.sh(f"ls '{SEARCH}/{name}'").returncode == 0
    assert len(asked(sandbox)) == 1
    sandbox.forget()
    os.rmdir(search / name)
    assert os.listdir(search) == ["last-error"]
    assert error_of(os.rmdir, search / name) == "ENOENT"
    assert (name == "TypeError") == (error_of(os.stat, search / name) == "ENOENT")
    assert sandbox.requests() == []


def test_mkdir_of_the_shell(mounted, search):
    os.listdir(search / "is:resolved")          # the kernel knows it
    assert mounted.sh(f"cd {SEARCH} && mkdir is:resolved TypeError && mkdir -p is:resolved && ls").stdout.split() == [
        "TypeError", "is:resolved", "last-error"]
    again = mounted.sh(f"cd {SEARCH} && mkdir is:resolved")
    assert again.returncode == 1 and "File exists" in again.stderr
    assert mounted.sh(f"cd {SEARCH} && rmdir is:resolved TypeError && ls").stdout.split() == ["last-error"]


def test_who_stands_in_a_search_that_is_made(mounted, search):
    done = mounted.sh(f"cd {SEARCH}/is:resolved && mkdir ../is:resolved && ls | wc -l && pwd -P && rmdir ../is:resolved")
    assert done.returncode == 0 and int(done.stdout.split()[0]) > 10 and done.stdout.endswith("/search/is:resolved\n")


def test_names_that_mkdir_refuses(mounted, search, sandbox):
    for name in (".hidden", "a\x07b", "a\nb:c", b"\xff\xfe:x"):
        path = os.path.join(os.fsencode(search), name if isinstance(name, bytes) else os.fsencode(name))
        assert error_of(os.mkdir, path) == "EINVAL", name
    assert error_of(os.mkdir, search / "last-error") == "EEXIST"
    for where in ("acme", PROJECT, f"{PROJECT}/issues", f"{PROJECT}/by-status", f"{PROJECT}/by-assignee"):
        assert error_of(os.mkdir, mounted.where / where / "x y") == "EPERM", where
    assert error_of(os.mkdir, search / "is:resolved/x") == "ENOENT", "to mkdir no search is there but those made"
    assert error_of(os.rename, search / "is:resolved", search / "is:ignored") == "EPERM"
    assert [r for r in sandbox.requests() if r["method"] != "GET"] == []


def test_a_thousand_searches_and_no_more(search, sandbox):
    for n in range(1000):
        os.mkdir(search / f"n:{n}")
    assert error_of(os.mkdir, search / "n:1000") == "ENOSPC"
    assert "rmdir forgets one" in (search / "last-error").read_text()
    os.rmdir(search / "n:500")
    os.mkdir(search / "n:1000")
    assert len(os.listdir(search)) == 1001 and sandbox.requests() == []


def test_ro_keeps_nothing_and_searches(mount, sandbox):
    m = mount("-o", "ro")
    where = walked(m, sandbox)
    assert os.stat(where).st_mode & 0o777 == 0o555
    assert error_of(os.mkdir, where / "TypeError") == "EROFS"
    assert error_of(os.rmdir, where / "is:resolved") == "EROFS"
    assert "WEB-4" in os.listdir(where / "is:resolved")


def test_what_was_made_outlives_the_mount(mount, sandbox, tmp_path):
    env = {"XDG_CACHE_HOME": str(tmp_path / "kept")}
    m = mount(env=env)
    names = ["is:unresolved level:fatal", "TypeError", "title:%2F%25é", 'title:"a b"']
    for name in names:
        os.mkdir(m.where / SEARCH / name)
    os.mkdir(m.where / "acme/search" / "is:resolved")
    os.mkdir(m.where / SEARCH / "gone:1")
    os.rmdir(m.where / SEARCH / "gone:1")
    (m.where / ".sentryfs/refresh").write_text("now\n")
    assert set(os.listdir(m.where / SEARCH)) == {"last-error", *names}, "it is not of the server"
    os.kill(m.pid, 9)
    assert m.gone()
    m.unmount()
    m = mount(env=env)
    sandbox.forget()
    assert os.listdir(m.where / "acme/search") == ["last-error", "is:resolved"]
    assert os.listdir(m.where / SEARCH) == ["last-error", *names], "in the order in which they were made"
    assert (m.where / SEARCH / "TypeError").is_dir()
    assert not (m.where / SEARCH / "ValueError").exists()
    for name in names:
        os.rmdir(m.where / SEARCH / name)
    m.unmount()
    m = mount(env=env)
    assert os.listdir(m.where / SEARCH) == ["last-error"]
    # another source has its own
    m = mount(env=env, source="acme/web", name="other")
    assert os.listdir(m.where / "search") == ["last-error"]


def test_without_a_store_it_lives_as_long_as_the_mount(mount):
    m = mount("--cache=memory")
    os.mkdir(m.where / SEARCH / "TypeError")
    (m.where / ".sentryfs/refresh").write_text("now\n")
    assert set(os.listdir(m.where / SEARCH)) == {"last-error", "TypeError"}


def test_two_mounts(mount, sandbox, tmp_path):
    """The second finds the store taken: what is made there is its own, and what is kept is the first's."""
    env = {"XDG_CACHE_HOME": str(tmp_path / "kept")}
    first, second = mount(env=env), mount(env=env, name="second")
    assert "another mount" in second.status()["store"]
    os.mkdir(first.where / SEARCH / "TypeError")
    os.mkdir(second.where / SEARCH / "ValueError")
    assert not (second.where / SEARCH / "TypeError").exists()
    assert os.listdir(second.where / SEARCH) == ["last-error", "ValueError"]
    sandbox.forget()
    results = [os.listdir(m.where / SEARCH / "is:resolved") for m in (first, second)]
    assert results[0] == results[1] and len(asked(sandbox)) == 2
    first.unmount()
    second.unmount()
    assert os.listdir(mount(env=env).where / SEARCH) == ["last-error", "TypeError"]


def test_a_search_of_an_earlier_mount_offline(mount, sandbox, tmp_path):
    env = {"XDG_CACHE_HOME": str(tmp_path / "kept")}
    m = mount(env=env, source="acme/web")
    os.mkdir(m.where / "search/is:resolved")
    seen = os.listdir(m.where / "search/is:resolved")
    m.unmount()
    sandbox.forget()
    m = mount("--offline", env=env, source="acme/web")
    assert m.start.returncode == 0, m.start.stderr
    assert os.listdir(m.where / "search") == ["last-error", "is:resolved"]
    assert os.listdir(m.where / "search/is:resolved") == seen
    assert (m.where / "search/is:resolved" / seen[0] / "status").read_text() == "resolved\n"
    assert error_of(os.listdir, m.where / "search/is:ignored") == "EHOSTUNREACH"
    assert sandbox.requests() == []


# ---- tools ----

def test_tools_on_a_search(mounted, search, sandbox, tmp_path):
    os.mkdir(search / "is:resolved")
    names = set(os.listdir(search / "is:resolved"))
    sandbox.forget()
    found = mounted.sh(f"find {SEARCH} -type l")
    assert (found.returncode, found.stderr) == (0, "") and len(found.stdout.split()) == len(names)
    grep = mounted.sh(f"grep -r . {SEARCH}")
    assert (grep.stdout, grep.stderr) == ("", ""), "symlinks are not followed"
    copy = mounted.sh(f"cp -r {SEARCH} {tmp_path}/copy && ls {tmp_path}/copy/is:resolved && tar cf {tmp_path}/t.tar {SEARCH}")
    assert (copy.returncode, copy.stderr) == (0, "") and set(copy.stdout.split()) == names
    deep = mounted.sh(f"grep -c . {SEARCH}/is:resolved/*/status | grep -vc ':1$'")
    assert deep.stdout.strip() == "0"
    assert sandbox.requests() == []


def test_a_recursive_remover_deletes_nothing(mount, sandbox):
    with Sandbox() as s:
        m = mount(server=s)
        where = walked(m, s)
        os.mkdir(where / "is:resolved")
        names = os.listdir(where / "is:resolved")
        for command in (f"rm -rf {SEARCH}/is:resolved", f"rm -r {SEARCH}/is:ignored", f"find {SEARCH}/is:unresolved -delete",
                        f"python3 -c \"import shutil; shutil.rmtree('{SEARCH}/is:unresolved')\""):
            done = m.sh(command)
            assert done.returncode != 0 and "not permitted" in done.stderr, command
        assert {r["method"] for r in s.requests()} == {"GET"}
        assert os.listdir(where / "is:resolved") == names
        # and the guard neither counts nor stops an rmdir of a search
        assert m.sh(f"cd {SEARCH} && mkdir a:b c:d && rmdir a:b c:d is:resolved && rmdir ../issues/WEB-9").returncode == 0
        assert [r["method"] for r in s.requests() if r["method"] != "GET"] == ["DELETE"]
        m.unmount()


# ---- ready-made searches ----

VIEWS = [("by-status/unresolved", "is:unresolved"), ("by-status/resolved", "is:resolved"),
         ("by-status/ignored", "is:ignored"), ("by-assignee/me", "is:unresolved assigned:me"),
         ("by-assignee/none", "is:unresolved assigned:none"), ("recent", "is:unresolved lastSeen:-24h"),
         ("by-assignee/bob@acme.example", "is:unresolved assigned:bob@acme.example"),
         ("by-assignee/team:backend", "is:unresolved assigned:#backend"),
         ("by-assignee/#backend", "is:unresolved assigned:#backend"),
         *((f"by-level/{level}", f"is:unresolved level:{level}") for level in ("fatal", "error", "warning", "info", "debug"))]


@pytest.mark.parametrize("view,query", VIEWS, ids=[v for v, _ in VIEWS])
def test_a_view_is_a_search(mounted, search, sandbox, view, query):
    where = mounted.where / PROJECT / view
    assert where.is_dir() and sandbox.requests() == []
    names = os.listdir(where)
    assert dict(asked(sandbox)[0])["query"] == query
    assert names[:100] == server_says(sandbox, query=query, project=4500)
    up = "../" * (view.count("/") + 1)
    for name in names[:3]:
        assert os.readlink(where / name) == f"{up}issues/{name}" and (where / name / "title").read_text()


def test_views_cost_nothing_to_look_at(mounted, search, sandbox):
    assert mounted.sh(f"cd {PROJECT} && ls by-status by-level by-assignee . && ls -l by-assignee").returncode == 0
    for name in ("HEAD", ".git", "bob", "4913"):
        assert error_of(os.stat, mounted.where / PROJECT / "by-assignee" / name) == "ENOENT"
    assert os.listdir(mounted.where / PROJECT / "by-assignee") == ["me", "none"], "nothing is in memory"
    assert sandbox.requests() == []


def test_who_has_issues_is_listed(mounted, search, sandbox):
    issues = mounted.where / PROJECT / "issues"
    who = {(issues / n / "assignedTo").read_text().strip() for n in os.listdir(issues)} - {"none"}
    sandbox.forget()
    listed = os.listdir(mounted.where / PROJECT / "by-assignee")
    assert set(listed) == {"me", "none", *who} and len(listed) == len(who) + 2
    assert sandbox.requests() == []
    for name in who:
        for issue in os.listdir(mounted.where / PROJECT / "by-assignee" / name):
            assert (issues / issue / "assignedTo").read_text() == name + "\n"
    assert len(sandbox.requests()) == len(who)


def test_by_status_unresolved_is_the_default_listing(mounted, sandbox):
    names = os.listdir(mounted.where / PROJECT / "issues")
    sandbox.forget()
    assert os.listdir(mounted.where / PROJECT / "by-status/unresolved") == names and sandbox.requests() == []


def test_issues_of_an_organization_are_those_that_were_listed(mounted, sandbox):
    where = mounted.where / "acme/issues"
    sandbox.forget()
    assert os.listdir(where) == [] and sandbox.requests() == []
    web = os.listdir(mounted.where / PROJECT / "issues")
    api = os.listdir(mounted.where / "acme/projects/api/search/level:fatal")
    (where / "WEB-5/title").read_text()         # known by name, listed nowhere
    sandbox.forget()
    listed = os.listdir(where)
    assert set(listed) == {*web, *api} and len(listed) == len(web) + len(api)
    assert os.readlink(where / api[0]) == f"../projects/api/issues/{api[0]}"
    seen = [(where / n / "lastSeen").read_text() for n in listed]
    assert seen == sorted(seen, reverse=True) and sandbox.requests() == []


# ---- .bulk of a result ----

FATAL = f"{PROJECT}/search/is:unresolved level:fatal"


full = server_of("--issues", 600, "--unresolved-only")


@pytest.fixture
def working(mount, full):
    """A mount of a server of its own, since these tests change it."""
    full.faults()
    m = mount(server=full)
    assert m.start.returncode == 0, m.start.stderr
    walked(m, full)
    return m


def puts(server):
    return [(r["path"], urllib.parse.parse_qs(r["query"]), json.loads(r["body"])) for r in server.requests()
            if r["method"] != "GET"]


def test_a_value_for_every_issue_of_a_result(working, full):
    where = working.where / SEARCH / "is:unresolved level:error&limit=900"
    names = os.listdir(where)
    assert 200 < len(names) < 500
    full.forget()
    assert attempt(where / ".bulk/priority", "high\n") is None
    changed = puts(full)
    ids = [i for _, q, _ in changed for i in q["id"]]
    assert all(p == LIST and set(q) == {"id"} and len(q["id"]) <= 100 and b == {"priority": "high"} for p, q, b in changed)
    assert len(ids) == len(set(ids))
    lines = (where / ".bulk/last-error").read_text().splitlines()
    assert lines == [f"{n}\tok" for n in names], "a line for each, in the order of the result"
    assert len(full.requests()) == 2 * len(changed), "and a look at what each request did"
    full.forget()
    assert attempt(where / ".bulk/priority", "high") is None and full.requests() == [], "it is so already"
    assert {(where / n / "priority").read_text() for n in names} == {"high\n"}


def test_what_a_value_changes_leaves_the_result(working, full):
    where = working.where / FATAL
    names = os.listdir(where)
    assert len(names) > 3
    full.forget()
    assert attempt(where / ".bulk/status", "resolved in @latest") is None
    assert {json.dumps(b) for _, _, b in puts(full)} == {
        json.dumps({"status": "resolved", "statusDetails": {"inRelease": "latest"}})}
    assert os.listdir(where) == [] and not set(names) & set(os.listdir(working.where / PROJECT / "by-level/fatal"))
    assert {(working.where / PROJECT / "issues" / n / "status").read_text() for n in names} == {"resolved\n"}
    full.forget()
    assert attempt(where / ".bulk/status", "unresolved") is None and puts(full) == [], "nothing is left to change"


def test_refused_when_more_match_than_are_listed(mount, full):
    m = mount("--max-issues=100", server=full)
    walked(m, full)
    for name in ("is:unresolved", "is:unresolved&limit=20"):
        where = m.where / SEARCH / name
        assert len(os.listdir(where)) in (100, 20)
        assert attempt(where / ".bulk/hasSeen", "1") == ("close", "EFBIG")
        text = (where / ".bulk/last-error").read_text()
        assert "more issues match than are listed" in text and "EFBIG" in text
    assert puts(full) == []


def test_of_an_organization_and_of_a_view(working, full):
    where = working.where / "acme/search/is:unresolved level:warning&limit=900"
    homes = {n.rsplit("-", 1)[0] for n in os.listdir(where)}
    assert len(homes) > 1
    full.forget()
    assert attempt(where / ".bulk/isBookmarked", "1") is None
    assert puts(full) and all(line.endswith("\tok") for line in (where / ".bulk/last-error").read_text().splitlines())
    view = working.where / PROJECT / "by-level/warning"
    full.forget()
    assert attempt(view / ".bulk/isBookmarked", "0") is None
    assert puts(full) and {(view / n / "isBookmarked").read_text() for n in os.listdir(view)} == {"false\n"}


def test_a_value_that_is_none_and_a_search_that_fails(working, full):
    where = working.where / SEARCH / "is:unresolved level:info"
    names = os.listdir(where)
    assert attempt(where / ".bulk/status", "fixed") == ("close", "EINVAL")
    lines = (where / ".bulk/last-error").read_text().splitlines()
    assert len(lines) == len(names) and all("\tEINVAL " in line for line in lines)
    bad = working.where / SEARCH / "is:bogus"
    assert attempt(bad / ".bulk/status", "resolved") == ("close", "EINVAL")
    assert "the search did not succeed" in (bad / ".bulk/last-error").read_text()
    assert puts(full) == []
    assert attempt(working.where / SEARCH / "title:no-such-thing" / ".bulk/status", "resolved") is None and puts(full) == []


def test_never_an_older_copy(working, full):
    """A result that was listed long ago may hold what others have dealt with: it is asked for again."""
    where = working.where / SEARCH / "is:unresolved issue.priority:medium level:warning"
    names = os.listdir(where)
    (working.where / ".sentryfs/refresh").write_text("now\n")
    full.control("POST", "mutate", {"op": "status", "issue": names[0], "status": "resolved"})
    full.forget()
    assert attempt(where / ".bulk/hasSeen", "1") is None
    ids = [i for _, q, _ in puts(full) for i in q["id"]]
    assert len(ids) <= len(names) - 1 and names[0] not in (where / ".bulk/last-error").read_text()
    full.faults({"method": "GET", "path": "/issues/$", "status": 503})
    (working.where / ".sentryfs/refresh").write_text("now\n")
    full.forget()
    assert attempt(where / ".bulk/hasSeen", "0")[0] == "close"
    assert puts(full) == []


# ---- a write of ours ----

def test_an_issue_leaves_every_listing_that_it_no_longer_meets(working, full):
    project = working.where / PROJECT
    os.listdir(project / "issues")              # who `me` is comes with it
    name = next(n for n in os.listdir(project / "by-assignee/none") if n not in ("WEB-1", "WEB-2", "WEB-3"))
    issue = project / "issues" / name
    listed = {"mine": project / "by-assignee/me", "none": project / "by-assignee/none",
              "open": project / "search/is:unresolved&limit=1000", "jane": project / "by-assignee/jane@acme.example",
              "all": project / "search/&limit=1000", "either": project / "search/is:unresolved title:e"}

    def shown():
        return {key for key, path in listed.items() if name in os.listdir(path)}

    assert attempt(issue / "assignedTo", "me") is None
    (working.where / ".sentryfs/refresh").write_text("now\n")
    os.listdir(project / "issues")
    before = shown()
    assert {"mine", "open", "jane", "all"} <= before and "none" not in before
    assert attempt(issue / "assignedTo", "bob@acme.example") is None
    assert shown() == before - {"mine", "jane"}
    assert (project / "by-assignee/me" / name / "assignedTo").read_text() == "bob@acme.example\n", "its name resolves"
    assert attempt(issue / "status", "resolved") is None
    assert shown() == {"all"}


# ---- windows ----

def test_a_window_gives_ids_and_order_only(mounted, search, sandbox):
    issues = mounted.where / PROJECT / "issues"
    os.listdir(issues)
    before = {f: (issues / "WEB-1" / f).read_text() for f in ("count", "userCount", "firstSeen", "lastSeen", "issue.json")}
    assert int(before["count"]) == 137
    sandbox.forget()
    for name in ("is:unresolved&statsPeriod=1h", "is:unresolved&environment=staging",
                 "is:unresolved&start=2020-01-01T00:00:00&end=2040-01-01T00:00:00"):
        assert "WEB-1" in os.listdir(search / name)
        assert {f: (issues / "WEB-1" / f).read_text() for f in before} == before, name
        assert os.stat(issues / "WEB-1").st_size == 137


@pytest.mark.parametrize("name", ["is:resolved&statsPeriod=30d", "is:resolved&environment=staging"])
def test_what_is_not_known_takes_its_lifetime(mount, sandbox, name):
    m = mount()
    search = walked(m, sandbox)
    rows = {n: tuple((search / name / n / f).read_text() for f in ("count", "firstSeen", "lastSeen"))
            for n in os.listdir(search / name)}
    assert len(rows) > 10 and len(sandbox.requests()) == 1
    other = mount(name="other")
    assert "WEB-4" in os.listdir(other.where / SEARCH / "is:resolved")
    for n, row in rows.items():
        issue = other.where / PROJECT / "issues" / n
        assert tuple((issue / f).read_text() for f in ("count", "firstSeen", "lastSeen")) == row, n
        assert os.stat(search / name / n).st_size == int(row[0])


@pytest.mark.parametrize("lifetime", [None, {"count": "5"}, "absent"])
def test_without_a_lifetime_the_rows_are_asked_for_by_their_ids(mount, full, lifetime):
    """As servers of one's own answer that are old."""
    full.faults()
    full.forget()
    os.listdir(mount(server=full).where / SEARCH / "is:unresolved&limit=101&statsPeriod=90d")
    raw = next(r for r in full.requests() if r["path"] == LIST)
    request = urllib.request.Request(f"{full.url}{LIST}?{raw['query']}", headers={"Authorization": f"Bearer {full.token}"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        page = json.loads(answer.read())
    for row in page:
        row.update(count="1", userCount=1, firstSeen=row["lastSeen"])
        if lifetime == "absent":
            del row["lifetime"]
        else:
            row["lifetime"] = lifetime
    full.faults({"path": "/issues/$", "query": "statsPeriod=90d", "json": page, "drop_headers": ["Link"]})
    m = mount(server=full, name="old")
    search = walked(m, full)
    names = os.listdir(search / "is:unresolved&limit=101&statsPeriod=90d")
    assert names == [row["shortId"] for row in page]
    batches = [q for q in asked(full) if any(k == "group" for k, _ in q)]
    assert [v for q in batches for k, v in q if k == "group"] == [row["id"] for row in page]
    assert all(dict(q)["project"] == "4500" and "statsPeriod" not in dict(q) for q in batches)
    assert len(full.requests()) == 2
    full.faults()
    for n in names[:20]:
        real = full.control("GET", f"issues/{n}")
        assert (search.parent / "issues" / n / "count").read_text() == f"{real['count']}\n"
    assert len(full.requests()) == 2


def test_options_of_the_default_listing(mount, sandbox):
    m = mount("--environment=staging,development", "--stats-period=14d", "--query=is:unresolved level:error")
    sandbox.forget()
    names = os.listdir(m.where / PROJECT / "issues")
    query = next(q for q in asked(sandbox))
    assert [v for k, v in query if k == "environment"] == ["staging", "development"]
    assert dict(query)["statsPeriod"] == "14d" and dict(query)["query"] == "is:unresolved level:error"
    assert names[:100] == server_says(sandbox, query="is:unresolved level:error", statsPeriod="14d", project=4500,
                                      environment=["staging", "development"])
    sandbox.forget()
    os.listdir(m.where / PROJECT / "by-status/unresolved")
    assert not {"statsPeriod", "environment"} & set(dict(asked(sandbox)[0])), "of the default listing alone"


# ---- indices ----

def rows_of(where):
    head, columns, *lines = (where / "index.tsv").read_text().splitlines()
    return head, columns.split("\t"), [line.split("\t") for line in lines]


def test_an_index_has_a_line_for_each_issue(mounted, sandbox):
    where = mounted.where / PROJECT
    names = os.listdir(where / "issues")
    sandbox.forget()
    head, columns, rows = rows_of(where)
    assert head.startswith(f"# {len(names)} shown of {len(names)}, fetched 20") and head.endswith("Z")
    assert [r[0] for r in rows] == names and all(len(r) == len(columns) for r in rows)
    first, *lines = map(json.loads, (where / "index.jsonl").read_text().splitlines())
    assert first.keys() == {"shown", "total", "fetched"} and (first["shown"], first["total"]) == (len(names), len(names))
    assert [issue["shortId"] for issue in lines] == names and list(lines[0]) == columns
    for issue, row in zip(lines, rows):
        for field in ("status", "level", "priority", "assignedTo", "count", "userCount", "firstSeen", "lastSeen", "title"):
            text = (where / "issues" / issue["shortId"] / field).read_text().rstrip("\n")
            assert row[columns.index(field)] == text
            if field in ("status", "assignedTo", "count"):
                assert issue[field] == text
    hostile = (where / "index.tsv").read_bytes()
    assert b"\x1b" not in hostile and hostile.count(b"\n") == len(names) + 2
    assert sandbox.requests() == []


@pytest.mark.parametrize("file", ["index.tsv", "index.jsonl"])
def test_a_cold_index_costs_what_the_listing_costs(mounted, search, sandbox, file):
    path = mounted.where / PROJECT / file
    assert os.stat(path).st_size == 4096 and sandbox.requests() == []
    text = path.read_text()
    assert len(asked(sandbox)) == len(sandbox.requests()) == 2
    assert os.stat(path).st_size == len(text.encode())
    os.listdir(mounted.where / PROJECT / "by-status/unresolved")
    assert len(sandbox.requests()) == 2


def test_an_index_says_what_was_cut(mount, full):
    full.faults()
    m = mount("--max-issues=50", server=full)
    m2 = mount("--max-issues=50", server=full, name="unknown")
    assert rows_of(m.where / PROJECT)[0].startswith("# 50 shown of ")
    first = json.loads((m.where / PROJECT / "index.jsonl").open().readline())
    assert first["shown"] == 50 and first["total"] == int(rows_of(m.where / PROJECT)[0].split()[4].rstrip(",")) > 300
    full.faults({"path": "/issues/$", "drop_headers": ["X-Hits"]})
    assert rows_of(m2.where / PROJECT)[0].startswith("# 50 shown, more exist, fetched")
    assert json.loads((m2.where / PROJECT / "index.jsonl").open().readline())["total"] is None
    full.faults()


def test_a_write_is_in_the_index_at_once(working, full):
    where = working.where / PROJECT
    names = os.listdir(where / "issues")
    _, columns, rows = rows_of(where)
    size = os.stat(where / "index.tsv").st_size
    other, gone = names[5], names[6]
    value = "low" if rows[5][columns.index("priority")] != "low" else "medium"
    full.forget()
    assert attempt(where / "issues" / other / "priority", value) is None
    assert attempt(where / "issues" / gone / "status", "resolved") is None
    head, columns, rows = rows_of(where)
    assert rows[5][columns.index("priority")] == value and gone not in [r[0] for r in rows]
    assert head.startswith(f"# {len(names) - 1} shown of {len(names) - 1}")
    assert os.stat(where / "index.tsv").st_size == len((where / "index.tsv").read_bytes()) != size
    assert [r["method"] for r in full.requests()] == ["PUT", "PUT"]


@pytest.mark.parametrize("source,before,projects", [(None, "/*/", "/*/projects/*/"), ("acme", "/", "/projects/*/"),
                                                    ("acme/web", None, "/")])
def test_search_tools_leave_the_links_out(mount, sandbox, source, before, projects):
    m = mount(source=source)
    lines = (m.where / ".ignore").read_text().splitlines()
    links = [f"{projects}{d}/" for d in ("search", "recent", "by-status", "by-level", "by-assignee")]
    anchored = [line for line in lines if line.startswith("/")]
    assert anchored == ["/.sentryfs/", *([f"{before}search/"] if before else []), *links]
    sandbox.forget()
    found = m.sh("rg --files --hidden --no-require-git . | grep -E '/(search|by-[a-z]+|recent)/'")
    assert found.stdout == "" and not [q for q in asked(sandbox) if dict(q)["query"] != "is:unresolved"]


# ---- other users, other kernels ----

def test_an_ordinary_user_keeps_and_forgets(mount, sandbox):
    """The kernel checks the modes: what is made is made in a directory with a w bit, and its entries are not removed."""
    m = mount("-o", "allow_other,default_permissions,uid=65534,gid=65534")
    open_to_all(m.where)
    walked(m, sandbox)
    user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "bash", "-c"]

    def run(command):
        return subprocess.run([*user, f"cd {m.where / SEARCH} && {command}"], capture_output=True, text=True, timeout=60)
    assert run("mkdir is:resolved TypeError && ls").stdout.split() == ["TypeError", "is:resolved", "last-error"]
    assert "WEB-4" in run("ls is:resolved").stdout and run("cat is:resolved/WEB-4/status").stdout == "resolved\n"
    for command in ("rm -rf is:resolved", "rm is:resolved/WEB-4", "touch x", "touch is:resolved/x", "mkdir is:resolved/x",
                    "mv is:resolved a:b"):
        assert run(command).returncode != 0, command
    assert run("rmdir is:resolved TypeError && ls").stdout.split() == ["last-error"]
    stranger = subprocess.run(["setpriv", "--reuid=12345", "--regid=12345", "--clear-groups", "mkdir", m.where / SEARCH / "a:b"],
                              capture_output=True, text=True)
    assert stranger.returncode != 0 and os.listdir(m.where / SEARCH) == ["last-error"]
    assert {r["method"] for r in sandbox.requests()} == {"GET"}


def test_where_system_calls_are_not_shown(mount, sandbox, monkeypatch):
    """As under Yama: then the program mkdir is known by its name, and others keep what no look finds."""
    monkeypatch.setattr(conftest, "COMMAND", ["setpriv", "--bounding-set=-sys_ptrace", *conftest.COMMAND])
    m = mount()
    where = walked(m, sandbox)
    assert error_of(os.mkdir, where / "is:resolved") == "EEXIST", "the kernel thinks so"
    os.mkdir(where / "TypeError")
    assert m.sh(f"cd {SEARCH} && mkdir is:resolved && mkdir -p is:ignored").returncode == 0
    assert os.listdir(where) == ["last-error", "TypeError", "is:resolved", "is:ignored"]
    assert sandbox.requests() == []
