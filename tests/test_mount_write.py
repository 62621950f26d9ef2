# SPDX-License-Identifier: MIT
"""Control files: one write(2) is one command. Their words, the exact requests, and what sends nothing."""

import errno
import os
import subprocess

import pytest
from conftest import DIALECT
from writing import ERROR_WORDS, ISSUES, asked, attempt, issue, put, rotated, sandbox, sent, shared, web  # noqa: F401

SHA = "a" * 40
MET = "archived_until_condition_met"


def until(minutes=None, count=None, window=None, users=None, user_window=None):
    given = {"ignoreDuration": minutes, "ignoreCount": count, "ignoreWindow": window, "ignoreUserCount": users,
             "ignoreUserWindow": user_window}
    return {"status": "ignored", "substatus": MET, "statusDetails": {k: v for k, v in given.items() if v is not None}}


# what is written, the body of the PUT, what status and substatus print afterwards
STATUS = [
    ("resolved", {"status": "resolved"}, "resolved", ""),
    ("  resolved \t\n", {"status": "resolved"}, "resolved", ""),
    ("resolvedInNextRelease", {"status": "resolvedInNextRelease"}, "resolved", ""),
    ("resolved in web@1.2.0", {"status": "resolved", "statusDetails": {"inRelease": "web@1.2.0"}}, "resolved", ""),
    ("resolved in @next", {"status": "resolved", "statusDetails": {"inNextRelease": True}}, "resolved", ""),
    ("resolved in @latest", {"status": "resolved", "statusDetails": {"inRelease": "latest"}}, "resolved", ""),
    (f"resolved in @commit:acme/web@{SHA}", {"status": "resolved", "statusDetails": {"inCommit": {
        "commit": SHA, "repository": "acme/web"}}}, "resolved", ""),
    ("ignored", {"status": "ignored", "substatus": "archived_until_escalating"}, "ignored",
     "archived_until_escalating"),
    ("ignored forever", {"status": "ignored", "substatus": "archived_forever"}, "ignored", "archived_forever"),
    ("ignored for 30m", until(30), "ignored", MET),
    ("ignored for 2h", until(120), "ignored", MET),
    ("ignored for 7d", until(7 * 1440), "ignored", MET),
    ("ignored for 1w", until(7 * 1440), "ignored", MET),
    ("ignored until 100x", until(count=100), "ignored", MET),
    ("ignored until 100x/1h", until(count=100, window=60), "ignored", MET),
    ("ignored until 100x/7d", until(count=100, window=10080), "ignored", MET),
    ("ignored until 10u", until(users=10), "ignored", MET),
    ("ignored until 10u/1d", until(users=10, user_window=1440), "ignored", MET),
]


@pytest.mark.parametrize("value,body,status,substatus", STATUS, ids=[s[0].strip() for s in STATUS])
def test_status(issue, sandbox, value, body, status, substatus):
    assert attempt(issue / "status", value) is None
    assert asked(sandbox) == [put(issue, **body)]
    assert (issue.read("status"), issue.read("substatus")) == (status + "\n", substatus + "\n")
    assert issue.error() == ""
    assert len(asked(sandbox)) == 1, "reading what was written costs nothing"
    have = issue.server()
    assert (have["status"], have["substatus"] or "") == (status, substatus)


def test_unresolved(issue, sandbox):
    assert attempt(issue / "status", "resolved\n") is None
    assert attempt(issue / "status", "unresolved\n") is None
    assert asked(sandbox) == [put(issue, status="resolved"), put(issue, status="unresolved")]
    assert (issue.read("status"), issue.read("substatus")) == ("unresolved\n", "regressed\n")


BAD_STATUS = ["bogus", "RESOLVED", "archived", "muted", "resolve", "resolved x", "resolved in", "resolved in  ",
              "resolved in @commit:acme/web", "resolved in @commit:@" + SHA, "ignored for", "ignored for 5",
              "ignored for 5y", "ignored for -1m", "ignored for 0m", "ignored for m", "ignored for 1.5h",
              "ignored for 99999999999999999999m", "ignored until", "ignored until 5", "ignored until x",
              "ignored until 0x", "ignored until 5x/", "ignored until 5x/0m", "ignored until 100x/8d",
              "ignored until 100x/10081m", "ignored until 10u/2w", "ignored until -5x", "ignored forever more",
              "resolved\nresolved", "{\"status\": \"resolved\"}", " ", "\n", "\t\n", "\0", "\0" * 9, "resolved\0",
              "\0resolved", "x" * 5000, "r\u00e9solved"]


