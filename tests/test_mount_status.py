# SPDX-License-Identifier: MIT
"""What the mount says of itself, at no cost: .sentryfs/status, extended attributes, signals."""

import errno
import os
import re
import signal
import subprocess

import pytest
from conftest import COMMAND, Sandbox, wait_until

ISSUES = "acme/projects/web/issues"
READ = ("event:read", "org:read", "project:read")


# ---- .sentryfs/status ----

def test_status_of_a_new_mount(mounted, sandbox):
    sandbox.forget()
    s = mounted.status()
    assert s["server"] == sandbox.url and s["mountpoint"] == str(mounted.where)
    assert s["online"] == "yes" and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", s["online_since"])
    assert s["user"].startswith("not asked yet") and s["scopes"] == s["user"]
    assert s["token"] == "from the environment"
    assert int(s["cached_bytes"]) <= int(s["cache_memory"]) == 128 << 20
    assert sandbox.requests() == [], "reading it asks nothing"


def test_status_tells_user_and_scopes_once_they_are_known(mount, sandbox):
    m = mount(token=sandbox.make_token(*READ))
    assert m.sh(f"ls {ISSUES}").returncode == 0
    s = m.status()
    assert s["scopes"] == "event:read org:read project:read"
    assert s["user"] == "jane@acme.example"
    assert s["writes"] == "no, the token lacks event:write"


def test_status_tells_the_rate_limits_that_the_server_told(mount):
    with Sandbox("--rate-limits") as s:
        m = mount(server=s)
        assert not [k for k in m.status() if k.startswith("limit_issue")]
        assert m.sh(f"ls {ISSUES}").returncode == 0
        # the window is over in a second: then it says what there is in each
        assert re.fullmatch(r"(\d of 10 left for \d s|10 in a window)(, \d+ at once)?", m.status()["limit_issue_list"])
        wait_until(lambda: m.status()["limit_issue_list"].startswith("10 in a window"), "the end of the window")
        m.unmount()


def test_status_tells_since_when_the_server_is_away(mount):
    s = Sandbox()
    m = mount("--timeout=2", server=s)
    before = m.status()
    s.stop()
    assert m.sh(f"ls {ISSUES}").returncode != 0
    after = m.status()
    since = re.match(r"no, since (\S+), \d s: ", after["online"])
    assert since and since[1] >= before["online_since"]
    assert "online_since" not in after
    m.unmount()


# ---- extended attributes ----

def attributes(path):
    return {name: os.getxattr(path, name).decode() for name in os.listxattr(path)}


def test_an_issues_attributes_are_its_fields(mounted, sandbox):
    assert mounted.sh(f"ls {ISSUES}").returncode == 0
    issue = mounted.where / ISSUES / "WEB-1"
    sandbox.forget()
    have = attributes(issue)
    assert {"user.sentry." + n for n in ("id", "shortId", "title", "level", "status", "count", "userCount", "firstSeen",
                                         "lastSeen", "permalink", "assignedTo", "priority")} <= set(have)
    for name, value in have.items():
        assert (issue / name.removeprefix("user.sentry.")).read_text() == value + "\n", name
    shown = mounted.sh(f"getfattr -n user.sentry.shortId --only-values {ISSUES}/WEB-1")
    assert (shown.returncode, shown.stdout) == (0, "WEB-1")
    assert sandbox.requests() == []


def test_attributes_follow_a_write(mounted):
    assert mounted.sh(f"echo resolved > {ISSUES}/WEB-7/status").returncode == 0
    assert os.getxattr(mounted.where / ISSUES / "WEB-7", "user.sentry.status") == b"resolved"


@pytest.mark.parametrize("where", ["", "acme", ISSUES, f"{ISSUES}/WEB-1/title", f"{ISSUES}/WEB-1/events"])
def test_nothing_else_has_any(mounted, where):
    assert mounted.sh(f"ls {ISSUES}/WEB-1/").returncode == 0
    path = mounted.where / where
    assert os.listxattr(path) == []
    with pytest.raises(OSError) as e:
        os.getxattr(path, "user.sentry.id")
    assert e.value.errno == errno.ENODATA


@pytest.mark.parametrize("name,said", [("user.sentry.none", "ENODATA"), ("user.sentry.issue.json", "ENODATA"),
                                       ("user.sentry.events", "ENODATA"), ("user.other", "ENODATA"),
                                       ("security.selinux", "ENOTSUP"), ("system.posix_acl_access", "ENOTSUP")])
def test_names_that_are_none(mounted, sandbox, name, said):
    assert mounted.sh(f"ls {ISSUES}").returncode == 0
    sandbox.forget()
    with pytest.raises(OSError) as e:
        os.getxattr(mounted.where / ISSUES / "WEB-1", name)
    assert errno.errorcode[e.value.errno] in (said, "EOPNOTSUPP" if said == "ENOTSUP" else said)
    assert sandbox.requests() == []


