# SPDX-License-Identifier: MIT
"""Every operation ends: bad answers, hung servers, signals, and errors before the background."""

import errno
import os
import resource
import signal
import socket
import statistics
import subprocess
import time

import pytest
from conftest import COMMAND, WRAPPER, Mount, Sandbox, wait_until

ISSUES = "acme/projects/web/issues"
DETAILS = f"{ISSUES}/WEB-1/details.json"
ROUTE = "/issues/WEB-1/$"


def read_errno(path):
    try:
        path.read_bytes()
    except OSError as e:
        return errno.errorcode[e.errno]
    return None


ANSWERS = [
    ({"status": 400, "body": '{"detail":"Invalid"}'}, "EINVAL"),
    ({"status": 401, "body": '{"detail":"Invalid token"}'}, "EACCES"),
    ({"status": 403, "body": '{"detail":"You do not have permission"}'}, "EACCES"),
    ({"status": 404, "body": ""}, "ENOENT"),
    ({"status": 409, "body": '{"detail":"busy"}'}, "EBUSY"),
    ({"status": 410, "body": '{"message":"This API no longer exists."}'}, "ENOTSUP"),
    ({"status": 413, "body": ""}, "EFBIG"),
    ({"status": 500, "body": '{"detail":"Internal Error","errorId":"a1"}'}, "EIO"),
    ({"status": 502, "body": "<html>", "content_type": "text/html"}, "EIO"),
    ({"status": 302, "location": "/elsewhere"}, "EIO"),
    ({"status": 200, "body": "not json"}, "EBADMSG"),
    ({"status": 200, "body": '{"a": '}, "EBADMSG"),
    ({"status": 200, "body": '"text"'}, "EBADMSG"),
    ({"deep": 100000}, "EBADMSG"),
    ({"cut": 40}, "EBADMSG"),
    ({"reset": 40}, "EIO"),
    ({"huge": 40000000}, "EFBIG"),
    ({"bomb": 40000000}, "EFBIG"),
    ({"rate_limit": "object", "headers": {"Retry-After": "3000"}}, "EAGAIN"),
    ({"hang": "before-headers"}, "ETIMEDOUT"),
    ({"hang": "mid-body"}, "ETIMEDOUT"),
]


@pytest.mark.parametrize("answer,name", ANSWERS, ids=[f"{list(a.items())[0]}"[:40] for a, _ in ANSWERS])
def test_each_bad_answer_has_its_errno_and_line(mount, sandbox, answer, name):
    m = mount("--timeout=2")
    assert m.sh(f"ls {ISSUES}").returncode == 0
    sandbox.forget()
    sandbox.faults({"path": ROUTE, **answer})
    assert read_errno(m.where / DETAILS) == name
    assert len(sandbox.requests()) <= 3, "retries are bounded"
    if name not in ("ENOENT", "ETIMEDOUT"):
        assert "issues/WEB-1/" in (m.where / ".sentryfs/errors").read_text()
    assert (m.where / ISSUES / "WEB-1/title").read_text(), "the rest goes on"
    sandbox.faults()
    if name != "ENOENT":
        assert read_errno(m.where / DETAILS) is None, "an error is not kept"


def test_passing_faults_are_tried_again(mounted, sandbox):
    mounted.sh(f"ls {ISSUES}")
    for fault in ({"status": 503, "body": ""}, {"reset": 0}):
        sandbox.forget()
        sandbox.faults({"path": "/events/latest/", "times": 2, **fault})
        issue = "WEB-2" if "reset" in fault else "WEB-3"
        assert read_errno(mounted.where / ISSUES / issue / "events/latest.json") is None
        assert len([r for r in sandbox.requests() if "latest" in r["path"]]) == 3


def test_a_429_is_waited_out(mounted, sandbox):
    mounted.sh(f"ls {ISSUES}")
    sandbox.forget()
    sandbox.faults({"path": ROUTE, "times": 1, "rate_limit": "string", "headers": {"Retry-After": "1"}})
    begin = time.monotonic()
    assert read_errno(mounted.where / DETAILS) is None
    assert time.monotonic() - begin >= 0.9
    assert len(sandbox.requests()) == 2