@pytest.mark.parametrize("value", BAD_STATUS, ids=[ascii(v)[:40] for v in BAD_STATUS])
def test_bad_status(issue, sandbox, value):
    before = issue.read("status")
    assert attempt(issue / "status", value) == ("write", "EINVAL")
    assert asked(sandbox) == []
    text = issue.error()
    assert all(word in text for word in (*ERROR_WORDS, "status")), text
    assert issue.read("status") == before == "unresolved\n"


def test_an_archived_issue_changes_its_flavour_in_two_requests(issue, sandbox):
    steps = [("ignored forever", "archived_forever", None), ("ignored", "archived_until_escalating", None),
             ("ignored for 1h", MET, 60), ("ignored forever", "archived_forever", None)]
    for value, substatus, minutes in steps:
        before = issue.read("status")
        sandbox.forget()
        assert attempt(issue / "status", value + "\n") is None
        body = until(minutes) if minutes else {"status": "ignored", "substatus": substatus}
        first = [put(issue, status="unresolved")] if before == "ignored\n" else []
        assert asked(sandbox) == first + [put(issue, **body)]
        assert issue.read("substatus") == issue.server()["substatus"] + "\n" == substatus + "\n"
        assert attempt(issue / "status", value) is None or minutes
        sandbox.forget()
    assert issue.read("status") == "ignored\n"


def test_a_flavour_whose_second_request_fails_says_where_the_issue_is_now(issue, sandbox):
    assert attempt(issue / "status", "ignored forever") is None
    sandbox.faults({"method": "PUT", "path": issue.route, "after": 1, "status": 500, "body": '{"detail":"Internal"}'})
    assert attempt(issue / "status", "ignored for 1h") == ("write", "EIO")
    assert issue.server()["status"] == "unresolved"
    assert issue.read("status") == "unresolved\n"
    assert "500" in issue.error() and "the request before it was done" in issue.error()


# ---- the other controls ----

ASSIGN = [
    ("bob@acme.example", "bob@acme.example", "bob@acme.example"), ("bob", "bob", "bob@acme.example"),
    ("me", "user:1", "jane@acme.example"), ("user:3", "user:3", "mei@acme.example"),
    ("team:backend", "team:11", "team:backend"), ("#backend", "team:11", "team:backend"),
]


@pytest.mark.parametrize("value,body,shown", ASSIGN, ids=[a[0] for a in ASSIGN])
def test_assigned_to(issue, sandbox, value, body, shown):
    assert issue.read("assignedTo") == "none\n"
    assert attempt(issue / "assignedTo", value + "\n") is None
    assert sent(sandbox) == [put(issue, assignedTo=body)]
    assert [r[1] for r in asked(sandbox) if r[0] == "GET"] in ([], [""] if value == "me" else ["teams/"])
    assert issue.read("assignedTo") == shown + "\n"
    sandbox.forget()
    assert attempt(issue / "assignedTo", issue.read("assignedTo")) is None, "what cat prints can be written back"
    assert asked(sandbox) == []


@pytest.mark.parametrize("value", ["none", "none\n", "\n"], ids=ascii)
def test_unassign(issue, sandbox, value):
    assert attempt(issue / "assignedTo", "bob@acme.example") is None
    sandbox.forget()
    assert attempt(issue / "assignedTo", value) is None
    assert asked(sandbox) == [put(issue, assignedTo="")]
    assert issue.read("assignedTo") == "none\n" and issue.server()["assignedTo"] is None
    assert attempt(issue / "assignedTo", value) is None
    assert len(asked(sandbox)) == 1, "nobody is nobody"


