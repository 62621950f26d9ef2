# SPDX-License-Identifier: MIT
"""The commands beside mounting: status, path, resolve-path, doctor, fetch; and sources from a browser's address bar."""

import json
import os
import re
import resource
import shlex
import signal
import subprocess

import pytest
from conftest import COMMAND, PLAIN, PROGRAM, WRAPPER, Sandbox, open_to_all, server_of, wait_until
from terminal import Terminal

ISSUES = "acme/projects/web/issues"


def run(m, *words, cwd=None, wrap=(), **env):
    e = {**m.env, "SENTRY_URL": m.url, **env}
    return subprocess.run([*wrap, *COMMAND, *map(str, words)], env=e, cwd=cwd or m.where, capture_output=True,
                          text=True, timeout=120)


@pytest.fixture
def mounted(mount, sandbox):
    m = mount()
    assert m.start.returncode == 0, m.start.stderr
    m.url = sandbox.url
    return m


def said(done, status, text):
    assert (done.returncode, done.stdout) == (status, ""), done.stderr
    assert text in done.stderr and len(done.stderr.splitlines()) == 1


# ---- which words are commands ----

def test_help_lists_them_and_each_has_its_own(mounted):
    text = run(mounted, "-h").stdout.split("Commands")[1]
    names = re.findall(r"^  sentryfs ([a-z-]+) ", text, re.M)
    assert names == ["status", "doctor", "fetch", "path", "resolve-path"]
    for name in names:
        done = run(mounted, name, "--help")
        assert done.returncode == 0 and done.stdout.startswith(f"Usage: sentryfs {name} ") and done.stderr == ""


@pytest.mark.parametrize("words", [("status", "a", "b"), ("path",), ("fetch",), ("resolve-path", "a", "b"),
                                   ("fetch", "--again"), ("fetch", "a", "b"), ("doctor", "acme", "extra"),
                                   ("doctor", "--bogus")])
def test_wrong_arguments(mounted, words):
    done = run(mounted, *words)
    assert (done.returncode, done.stdout) == (2, "") and len(done.stderr.splitlines()) == 1


def test_an_organization_of_such_a_name_is_reached(mounted, tmp_path):
    """The server has none, and says so: that it was asked is what counts."""
    where = tmp_path / "other"
    where.mkdir()
    said(run(mounted, "--", "status", where), 1, "organization status")
    said(run(mounted, "--ro", "doctor", where), 1, "organization doctor")
    said(run(mounted, f"sentry:{mounted.url.removeprefix('http://')}/fetch", where, f"--url={mounted.url}"), 1,
         "organization fetch")
    helper = tmp_path / "mount.fuse.sentryfs"
    helper.symlink_to(PROGRAM)
    done = subprocess.run([*WRAPPER, helper, "path", where, "-o", "rw,noauto"], env={**mounted.env, "SENTRY_URL": mounted.url},
                          capture_output=True, text=True, timeout=60)
    said(done, 1, "organization path")


def test_no_word_reaches_the_terminal_as_an_order(mounted, tmp_path):
    """An argument may be out of an issue, a variable out of a file that came with a repository."""
    evil, seen = "\033]0;x\a\u009b2J\n\u202e", " ]0;x  2J  "
    said(run(mounted, "resolve-path", evil), 1, f"'{seen}' is not the address of a web page")
    said(run(mounted, "path", "WEB-1", tmp_path / evil), 1, f"{tmp_path}/{seen} is in no mount")
    said(run(mounted, "doctor", "acme", SENTRY_URL=f"http://{evil}"), 2, f"SENTRY_URL: 'http://{seen}' is not accepted")
    said(run(mounted, "acme", tmp_path / evil), 2, f"mount point '{tmp_path}/{seen}' does not exist")
    said(run(mounted, f"--{evil}", tmp_path), 2, f"unknown option --{seen}")


@pytest.mark.parametrize("words", [("--help",), ("--version",), ("status", "."), ("path", "WEB-1")])
def test_what_cannot_be_printed_is_a_failure(mounted, words):
    done = run(mounted, *words, wrap=["bash", "-c", '"$@" > /dev/full', "-"])
    said(done, 1, "sentryfs: cannot write to standard output: No space left on device")


# ---- status ----