def test_without_a_descriptor_nothing_is_sent_and_the_server_is_not_away(mounted, sandbox):
    *busy, other, third = listed(mounted, 6)
    sandbox.forget()
    sandbox.faults({"path": "/issues/[^/]+/$", "hang": "before-headers", "times": len(busy)})
    readers = [reader_of(mounted.where / ISSUES / name / "details.json") for name in busy]    # on the connections that are kept
    wait_until(lambda: sandbox.control("GET", "faults")["hanging"] == len(busy), "the requests")
    had = resource.prlimit(mounted.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(mounted.pid, resource.RLIMIT_NOFILE, (len(os.listdir(f"/proc/{mounted.pid}/fd")), had[1]))
    assert read_errno(mounted.where / ISSUES / other / "details.json") == "EMFILE"
    done = mounted.sh(f"rmdir {ISSUES}/{other}")
    assert done.returncode == 1 and "Too many open files" in done.stderr
    assert "raise the limit (ulimit -n)" in (mounted.where / ISSUES / other / "last-error").read_text()
    assert mounted.status()["online"] == "yes" and len(sandbox.requests()) == len(busy)
    resource.prlimit(mounted.pid, resource.RLIMIT_NOFILE, had)
    assert read_errno(mounted.where / ISSUES / third / "details.json") is None
    for reader in readers:
        reader.kill()
        reader.wait()


def test_hostile_names_are_left_out(mounted, sandbox):
    sandbox.faults({"path": "/organizations/acme/projects/$", "status": 200, "body":
                    '[{"slug":"../etc","id":"1"},{"slug":"a/b","id":"2"},{"slug":null,"id":"3"},{"id":4},7,'
                    '{"slug":"..","id":"5"},{"slug":"fine","id":6},{"slug":"fine","id":"7"}]'})
    assert os.listdir(mounted.where / "acme/projects") == ["fine"]
    assert "left out" in (mounted.where / ".sentryfs/errors").read_text()


def reader_of(path, command=("cat",)):
    return subprocess.Popen([*command, path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def listed(mount, most):
    """Issues of the listing: what is not in it was fetched by its name, details and all. No two are neighbours in any
    order, so that nothing of the next one is fetched ahead."""
    return mount.sh(f"ls -U {ISSUES}").stdout.split()[::5][:most]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=lambda n: n.name)
@pytest.mark.parametrize("command,file,route", [("cat", "details.json", "/$"), ("ls", "events", "/events/$"),
                                                ("readlink", "events/recommended.json", "/events/recommended/$")])
def test_ctrl_c_ends_a_reader_of_a_hung_server_in_100_ms(mounted, sandbox, command, file, route, number):
    """The median of several tries, each on an issue of its own, so that one moment of a busy machine does not count."""
    *issues, other = listed(mounted, 8)
    sandbox.forget()
    sandbox.faults({"path": f"/issues/[^/]+{route}", "hang": "before-headers"})
    took = []
    for turn, issue in enumerate(issues, 1):
        reader = reader_of(mounted.where / ISSUES / issue / file, (command,))
        wait_until(lambda: len(sandbox.requests()) == turn, "the request")
        assert (mounted.where / ISSUES / other / "title").read_text(), "other files still answer"
        assert reader.poll() is None
        begin = time.monotonic()
        reader.send_signal(number)
        assert reader.wait(10) == -number
        took.append(time.monotonic() - begin)
    assert statistics.median(took) < 0.1, took


def test_a_hung_first_request_holds_up_no_other(mounted, sandbox):
    sandbox.faults({"path": "/members/$", "hang": "before-headers"})
    reader = reader_of(mounted.where / "acme/members.tsv")
    sandbox.wait_for("/members/")
    assert (mounted.where / "acme/teams.tsv").read_text()
    assert mounted.sh(f"ls {ISSUES} | wc -l").stdout.strip() != "0"
    assert reader.poll() is None
    reader.send_signal(signal.SIGINT)
    assert reader.wait(10) == -signal.SIGINT


def test_interrupts_about_the_time_of_the_answer(mounted, sandbox):
    """Before it, with it and after it: whoever is not interrupted gets the file, and the mount goes on."""
    issues = listed(mounted, 15)
    sandbox.forget()
    sandbox.faults({"path": "/issues/[^/]+/$", "delay_ms": 20})
    for turn, issue in enumerate(issues):
        path, known = mounted.where / ISSUES / issue / "details.json", len(sandbox.requests())
        readers = [reader_of(path) for _ in range(2)]
        wait_until(lambda: len(sandbox.requests()) > known, "the request")
        if turn % 3:
            wait_until(lambda: sandbox.requests()[-1]["status"] is not None, "the answer")
        readers[turn % 2].send_signal(signal.SIGINT)
        assert readers[turn % 2].wait(20) in (-signal.SIGINT, 0)
        assert readers[1 - turn % 2].wait(20) == 0
        assert read_errno(path) is None
    assert len(sandbox.requests()) == len(issues), "an interrupt neither repeats nor loses an answer"


def test_an_alarm_does_not_end_a_reader(mounted, sandbox):
    mounted.sh(f"ls {ISSUES}")
    sandbox.forget()
    sandbox.faults({"path": ROUTE, "delay_ms": 700})
    script = ("import signal,sys\nsignal.signal(signal.SIGALRM, lambda *a: None)\n"
              "signal.setitimer(signal.ITIMER_REAL, 0.1, 0.1)\nprint(len(open(sys.argv[1]).read()))\n"
              "signal.setitimer(signal.ITIMER_REAL, 0)")
    done = subprocess.run(["python3", "-c", script, mounted.where / DETAILS], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0 and int(done.stdout) > 100, done.stderr


def test_fifty_readers_make_one_request(mounted, sandbox):
    mounted.sh(f"ls {ISSUES}")
    sandbox.forget()
    sandbox.faults({"path": ROUTE, "delay_ms": 500})
    readers = [subprocess.Popen(["cat", mounted.where / DETAILS], stdout=subprocess.PIPE) for _ in range(50)]
    texts = {r.communicate(timeout=30)[0] for r in readers}
    assert len(texts) == 1 and all(r.returncode == 0 for r in readers) and len(texts.pop()) > 100
    assert len(sandbox.requests()) == 1


def test_a_killed_server_and_its_return(mount, sandbox):
    s = Sandbox()
    m = mount("--timeout=2", server=s)
    assert m.sh(f"ls {ISSUES}").returncode == 0
    s.stop()
    assert (m.where / ISSUES / "WEB-1/title").read_text()
    assert read_errno(m.where / DETAILS) in ("ECONNREFUSED", "EIO")
    assert m.status()["online"].startswith("no")
    again = Sandbox("--port", s.url.rsplit(":", 1)[1])
    try:
        wait_until(lambda: read_errno(m.where / ISSUES / "WEB-1/events/latest.json") is None, "the server")
        assert m.status()["online"] == "yes"
        m.unmount()
    finally:
        again.stop()


# ---- the start ----

def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def test_start_errors_are_one_sentence_and_not_zero(mount, sandbox, tmp_path):
    cases = [
        (dict(token="wrong"), "refuses the token"),
        (dict(source="nosuch"), "has no organization nosuch"),
        (dict(source="acme/nosuch"), "has no project nosuch"),
        (dict(token="sntrys_eyJpYXQiOjE3MDB9_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ"), "token"),
    ]
    for n, (more, words) in enumerate(cases):
        m = mount(name=f"m{n}", **more)
        assert m.start.returncode == 1, words
        assert words in m.start.stderr and len(m.start.stderr.strip().splitlines()) == 1, m.start.stderr


def test_an_unreachable_host(tmp_path):
    class Nowhere:
        url, token = f"http://127.0.0.1:{free_port()}", "x" * 64
    m = Mount(Nowhere, tmp_path / "m")
    assert m.start.returncode == 1 and "cannot reach" in m.start.stderr


def test_a_missing_mount_point(sandbox, tmp_path):
    done = subprocess.run([*COMMAND, f"--url={sandbox.url}", tmp_path / "none"], capture_output=True, text=True,
                          env={**os.environ, "SENTRY_AUTH_TOKEN": sandbox.token})
    assert done.returncode == 2 and str(tmp_path / "none") in done.stderr


def test_org_and_project_as_the_source(mount):
    org = mount(source="acme")
    assert "projects" in os.listdir(org.where) and "README.md" in os.listdir(org.where)
    project = mount("-o", "max_issues=10", source="acme/web", name="p")
    assert len(os.listdir(project.where / "issues")) == 10
    assert "sentry:127.0.0.1" in open("/proc/self/mounts", encoding="utf-8").read()


@pytest.mark.parametrize("how", ["SIGTERM", "fusermount3", "SIGINT", "SIGQUIT"])
def test_nothing_is_left_behind(mounted, how):
    if how == "fusermount3":
        subprocess.run(["fusermount3", "-u", mounted.where], check=True)
    else:
        os.kill(mounted.pid, getattr(signal, how))
    assert mounted.gone()
    assert str(mounted.where) not in open("/proc/self/mounts", encoding="utf-8").read()
    mounted.pid = None


def test_a_mount_that_ends_under_an_open_file(mounted):
    """Nobody releases it any more; the sanitizers look for what is lost."""
    with open(mounted.where / ISSUES / "WEB-1/issue.json", "rb") as f:
        assert f.read(1) == b"{"
        directory = os.open(mounted.where / ISSUES, os.O_RDONLY)
        os.kill(mounted.pid, signal.SIGTERM)
        assert mounted.gone()
        with pytest.raises(OSError):
            os.listdir(directory)
        os.close(directory)
    mounted.pid = None


def test_sighup_drops_what_is_cached(mounted, sandbox):
    mounted.sh(f"ls {ISSUES}")
    os.kill(mounted.pid, signal.SIGHUP)
    sandbox.forget()
    wait_until(lambda: mounted.sh(f"ls {ISSUES}").returncode == 0 and sandbox.requests(), "a new listing")


@pytest.mark.skipif(bool(WRAPPER), reason="a wrapper's environment is not wiped")
def test_the_token_is_nowhere(mounted, sandbox):
    mounted.sh(f"cat {DETAILS}")
    seen = mounted.sh("cat .sentryfs/* README.md").stdout + open("/proc/self/mounts", encoding="utf-8").read()
    for name in ("cmdline", "environ"):
        seen += open(f"/proc/{mounted.pid}/{name}", "rb").read().decode(errors="replace").replace("\0", "\n")
    assert "server" in seen and sandbox.token not in seen