@pytest.mark.parametrize("shell", ["bash", "bash -o posix", "dash", "zsh"])
def test_white_space_behind_a_value_is_around_it(issue, sandbox, shell):
    """Which bash writes by the line: an empty one behind a name does not take the issue from it."""
    script = r"""printf 'bob@acme.example\n\n' >"$1/assignedTo" && printf 'resolved  \n\n \n' >"$1/status" &&
                 ! printf 'nobody@nowhere.example\n\n' >"$1/assignedTo" """
    done = subprocess.run([*shell.split(), "-c", script, "sh", issue.path], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert sent(sandbox) == [put(issue, assignedTo="bob@acme.example"), put(issue, status="resolved"),
                             put(issue, assignedTo="nobody@nowhere.example")]
    assert (issue.read("assignedTo"), issue.read("status")) == ("bob@acme.example\n", "resolved\n")
    assert "nobody@nowhere.example" in issue.error()


def test_teams_and_me_are_asked_for_once(shared, web, sandbox):
    for one in shared.issues(3):
        assert attempt(one / "assignedTo", "team:platform") is None
        assert attempt(one / "assignedTo", "me") is None
    reads = [r[1] for r in asked(sandbox) if r[0] == "GET"]
    if DIALECT == "glitchtip":      # whose PUT takes the status of that moment along
        reads = [r for r in reads if not r.startswith("issues/")]
    assert len(reads) <= 2 and len(set(reads)) == len(reads) and set(reads) <= {"", "teams/"}, reads


@pytest.mark.parametrize("value,near", [("bobb@acme.example", "bob@acme.example"), ("mai", "mei"),
                                        ("user:99", "user:99")])
def test_assign_to_nobody_known(issue, sandbox, value, near):
    assert attempt(issue / "assignedTo", value) == ("write", "EINVAL")
    calls = asked(sandbox)
    assert calls[0] == put(issue, assignedTo=value) and len(sent(sandbox)) == 1
    assert [c[1] for c in calls[1:]] in ([], ["members/"]), "members are looked up after the refusal"
    assert "Unknown actor input" in issue.error() and near in issue.error()
    assert issue.read("assignedTo") == "none\n"


@pytest.mark.parametrize("value,words", [("team:native", "access to the project"), ("user:7", "deactivated"),
                                         ("newhire@acme.example", "non-team member")])
def test_the_server_says_why_an_assignee_will_not_do(issue, sandbox, value, words):
    assert attempt(issue / "assignedTo", value) == ("write", "EINVAL")
    assert words in issue.error() and issue.server()["assignedTo"] is None


def test_a_team_that_is_not_there(issue, sandbox):
    for value in ("team:backnd", "#backnd"):
        assert attempt(issue / "assignedTo", value) == ("write", "EINVAL")
        assert "no team" in issue.error() and "teams.tsv" in issue.error()
    assert sent(sandbox) == []


@pytest.mark.parametrize("value", ["\0", "\0\0\n", "team:", "#", "user:", "user:x", "a\nb", "bob\0"], ids=ascii)
def test_bad_assignee(issue, sandbox, value):
    assert attempt(issue / "assignedTo", value) == ("write", "EINVAL")
    assert sent(sandbox) == [] and issue.error()


def test_priority(issue, sandbox):
    for value in rotated(["low", "medium", "high"], issue.read("priority").strip()):
        sandbox.forget()
        assert attempt(issue / "priority", value + "\n") is None
        assert asked(sandbox) == [put(issue, priority=value)]
        assert issue.read("priority") == value + "\n" == issue.server()["priority"] + "\n"
    for value in ("urgent", "HIGH", "\n", "0", "high low"):
        sandbox.forget()
        assert attempt(issue / "priority", value) == ("write", "EINVAL")
        assert asked(sandbox) == []
        assert all(word in issue.error() for word in ("low", "medium", "high"))


FLAGS = ["hasSeen", "isBookmarked", "isSubscribed", "isPublic"]


@pytest.mark.parametrize("flag", FLAGS)
def test_flags(issue, sandbox, flag):
    for value in rotated(["1", "0", "true", "false"], {"true\n": "1", "false\n": "0"}[issue.read(flag)]):
        wanted = value in ("1", "true")
        if issue.read(flag) == ("true\n" if wanted else "false\n"):
            sandbox.forget()
            assert attempt(issue / flag, value) is None and asked(sandbox) == []
            continue
        sandbox.forget()
        assert attempt(issue / flag, value + "\n") is None
        assert asked(sandbox) == [put(issue, **{flag: wanted})]
        assert issue.read(flag) == str(wanted).lower() + "\n"
        assert issue.server()[flag] is wanted and issue.json()[flag] is wanted
    for value in ("yes", "2", "on", "-1", "\n", "01", "\0"):
        sandbox.forget()
        assert attempt(issue / flag, value) == ("write", "EINVAL")
        assert asked(sandbox) == [] and "true" in issue.error() and "false" in issue.error()


def test_what_cat_prints_can_be_written_back(issue, sandbox):
    for name in ("status", "assignedTo", "priority", *FLAGS):
        done = issue.mount.sh(f"cat {issue.path}/{name} > {issue.mount.where}.value && "
                              f"cat {issue.mount.where}.value > {issue.path}/{name}")
        assert done.returncode == 0, (name, done.stderr)
    assert asked(sandbox) == []


def test_an_equal_value_sends_nothing(issue, sandbox):
    for name, value in (("status", "resolved"), ("priority", "low"), ("priority", "high"), ("isBookmarked", "1"),
                        ("assignedTo", "mei@acme.example")):
        assert attempt(issue / name, value) is None
        sandbox.forget()
        assert attempt(issue / name, f" {value}\n") is None
        assert asked(sandbox) == [], name


@pytest.mark.parametrize("value", ["resolved in web@1.2.0", "resolved in @next", "resolvedInNextRelease", "ignored forever",
                                   "ignored", "unresolved"])
def test_an_equal_status_with_details_sends_nothing(issue, sandbox, value):
    assert attempt(issue / "status", value) is None
    sandbox.forget()
    assert attempt(issue / "status", value) is None
    assert asked(sandbox) == []


# ---- each write(2) is one command ----

def test_two_writes_on_one_handle_are_two_commands(issue, sandbox):
    fd = os.open(issue / "status", os.O_WRONLY)
    try:
        assert os.write(fd, b"resolved\n") == 9
        assert os.pwrite(fd, b"ignored\n", 4096) == 8, "whatever its offset"
    finally:
        os.close(fd)
    assert [r[2]["status"] for r in asked(sandbox)] == ["resolved", "ignored"]


def test_a_shorter_value_leaves_no_tail(issue, sandbox):
    assert attempt(issue / "status", "ignored", os.O_WRONLY) is None, "without O_TRUNC"
    assert issue.read("status") == "ignored\n" and os.stat(issue / "status").st_size == 8
    assert attempt(issue / "status", "unresolved\n", os.O_RDWR) is None
    assert issue.read("status") == "unresolved\n" and os.stat(issue / "status").st_size == 11
    assert attempt(issue / "status", "resolved\n", os.O_WRONLY | os.O_APPEND) is None, "`>>`"
    assert issue.read("status") == "resolved\n"
    assert [r[2]["status"] for r in asked(sandbox)] == ["ignored", "unresolved", "resolved"]


NOTHING = [": > {f}", "true > {f}", "touch {f}", "touch -d 2020-01-01 {f}", "touch -c {f}", "truncate -s0 {f}",
           "truncate -s3 {f}", "chmod 644 {f}", "chmod u+w {f}", "chown $(id -u):$(id -g) {f}", "sync {f}",
           "sync -d {f}", "cp /dev/null {f}", "dd if=/dev/null of={f} status=none", "exec 3<>{f}; exec 3>&-",
           "cat < {f} > /dev/null", ": >> {f}", "tee {f} < /dev/null"]


@pytest.mark.parametrize("name", ["status", "assignedTo", "statusDetails", "comments/new", "merge"])
def test_what_sends_nothing(issue, sandbox, name):
    before = issue.read(name)
    for command in NOTHING:
        done = issue.mount.sh(command.format(f=issue / name))
        assert (done.returncode, done.stderr) == (0, ""), command
        assert issue.read(name) == before, command
    with open(issue / name, "rb+", buffering=0) as f:
        os.ftruncate(f.fileno(), 0)
        os.fsync(f.fileno())
        os.fdatasync(f.fileno())
        os.fchmod(f.fileno(), 0o644)
    assert sent(sandbox) == [] and issue.read(name) == before and issue.error() == ""


REFUSED = [("chmod 600 {i}/status", "EPERM"), ("chmod +x {i}/status", "EPERM"), ("chmod 777 {i}", "EPERM"),
           ("chown 12345 {i}/status", "EPERM"), ("ln {i}/status {i}/copy", "EPERM"),
           ("ln {i}/status {i}/status~", "EPERM"), ("ln -s status {i}/copy", "EPERM"), ("mkdir {i}/copy", "EPERM"),
           ("mkdir {i}/comments/copy", "EPERM"), ("mkfifo {i}/copy", "EPERM"), ("mv {i}/status {i}/copy", "EPERM"),
           ("mv {i}/title {i}/status", "EPERM"), ("mv {i}/comments {i}/copy", "EPERM"), ("rm {i}/title", "EPERM"),
           ("rm {i}/status", "EPERM"), ("rm {i}/last-error", "EPERM"), ("rmdir {i}/comments", "EPERM"),
           ("echo x > {i}/title", "EACCES"), ("echo x >> {i}/issue.json", "EACCES"),
           ("echo x > {i}/last-error", "EACCES"),
           ("echo x > {i}/substatus", "EACCES"), ("echo x > {i}/new", "EPERM"), ("echo x > {i}/comments/x.md", "EPERM")]


@pytest.mark.parametrize("command,name", REFUSED, ids=[c for c, _ in REFUSED])
def test_what_is_refused(issue, sandbox, command, name):
    issue.read("status")
    done = issue.mount.sh(command.format(i=issue.path))
    assert done.returncode != 0 and os.strerror(getattr(errno, name)) in done.stderr, done.stderr
    assert sent(sandbox) == []


# ---- what the issue asks for by the letter ----

def test_echo_resolved_is_one_put(issue, sandbox):
    assert issue.mount.sh(f"echo resolved > {issue.path}/status").returncode == 0
    assert issue.mount.sh(f"cat {issue.path}/status").stdout == "resolved\n"
    assert asked(sandbox) == [put(issue, status="resolved")]


def test_tee_on_three_issues_is_three_puts(shared, web, sandbox):
    three = shared.issues(3)
    names = ",".join(i.name for i in three)
    done = web.sh(f"cd {ISSUES} && tee {{{names}}}/status <<< resolved")
    assert (done.returncode, done.stdout, done.stderr) == (0, "resolved\n", "")
    assert asked(sandbox) == [put(i, status="resolved") for i in three]


@pytest.mark.parametrize("writer", ["bash -c 'echo bogus > {f}'", "dash -c 'echo bogus > {f}'",
                                    "python3 -c 'open(\"{f}\", \"wb\", 0).write(b\"bogus\\n\")'",
                                    "python3 -c 'f = open(\"{f}\", \"w\"); f.write(\"bogus\\n\"); f.close()'"])
def test_bogus_fails_in_bash_dash_and_python(issue, sandbox, writer):
    done = issue.mount.sh(writer.format(f=issue / "status"))
    assert done.returncode != 0
    assert ("I/O error" if writer.startswith("dash") else "Invalid argument") in done.stderr    # dash has own words
    assert asked(sandbox) == []
    assert all(word in issue.error() for word in ERROR_WORDS)


MISTYPED = {"assignee": "assignedTo", "state": "status", "Status": "status", "assigned_to": "assignedTo",
            "statuss": "status", "Priority": "priority", "hasseen": "hasSeen"}


@pytest.mark.parametrize("shell", ["bash", "dash"])
@pytest.mark.parametrize("name", MISTYPED)
def test_a_mistyped_name_fails(issue, sandbox, name, shell):
    done = issue.mount.sh(f"{shell} -c 'echo x > {issue.path}/{name}'")
    assert done.returncode != 0 and "Operation not permitted" in done.stderr
    assert asked(sandbox) == [] and not (issue / name).exists()
    assert name in issue.error() and MISTYPED[name] in issue.error()
    assert name not in os.listdir(issue.path)


@pytest.mark.parametrize("command", ["cp {v} {i}/assignee", "cp {v} {i}/comments",
                                     "cp {v} {i}/comments/005-jane.md", "mv {v} {i}/owner",
                                     "mv {v} {i}/comments/", "install -m600 {v} {i}/note",
                                     "bash -c 'set -C; echo x > {i}/state'", "zsh -o noclobber -c 'echo x > {i}/state'",
                                     "python3 -c 'open(\"{i}/Status\", \"x\").write(\"resolved\")'"])
def test_what_is_to_stay_is_not_taken_into_memory(issue, sandbox, tmp_path, command):
    """Nothing would be sent of it, and it would be gone with the mount."""
    value = tmp_path / "msg.md"
    value.write_text("Seen again.\n")
    before = [os.listdir(issue.path), os.listdir(issue / "comments")]
    done = issue.mount.sh(command.format(v=value, i=issue.path))
    assert done.returncode != 0 and "not permitted" in done.stderr, done.stderr
    assert [os.listdir(issue.path), os.listdir(issue / "comments")] == before and value.exists()
    assert sent(sandbox) == []
    assert "did you mean new?" in issue.error() if "comments" in command else "create" in issue.error()