def test_status_is_the_file(mounted, sandbox):
    sandbox.forget()
    by_path = run(mounted, "status", mounted.where)
    assert by_path.returncode == 0 and f"mountpoint\t{mounted.where}\n" in by_path.stdout
    inside = run(mounted, "status", mounted.where / ".sentryfs")
    keys = [line.split("\t")[0] for line in (mounted.where / ".sentryfs/status").read_text().splitlines()]
    assert [line.split("\t")[0] for line in inside.stdout.splitlines()] == keys
    assert sandbox.requests() == []


def test_status_of_all(mounted, mount):
    other = mount("--ro", name="my other mount", source="acme/web")
    here = mounted.where.parent
    alone = ["unshare", "-m", "bash", "-c", f"""cd /
        findmnt -rno TARGET -t fuse.sentryfs | while read -r t; do
            t=$(printf %b "$t")
            case $t in {here}/*) ;; *) umount -l "$t" ;; esac
        done
        exec "$@" """, "-"]
    done = run(mounted, "status", cwd="/", wrap=alone)
    newest, older = done.stdout.split("\n\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"mountpoint\t{other.where}\n" in newest and f"mountpoint\t{mounted.where}\n" in older


def test_status_elsewhere(mounted, tmp_path):
    said(run(mounted, "status", tmp_path), 1, f"{tmp_path} is in no mount of sentryfs")


def test_nothing_is_mounted(mounted):
    """In a mount namespace of its own, without any."""
    alone = ["unshare", "-m", "bash", "-c", "cd / && umount -l -a -t fuse.sentryfs && exec \"$@\"", "-"]
    said(run(mounted, "status", cwd="/", wrap=alone), 1, "nothing is mounted")
    said(run(mounted, "path", "WEB-1", cwd="/", wrap=alone), 1, "no mount has issue WEB-1")


def test_a_stale_mount_is_named(mounted):
    os.kill(mounted.pid, signal.SIGKILL)
    assert mounted.gone()
    try:
        said(run(mounted, "status", mounted.where, cwd="/"), 1, f"stale mount: run fusermount3 -u {mounted.where}")
    finally:
        subprocess.run(["fusermount3", "-u", mounted.where], check=True)
        mounted.pid = None


# ---- path, resolve-path ----

@pytest.mark.parametrize("word", ["WEB-2", "web-2", "5000000002"])
def test_path(mounted, word):
    done = run(mounted, "path", word)
    assert (done.returncode, done.stdout) == (0, f"{mounted.where / ISSUES / 'WEB-2'}\n"), done.stderr


def test_path_costs_what_the_look_up_costs(mounted, sandbox):
    mounted.sh(f"ls {ISSUES}")
    sandbox.forget()
    assert run(mounted, "path", "WEB-2").returncode == 0
    assert sandbox.requests() == []


def test_cd_path(mounted):
    done = mounted.sh(f"cd $({shlex.join(COMMAND)} path WEB-2) && cat shortId && pwd")
    assert done.stdout == f"WEB-2\n{mounted.where / ISSUES / 'WEB-2'}\n"


def test_path_prefers_where_one_is(mounted, mount):
    one, org = mount(name="one", source="acme/web"), mount(name="org", source="acme")
    for m, below in ((one, "issues"), (org, "projects/web/issues"), (mounted, ISSUES)):
        for done in (run(mounted, "path", "WEB-3", cwd=m.where), run(mounted, "path", "WEB-3", m.where, cwd="/")):
            assert done.stdout == f"{m.where / below / 'WEB-3'}\n"


def test_path_of_nothing(mounted, tmp_path):
    said(run(mounted, "path", "NOPE-ZZZ", mounted.where), 1, "no mount has issue NOPE-ZZZ")
    said(run(mounted, "path", "a b"), 1, "'a b' is not an issue")
    said(run(mounted, "path", "../../etc"), 1, "is not an issue")
    said(run(mounted, "path", "WEB-1", tmp_path), 1, "is in no mount")


def event_of(m):
    return json.loads((m.where / ISSUES / "WEB-2/events/latest.json").read_text())["eventID"]


def test_path_says_what_it_could_not_ask(mounted, sandbox):
    """An issue that could not be looked up is not one that there is not."""
    sandbox.faults({"path": "", "status": 500})
    for words in (("path", "WEB-9ZZZ"), ("resolve-path", f"{sandbox.url}/organizations/acme/issues/987654321/")):
        done = run(mounted, *words)
        assert (done.returncode, done.stdout) == (1, "")
        assert re.match(r"sentryfs [a-z-]+: issue \S+ could not be looked up: Input/output error; see", done.stderr), done.stderr
    sandbox.faults()
    said(run(mounted, "path", "987654321"), 1, "no mount has issue 987654321")


def test_resolve_path(mounted):
    base = f"{mounted.url}/organizations/acme/issues"
    issue = mounted.where / ISSUES / "WEB-2"
    for url in (f"{base}/5000000002/", f"{base}/5000000002/?project=1&query=x#top", f"{base}/WEB-2",
                f"{mounted.url}/acme/issues/5000000002", (issue / "permalink").read_text().strip()):
        done = run(mounted, "resolve-path", url)
        assert (done.returncode, done.stdout) == (0, f"{issue}\n"), (url, done.stderr)
    event = event_of(mounted)
    done = run(mounted, "resolve-path", f"{base}/5000000002/events/{event}/?project=1")
    assert done.stdout == f"{issue}/events/{event}.json\n"
    assert json.loads(open(done.stdout.strip(), encoding="utf-8").read())["eventID"] == event


def test_resolve_path_of_what_is_not_mounted(mounted):
    said(run(mounted, "resolve-path", "https://acme.sentry.io/issues/5000000002/"), 1, "no mount of sentry.io/acme has")
    said(run(mounted, "resolve-path", f"{mounted.url}/organizations/other/issues/5000000002/"), 1, "no mount of")
    said(run(mounted, "resolve-path", f"{mounted.url}/organizations/acme/issues/?project=1"), 1, "names no issue")
    said(run(mounted, "resolve-path", "WEB-1"), 1, "is not the address of a web page")


# ---- a source from the address bar ----

def project_id(m):
    return json.loads((m.where / "acme/projects/web/project.json").read_text())["id"]


def mount_url(mount, server, page):
    m = mount("--url", server.url, source=server.url + page, name="page")
    assert m.start.returncode == 0, m.start.stderr
    return m


def test_a_page_as_the_source(mounted, mount, sandbox):
    by_id = mount_url(mount, sandbox, f"/organizations/acme/issues/?project={project_id(mounted)}&statsPeriod=14d")
    assert (by_id.where / "project.json").is_file()
    mounts = open("/proc/self/mounts", encoding="utf-8").read()
    host = sandbox.url.removeprefix("http://")
    assert f"sentry:{host}/acme/web {by_id.where} " in mounts, "it is called by its slug"
    assert run(mounted, "path", "WEB-4", by_id.where).stdout == f"{by_id.where}/issues/WEB-4\n"
    by_id.unmount()
    org = mount_url(mount, sandbox, "/organizations/acme/issues/5000000001/")
    assert (org.where / "organization.json").is_file()


def test_a_page_of_another_server_or_project(mounted, tmp_path):
    where = tmp_path / "other"
    where.mkdir()
    page = f"{mounted.url}/organizations/acme/issues/?project=99"
    said(run(mounted, f"--url={mounted.url}", page, where), 1, "organization acme has no project 99")
    # the token is for one server: a page of another one, pasted by whoever was given it, does not get it
    said(run(mounted, f"--url={mounted.url}", "https://acme.sentry.io/issues/", where), 2, "add --url=https://sentry.io")
    said(run(mounted, page, where, SENTRY_URL=""), 2, f"the token is for https://sentry.io: if it is to be sent to the other, add --url={mounted.url}")
    said(run(mounted, "https://jane@sentry.example.com/organizations/acme/", where), 2, "without a user")
    said(run(mounted, "--url=http://sentry.example.com", "https://sentry.example.com/organizations/acme/", where), 2, "in clear text")


# ---- doctor ----

def rows(done):
    return [(line[:5].strip(), line[6:19].strip(), line[19:]) for line in done.stdout.splitlines()]


def test_doctor_finds_all_well(mounted, sandbox):
    sandbox.forget()
    done = run(mounted, "doctor", "acme/web")
    assert done.returncode == 0 and done.stderr == "", done.stdout
    have = rows(done)
    assert {verdict for verdict, *_ in have} == {"ok"}
    assert [what for _, what, _ in have] == ["token", "server", "TLS", "user", "scopes", "writing", "deleting", "source",
                                             "/dev/fuse", "fusermount3", "store"]
    assert len(sandbox.requests()) == 2, "whoami and the projects"
    assert sandbox.token not in done.stdout and not any(r["method"] != "GET" for r in sandbox.requests())


@pytest.mark.parametrize("words,env,what,text", [
    ((), {"SENTRY_AUTH_TOKEN": ""}, "token", "set SENTRY_AUTH_TOKEN"),
    ((), {"SENTRY_AUTH_TOKEN": "sntryu_wrong"}, "token", "make a new one"),
    ((), {"SENTRY_AUTH_TOKEN": "sntrys_organization"}, "token", "cannot read issues"),
    (("acme/nope",), {}, "source", "no project nope"),
    (("--url=http://127.0.0.1:9",), {}, "server", "check the address"),
    (("--token-file=/nonexistent/token",), {}, "token", "does not exist"),
    ((), {"PATH": "/nonexistent"}, "fusermount3", "install the package fuse3"),
    ((), {"XDG_CACHE_HOME": "", "HOME": "/proc"}, "store", "set XDG_CACHE_HOME")])
def test_doctor_says_how_to_mend(mounted, words, env, what, text):
    done = run(mounted, "doctor", *words, **env)
    wrong = [row for row in rows(done) if row[0] in ("FAIL", "note")]
    assert [row[1] for row in wrong] == [what] and text in wrong[0][2], done.stdout
    # root mounts without fusermount3
    assert done.returncode == (0 if what == "fusermount3" and os.getuid() == 0 else 1)


def test_doctor_and_a_file_that_others_read(mounted, tmp_path, sandbox):
    file = tmp_path / "token"
    file.write_text(sandbox.token)
    file.chmod(0o640)
    done = run(mounted, "doctor", f"--token-file={file}")
    assert done.returncode == 1 and f"chmod 600 {file}" in done.stdout
    file.chmod(0o400)
    assert f"in {file}, mode 0400" in run(mounted, "doctor", f"--token-file={file}").stdout


def test_doctor_and_few_scopes(mounted, sandbox):
    read = sandbox.make_token("event:read", "org:read", "project:read")
    done = run(mounted, "doctor", "acme/web", SENTRY_AUTH_TOKEN=read)
    assert done.returncode == 0
    assert ("note", "scopes") in [row[:2] for row in rows(done)] and "no member:read" in done.stdout
    assert "event:write would allow it" in done.stdout and "event:admin would allow it" in done.stdout
    only = sandbox.make_token("event:read")
    done = run(mounted, "doctor", SENTRY_AUTH_TOKEN=only)
    assert done.returncode == 1 and "name a project (ORG/PROJECT)" in done.stdout
    assert run(mounted, "doctor", "acme/web", SENTRY_AUTH_TOKEN=only).returncode == 0
    none = run(mounted, "doctor", "acme/web", SENTRY_AUTH_TOKEN=sandbox.make_token("org:read", "project:read"))
    assert none.returncode == 1 and "no event:read" in none.stdout


@pytest.mark.skipif(not PLAIN, reason="another user cannot read the sanitizers' log")
def test_doctor_as_an_ordinary_user(mounted, tmp_path):
    open_to_all(tmp_path)
    home = tmp_path / "home"
    home.mkdir()
    os.chown(home, 65534, 65534)
    done = run(mounted, "doctor", "--allow-other", "acme", cwd="/", HOME=str(home), XDG_CACHE_HOME="",
               wrap=["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"])
    wrong = set()
    if os.stat("/dev/fuse").st_mode & 0o006 != 0o006:
        wrong.add("/dev/fuse")
    if not re.search("^user_allow_other$", open("/etc/fuse.conf", encoding="utf-8").read(), re.M):
        wrong.add("allow_other")
    assert {what for verdict, what, _ in rows(done) if verdict == "FAIL"} == wrong, done.stdout
    assert done.returncode == bool(wrong)
    assert f"ok    store        {home}/.cache/sentryfs/" in done.stdout


# ---- fetch ----

small = server_of("--issues", 24, "--unresolved-only")


@pytest.fixture
def fetched(mount, small, tmp_path):
    """A mount of a small project whose store outlives it."""
    small.faults()
    small.forget()
    m = mount(server=small, source="acme/web", env={"XDG_CACHE_HOME": str(tmp_path / "cache")})
    assert m.start.returncode == 0, m.start.stderr
    m.url = small.url
    return m


def summary(done):
    return re.search(r"^(\d+) of (\d+) issues \((\d+) of them fetched before\), (\d+) files, (\d+) bytes$", done.stdout,
                     re.M).groups()


def test_a_project_fetched_is_grepped_without_the_server(fetched, small, mount, tmp_path):
    issues = os.listdir(fetched.where / "issues")
    done = run(fetched, "fetch", fetched.where)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    lines = done.stdout.splitlines()
    assert [line.split("\t")[0] for line in lines[:-1]] == issues, "a line for each, in the listing's order"
    assert summary(done)[:3] == (str(len(issues)), str(len(issues)), "0")
    small.forget()
    here = fetched.sh("grep -rl exception issues | LC_ALL=C sort")
    assert here.returncode == 0 and len(here.stdout.splitlines()) > len(issues)
    # under valgrind all that takes longer than what was read is fresh
    assert WRAPPER or small.requests() == []
    fetched.unmount()
    small.forget()
    away = mount("--offline", server=small, source="acme/web", name="away", env={"XDG_CACHE_HOME": str(tmp_path / "cache")})
    there = away.sh("grep -rl exception issues | LC_ALL=C sort")
    assert (there.stderr, there.stdout) == ("", here.stdout)
    assert small.requests() == []


def test_a_search_is_fetched(fetched, small):
    """The issues that it finds, each in its one place; a view of a project that is fetched costs nothing."""
    done = run(fetched, "fetch", fetched.where / "by-level/fatal")
    assert done.returncode == 0, done.stderr
    names = [line.split("\t")[0] for line in done.stdout.splitlines()[:-1]]
    assert names and set(names) == set(os.listdir(fetched.where / "by-level/fatal")) - {".bulk"}
    small.forget()
    whole = run(fetched, "fetch", fetched.where)
    assert whole.returncode == 0 and summary(whole)[2] == str(len(names))
    assert not any("fatal" in r["query"] for r in small.requests())


def test_a_second_fetch_reads_what_is_new_alone(fetched, small, mount, tmp_path):
    first = run(fetched, "fetch", fetched.where / "issues")
    assert first.returncode == 0 and summary(first)[2] == "0"
    fetched.unmount()
    m = mount(server=small, source="acme/web", name="next", env={"XDG_CACHE_HOME": str(tmp_path / "cache")})
    m.url = small.url
    os.listdir(m.where / "issues")
    small.forget()
    again = run(m, "fetch", m.where / "issues")
    assert summary(again)[:4] == (summary(first)[0], summary(first)[1], summary(first)[0], "0")
    assert len(again.stdout.splitlines()) == 1 and (WRAPPER or small.requests() == [])
    anew = run(m, "fetch", "--again", m.where / "issues")
    assert summary(anew)[2] == "0" and len(anew.stdout.splitlines()) > 1


def test_a_store_whose_name_has_a_comma(small, mount, tmp_path):
    m = mount(server=small, source="acme/web", env={"XDG_CACHE_HOME": str(tmp_path / "one, two")})
    m.url = small.url
    assert [summary(run(m, "fetch", m.where / "issues/WEB-1"))[:3] for _ in range(2)] == [("1", "1", "0"), ("1", "1", "1")]


def test_another_store_is_filled_anew(fetched, small, mount, tmp_path):
    issue = fetched.where / "issues/WEB-1"
    assert summary(run(fetched, "fetch", issue))[2] == "0"
    fetched.unmount()
    for file in (tmp_path / "cache/sentryfs").glob("*.db*"):
        file.rename(f"{file}.away")     # its inode stays taken
    m = mount(server=small, source="acme/web", name="next", env={"XDG_CACHE_HOME": str(tmp_path / "cache")})
    m.url = small.url
    assert summary(run(m, "fetch", m.where / "issues/WEB-1"))[2] == "0"


def test_without_a_store_it_says_so(mount, small):
    m = mount("--cache=memory", server=small, source="acme/web")
    m.url = small.url
    done = run(m, "fetch", m.where / "issues/WEB-1")
    assert done.returncode == 0 and "keeps nothing on disk (memory only, by option cache)" in done.stderr


def test_what_a_full_disk_did_not_keep_is_fetched_again(fetched, small, mount, tmp_path):
    issues = os.listdir(fetched.where / "issues")
    assert run(fetched, "fetch", fetched.where / "issues" / issues[0]).returncode == 0
    resource.prlimit(fetched.pid, resource.RLIMIT_FSIZE, (0, 0))
    assert run(fetched, "fetch", fetched.where / "issues" / issues[1]).returncode == 0, "it does not know yet"
    wait_until(lambda: fetched.status()["store"].startswith("memory only"), "the store to fail")
    done = run(fetched, "fetch", fetched.where)
    assert "database or disk is full" in done.stderr or "disk I/O error" in done.stderr
    fetched.unmount()
    m = mount(server=small, source="acme/web", name="next", env={"XDG_CACHE_HOME": str(tmp_path / "cache")})
    m.url = small.url
    done = run(m, "fetch", m.where)
    assert (done.returncode, done.stderr, summary(done)[2]) == (0, "", "0")


def test_a_full_disk_ends_what_is_remembered(fetched, small):
    """While it fetches, too: the exit status says that not all is kept."""
    issues = os.listdir(fetched.where / "issues")
    small.faults({"path": "/tags/", "after": len(issues) // 2, "hang": "before-headers"})
    command = [*COMMAND, "fetch", fetched.where]
    with subprocess.Popen(command, env=fetched.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as p:
        wait_until(lambda: small.control("GET", "faults")["hanging"], "the fetch to wait")
        resource.prlimit(fetched.pid, resource.RLIMIT_FSIZE, (0, 0))
        (fetched.where / "issues" / issues[-1] / "hashes").iterdir()
        wait_until(lambda: fetched.status()["store"].startswith("memory only"), "the store to fail")
        small.faults()
        _, said = p.communicate(timeout=60)
    assert p.returncode == 1 and said.count("keeps nothing on disk") == 1, said


def test_an_error_is_told_and_the_rest_goes_on(fetched, small):
    os.listdir(fetched.where / "issues")
    small.faults({"path": "/tags/", "status": 500})
    done = run(fetched, "fetch", fetched.where / "issues/WEB-1")
    assert done.returncode == 1 and f"{fetched.where}/issues/WEB-1/tags: Input/output error" in done.stderr
    small.faults()
    again = run(fetched, "fetch", fetched.where / "issues/WEB-1")
    assert again.returncode == 0 and summary(again)[2] == "0", "what failed was not remembered"


def test_it_is_no_crawler(mount, small):
    """It asks for all that there is, at the pace of the server's limits: the brake of option crawl is for others."""
    small.faults()
    m = mount("--crawl=20", "--cache=memory", server=small, source="acme/web")
    m.url = small.url
    small.forget()
    done = run(m, "fetch", m.where)
    assert done.returncode == 0 and len(small.requests()) > 40
    assert "option crawl" not in (m.where / ".sentryfs/errors").read_text()
    (m.where / ".sentryfs/refresh").write_text("now\n")
    assert m.sh("cat issues/*/details.json | wc -c").returncode == 0
    assert "cat (pid" in (m.where / ".sentryfs/errors").read_text()


def test_ctrl_c_ends_it_and_the_next_one_goes_on(fetched, small):
    total = len(os.listdir(fetched.where / "issues"))
    small.faults({"path": "/tags/", "delay_ms": 200})
    t = Terminal([*COMMAND, "fetch", str(fetched.where / "issues")], {**fetched.env, "SENTRY_URL": small.url})
    t.expect(rf"\[[#.]{{30}}\] 2/{total} issues, \d+ files, \d+ KiB", 60)
    t.process.send_signal(signal.SIGINT)
    t.expect("stopped; the same command goes on from here", 20)
    status, screen = t.end()
    assert status == 128 + signal.SIGINT, screen
    small.faults()
    done = run(fetched, "fetch", fetched.where / "issues")
    assert done.returncode == 0 and 2 <= int(summary(done)[2]) < total and summary(done)[:2] == (str(total), str(total))


def test_it_is_interrupted_while_it_waits(fetched, small):
    os.listdir(fetched.where / "issues")
    small.faults({"path": "/tags/", "hang": "before-headers"})
    p = subprocess.Popen([*COMMAND, "fetch", fetched.where / "issues/WEB-1"], env=fetched.env,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    small.wait_for("/tags/")
    p.send_signal(signal.SIGINT)
    out, err = p.communicate(timeout=20)
    assert p.returncode == 128 + signal.SIGINT and "goes on from here" in err and "0 of 1 issues" in out


def test_within_the_rate_limit(mount, tmp_path):
    with Sandbox("--issues", 12, "--rate-limits", "--unresolved-only") as s:
        m = mount(server=s, source="acme/web")
        m.url = s.url
        done = run(m, "fetch", m.where / "issues")
        assert done.returncode == 0, done.stderr
        assert {r["status"] for r in s.requests()} == {200}, "nothing was refused"
        m.unmount()


@pytest.mark.parametrize("path,text", [("/", "in no mount"), ("/nonexistent", "No such file")])
def test_fetch_elsewhere(mounted, path, text):
    said(run(mounted, "fetch", path), 1, text)
