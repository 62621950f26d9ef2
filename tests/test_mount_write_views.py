# SPDX-License-Identifier: MIT
"""A write is seen at once in every view and never undone by what was asked for before it; two writers at once."""

import json
import os
import subprocess
import threading
import time

from conftest import wait_until
from writing import (ISSUES, Issue, asked, attempt, in_threads, issue, put, rotated, sandbox, sent,  # noqa: F401
                     shared, web)

def names(mount):
    return os.listdir(mount.where / ISSUES)


def test_every_view_shows_it_at_once(issue, sandbox):
    assert json.loads(issue.read("details.json"))["status"] == "unresolved"
    assert issue.read("activity.jsonl")
    assert issue.name in names(issue.mount)
    sandbox.forget()
    assert attempt(issue / "status", "resolved in web@1.0.0") is None
    data = issue.json()
    assert (data["status"], data["substatus"], data["statusDetails"]["inRelease"]) == ("resolved", None, "web@1.0.0")
    assert (issue.read("status"), issue.read("substatus")) == ("resolved\n", "\n")
    assert json.loads(issue.read("statusDetails")) == data["statusDetails"]
    alias = issue.mount.where / "acme/issues"
    assert (alias / issue.name / "status").read_text() == "resolved\n"
    assert (alias / issue.name.lower() / "status").read_text() == "resolved\n"
    assert len(asked(sandbox)) == 1, "all that is in hand"
    details = json.loads(issue.read("details.json"))
    assert details["status"] == "resolved" and details["activity"][0]["type"] == "set_resolved_in_release"
    assert json.loads(issue.read("activity.jsonl").splitlines()[0])["type"] == "set_resolved_in_release"
    assert [c[:2] for c in asked(sandbox)[1:]] == [("GET", f"issues/{issue.name}/")], "fetched anew, once"
    assert issue.name not in names(issue.mount)
    assert issue.read("status") == "resolved\n", "the name still resolves"
    assert attempt(issue / "status", "unresolved") is None
    assert issue.name in names(issue.mount)
    assert len(sent(sandbox)) == 2


def test_members_that_a_put_does_not_answer_stay(issue, sandbox):
    before = issue.json()
    assert attempt(issue / "isBookmarked", "1") is None
    after = issue.json()
    assert {k: v for k, v in after.items() if before.get(k) != v} == {"isBookmarked": True}
    assert set(before) <= set(after)


def test_a_write_through_the_organizations_alias(issue, sandbox):
    alias = issue.mount.where / "acme/issues" / issue.name
    assert attempt(alias / "status", "resolved") is None
    assert sent(sandbox) == [put(issue, status="resolved")] and issue.read("status") == "resolved\n"
    assert (alias / "last-error").read_text() == ""


def test_a_write_on_a_cold_mount(mount, shared, sandbox):
    shared.fresh()
    one = Issue(mount(), sandbox, next(shared.supply))
    sandbox.forget()
    assert attempt(one / "status", "resolved") is None
    assert sent(sandbox) == [put(one, status="resolved")] and one.read("status") == "resolved\n"
    assert len(asked(sandbox)) <= 4