def test_a_buffer_that_is_too_small(mounted):
    assert mounted.sh(f"ls {ISSUES}").returncode == 0
    path = str(mounted.where / ISSUES / "WEB-1").encode()
    libc = __import__("ctypes").CDLL(None, use_errno=True)
    assert libc.getxattr(path, b"user.sentry.shortId", None, 0) == len("WEB-1")
    assert libc.getxattr(path, b"user.sentry.shortId", b"    ", 4) == -1
    assert __import__("ctypes").get_errno() == errno.ERANGE


def test_attributes_cannot_be_set(mounted, sandbox):
    assert mounted.sh(f"ls {ISSUES}").returncode == 0
    sandbox.forget()
    for call in (lambda p: os.setxattr(p, "user.sentry.status", b"resolved"),
                 lambda p: os.removexattr(p, "user.sentry.status")):
        with pytest.raises(OSError) as e:
            call(mounted.where / ISSUES / "WEB-1")
        assert e.value.errno == errno.EOPNOTSUPP
    assert sandbox.requests() == []


def test_ls_l_asks_for_an_acl_once(mounted):
    """Of the first file alone: the answer tells ls that there are none here."""
    assert mounted.sh(f"ls -l {ISSUES}").returncode == 0
    trace = mounted.sh(f"strace -f -e trace=getxattr,lgetxattr ls -l {ISSUES} 2>&1 >/dev/null | grep -c xattr")
    assert int(trace.stdout) <= 2, trace.stdout


# ---- signals ----

def test_sighup_reads_the_token_again(mount, sandbox, tmp_path):
    file = tmp_path / "token"
    file.write_text(sandbox.token)
    file.chmod(0o600)
    m = mount(f"--token-file={file}")
    assert m.sh(f"ls {ISSUES}").returncode == 0 and "event:admin" in m.status()["scopes"]
    assert m.status()["token"] == f"from {file}"
    file.write_text(sandbox.make_token(*READ))
    os.kill(m.pid, signal.SIGHUP)
    wait_until(lambda: m.sh(f"ls {ISSUES}").returncode == 0 and m.status()["scopes"] == " ".join(READ), "the new token")
    assert m.sh(f"echo resolved > {ISSUES}/WEB-1/status").returncode != 0


def test_sighup_keeps_the_token_when_the_file_is_not_good(mount, sandbox, tmp_path):
    file = tmp_path / "token"
    file.write_text(sandbox.token)
    file.chmod(0o600)
    m = mount(f"--token-file={file}")
    file.chmod(0o644)
    os.kill(m.pid, signal.SIGHUP)
    errors = m.where / ".sentryfs/errors"
    wait_until(lambda: "the token was not read again" in errors.read_text(), "a line in errors")
    assert f"chmod 600 {file}" in errors.read_text() and sandbox.token not in errors.read_text()
    assert m.sh(f"ls {ISSUES}").returncode == 0


def test_sighup_and_a_token_from_the_environment(mounted, sandbox):
    assert mounted.sh(f"ls {ISSUES}").returncode == 0
    sandbox.forget()
    os.kill(mounted.pid, signal.SIGHUP)
    wait_until(lambda: mounted.sh(f"ls {ISSUES}").returncode == 0 and sandbox.requests(), "a new listing")
    assert (mounted.where / ".sentryfs/errors").read_text() == ""
    assert {r["status"] for r in sandbox.requests()} == {200}


def test_sigusr1_writes_a_state_line(sandbox, tmp_path):
    where = tmp_path / "sentry"
    where.mkdir()
    sandbox.forget()
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "SENTRY_AUTH_TOKEN": sandbox.token,
           **{k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}}
    daemon = subprocess.Popen([*COMMAND, "-f", f"--url={sandbox.url}", where], env=env, stderr=subprocess.PIPE, text=True)
    try:
        wait_until((where / ".sentryfs/status").exists, "the mount")
        assert "online\tyes" in (where / ".sentryfs/status").read_text()
        daemon.send_signal(signal.SIGUSR1)
        line = daemon.stderr.readline()
        told = re.fullmatch(rf"sentryfs: {sandbox.url} on {where}: up \d+ s, online, (\d+) requests, 0 errors, \d+ operations, "
                            r"\d+ bytes cached\n", line)
        assert told and int(told[1]) == len(sandbox.every_request()) > 0
    finally:
        subprocess.run(["fusermount3", "-u", where], check=True)
        assert daemon.wait(20) == 0
        daemon.stderr.close()