def test_another_process_reads_what_was_written(issue, sandbox):
    """A reader that holds the file open too, and one that knows the size from before."""
    reader = subprocess.Popen(["python3", "-uc", """
import os, sys
fd = os.open(sys.argv[1], os.O_RDONLY)
for line in sys.stdin:
    again = open(sys.argv[1]).read()
    print(repr((again, os.stat(sys.argv[1]).st_size)))
""", issue / "status"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        for value in ("resolved", "ignored", "unresolved", "ignored forever", "resolved") * 3:
            assert issue.mount.sh(f"echo {value} > {issue.path}/status").returncode == 0
            reader.stdin.write("now\n")
            reader.stdin.flush()
            word = value.split()[0] + "\n"
            assert reader.stdout.readline() == repr((word, len(word))) + "\n"
    finally:
        reader.stdin.close()
        assert reader.wait(20) == 0


def test_mtime_of_a_flipped_flag(issue):
    before = os.stat(issue / "isPublic").st_mtime
    begin = time.time()
    assert attempt(issue / "isPublic", "1") is None
    assert os.stat(issue / "isPublic").st_mtime >= max(before, begin - 1), "make and rsync see it"


# ---- at the same time ----

def test_two_writers_of_one_issue_come_one_after_the_other(issue, sandbox):
    sandbox.faults({"method": "PUT", "path": issue.route, "delay_ms": 300})
    value = rotated(["low", "high"], issue.read("priority").strip())[0]
    assert in_threads(lambda: attempt(issue / "status", "resolved"), lambda: attempt(issue / "priority", value),
                      lambda: attempt(issue / "isBookmarked", "1")) == [None] * 3
    puts = sorted(sandbox.requests(), key=lambda r: r["t"])
    assert len(puts) == 3
    for one, two in zip(puts, puts[1:]):
        assert two["t"] >= one["t"] + one["ms"] / 1000 - 0.005, "the second waited for the first's answer"
    assert (issue.read("status"), issue.read("priority"), issue.read("isBookmarked")) == (
        "resolved\n", value + "\n", "true\n")


def test_two_writers_of_one_file(issue, sandbox):
    sandbox.faults({"method": "PUT", "path": issue.route, "delay_ms": 100})
    assert in_threads(*[lambda v=v: attempt(issue / "status", v) for v in ("resolved", "ignored")]) == [None, None]
    assert issue.read("status") == issue.server()["status"] + "\n"
    assert len(sent(sandbox)) == 2


def test_writers_of_many_issues_do_not_wait_for_each_other(shared, web, sandbox):
    ten = shared.issues(10)
    sandbox.faults({"method": "PUT", "delay_ms": 700})
    begin = time.monotonic()
    assert in_threads(*[lambda i=i: attempt(i / "status", "resolved") for i in ten]) == [None] * 10
    assert time.monotonic() - begin < 3.5
    assert sorted(map(repr, asked(sandbox))) == sorted(repr(put(i, status="resolved")) for i in ten)


def newest(sandbox, *issues):
    """They are in the first page of a listing."""
    for one in issues:
        sandbox.control("POST", "mutate", {"op": "new_event", "issue": one.name})
    return issues


def test_a_write_is_not_undone_by_a_listing_that_began_before_it(mount, shared, sandbox):
    shared.fresh()
    m = mount("--max-issues=200")
    one, other = newest(sandbox, *(Issue(m, sandbox, next(shared.supply)) for _ in range(2)))
    assert one.read("status") == "unresolved\n"
    sandbox.faults({"method": "GET", "path": "/organizations/acme/issues/$", "late_ms": 800})
    sandbox.forget()
    listing = threading.Thread(target=names, args=(m,))
    listing.start()
    wait_until(lambda: any(r["path"].endswith("/issues/") for r in sandbox.requests()), "the listing's request")
    assert attempt(one / "status", "resolved") is None
    assert attempt(other / "isBookmarked", "1") is None
    assert [r["status"] for r in sandbox.requests() if r["path"].endswith("/issues/")] == [None], "still on its way"
    listing.join(60)
    sandbox.faults()
    assert (one.read("status"), other.read("isBookmarked")) == ("resolved\n", "true\n")
    assert one.json()["status"] == "resolved" and other.json()["isBookmarked"] is True
    seen = names(m)
    assert one.name not in seen and other.name in seen
    assert (one.read("status"), other.read("isBookmarked")) == ("resolved\n", "true\n")
    assert len(sent(sandbox)) == 2


def test_a_write_is_not_undone_by_details_that_were_asked_for_before_it(issue, sandbox):
    sandbox.faults({"method": "GET", "path": issue.route, "late_ms": 700})
    reading = threading.Thread(target=issue.read, args=("details.json",))
    reading.start()
    sandbox.wait_for(f"/{issue.name}/")
    assert attempt(issue / "status", "resolved") is None
    reading.join(60)
    sandbox.faults()
    assert issue.read("status") == "resolved\n"
    assert json.loads(issue.read("details.json"))["status"] == "resolved"
    assert json.loads(issue.read("activity.jsonl").splitlines()[0])["type"] == "set_resolved"


def test_a_server_whose_reads_lag_behind_its_writes(mount, shared, sandbox):
    shared.fresh()
    m = mount()
    one, = newest(sandbox, Issue(m, sandbox, next(shared.supply)))
    assert one.read("status") == "unresolved\n", "by name: nothing is listed yet"
    sandbox.control("POST", "options", {"write_lag_ms": 60000})
    try:
        assert attempt(one / "status", "resolved") is None
        assert one.read("status") == "resolved\n"
        one.read("details.json")
        assert one.read("status") == "resolved\n"
        assert one.name not in names(m), "a page that still has the old state does not bring it back"
        assert (one.read("status"), one.json()["status"]) == ("resolved\n", "resolved")
        assert (m.where / "acme/issues" / one.name / "status").read_text() == "resolved\n"
        assert len(sent(sandbox)) == 1
    finally:
        sandbox.control("POST", "options", {"write_lag_ms": 0})


def test_who_reads_a_file_that_others_open_to_write_never_finds_it_empty(issue):
    """O_TRUNC makes it empty in the kernel, for whoever reads through the page cache."""
    path, done = issue / "status", threading.Event()
    assert attempt(path, "resolved") is None

    def truncate():
        while not done.is_set():
            os.close(os.open(path, os.O_WRONLY | os.O_TRUNC))
    other = threading.Thread(target=truncate)
    other.start()
    try:
        assert {path.read_text() for _ in range(1000)} == {"resolved\n"}
    finally:
        done.set()
        other.join(60)


def test_a_version_does_not_end_where_a_shorter_one_does(issue):
    """Of which the kernel was told while the longer one was read."""
    assert attempt(issue / "assignedTo", "me") is None
    longer = os.open(issue / "issue.json", os.O_RDONLY)
    assert attempt(issue / "assignedTo", "none") is None
    shorter = os.open(issue / "issue.json", os.O_RDONLY)
    subprocess.run(["stat", "--cached=never", issue / "issue.json"], check=True, capture_output=True)
    texts = [os.read(fd, 1 << 16) for fd in (longer, shorter)]
    os.close(longer)
    assert [json.loads(t)["assignedTo"] is None for t in texts] == [False, True]
    assert len(texts[1]) == os.fstat(shorter).st_size < len(texts[0])
    os.close(shorter)
