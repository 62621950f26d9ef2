# SPDX-License-Identifier: MIT
"""What takes text, gathered and sent at the first close: statusDetails, comments, merge, bulk. Scratch files."""

import errno
import json
import os
import stat

import pytest
from conftest import PATIENCE, wait_until
from writing import (ISSUES, Issue, asked, attempt, error_of, in_threads, issue, listed, put, sandbox,  # noqa: F401
                     sent, shared, web)

BOB, ROBOT = "sntryu_" + "04" * 32, "sntryi_" + "03" * 32


def post(one, text):
    return "POST", f"issues/{one.name}/comments/", {"text": text, "data": {"text": text}}


def texts(one):
    """The comments that the server has, oldest first."""
    notes = [a for a in one.server()["activity"] if a["type"] == "note"]
    return [n["data"]["text"] for n in notes][::-1]


def note_ids(one):
    return [a["id"] for a in one.server()["activity"] if a["type"] == "note"][::-1]


# ---- O_APPEND ----

def test_appended_pieces_stay_together_when_somebody_looks(issue, sandbox):
    """The kernel takes the offset of an appended piece from the file's size, which a stat sets back."""
    fd = os.open(issue / "comments/new", os.O_WRONLY | os.O_APPEND)
    for piece in (b"one\n", b"two\n", b"three\n"):
        assert os.write(fd, piece) == len(piece)
        assert os.stat(issue / "comments/new").st_size == 0
    os.close(fd)
    assert asked(sandbox) == [post(issue, "one\ntwo\nthree")]


# ---- scratch files of one name ----

def test_a_new_scratch_file_of_an_old_name_is_another_file(issue, sandbox):
    where = issue / "status~"
    old = os.open(where, os.O_RDWR | os.O_CREAT | os.O_EXCL)
    assert os.write(old, b"old") == 3
    os.unlink(where)
    new = os.open(where, os.O_RDWR | os.O_CREAT | os.O_EXCL)
    assert os.write(new, b"new one") == 7 and os.write(old, b"er") == 2
    assert os.pread(new, 99, 0) == b"new one" and os.pread(old, 99, 0) == b"older"
    os.close(old)
    os.close(new)
    os.unlink(where)
    assert asked(sandbox) == []


# ---- statusDetails ----

def test_status_details(issue, sandbox):
    assert attempt(issue / "status", "resolved") is None
    sandbox.forget()
    assert attempt(issue / "statusDetails", '{"inRelease": "web@1.1.0"}\n') is None
    assert asked(sandbox) == [put(issue, status="resolved", statusDetails={"inRelease": "web@1.1.0"})]
    assert json.loads(issue.read("statusDetails"))["inRelease"] == "web@1.1.0"
    assert issue.json()["statusDetails"]["inRelease"] == "web@1.1.0"
    assert len(asked(sandbox)) == 1 and issue.read("status") == "resolved\n"


@pytest.mark.parametrize("status", ["resolved in web@1.0.0", "resolved in @next", "ignored until 100x/1h",
                                    "ignored for 30m",
                                    "resolved", "unresolved"])
def test_status_details_as_read_can_be_written_back(issue, sandbox, tmp_path, status):
    assert attempt(issue / "status", status) is None
    sandbox.forget()
    before = issue.server()
    text = issue.read("statusDetails")
    assert ("actor" in json.loads(text)) == (status != "unresolved")
    assert attempt(issue / "statusDetails", text) is None
    assert asked(sandbox) == [] and issue.server() == before


def test_members_that_only_the_server_sets_are_dropped(issue, sandbox):
    assert attempt(issue / "status", "ignored until 100x") is None
    sandbox.forget()
    data = json.loads(issue.read("statusDetails"))
    data["ignoreCount"] = 200
    data.update(autoResolved=True, pendingEvents=5, info=None)
    assert attempt(issue / "statusDetails", json.dumps(data, indent=2)) is None
    (method, path, body), = sent(sandbox)[-1:]
    assert (method, path, body["status"]) == ("PUT", f"issues/{issue.name}/", "ignored")
    given = {k: v for k, v in body["statusDetails"].items() if v is not None}
    assert given == {"ignoreCount": 200}
    assert json.loads(issue.read("statusDetails"))["ignoreCount"] == 200
    assert issue.server()["statusDetails"]["ignoreCount"] == 200


BAD_DETAILS = ["{", "[]", '"text"', "7", "null", "resolved", '{"bogus": 1}', '{"inRelease": "web@1.0.0", "odd": 2}',
               '{"inRelease": "web@1.0.0"} x', "\n", "\0\0", '{"ignoreCount": 1, "ignoreWindow": 10081}', "[" * 2000,
               "{\"a\":" * 1000]


@pytest.mark.parametrize("text", BAD_DETAILS, ids=[ascii(t)[:30] for t in BAD_DETAILS])
def test_bad_status_details(issue, sandbox, text):
    before = issue.read("statusDetails")
    assert attempt(issue / "statusDetails", text) == ("close", "EINVAL")
    assert sent(sandbox) == [] and "statusDetails" in issue.error()
    assert issue.read("statusDetails") == before


def test_status_details_do_not_resolve_what_others_reopened(issue, sandbox):
    """What is written has the status with it. The row cannot be believed here, as when it is old."""
    assert attempt(issue / "status", "resolved") is None
    sandbox.faults({"path": issue.route, "drop": True})
    assert attempt(issue / "status", "unresolved") == ("write", "EIO") and "not known" in issue.error()
    sandbox.faults()
    assert sandbox.put(f"/organizations/acme/issues/{issue.id}/", {"status": "unresolved"}).status == 200
    sandbox.forget()
    assert attempt(issue / "statusDetails", '{"inRelease": "web@1.2.0"}') == ("close", "EINVAL")
    assert asked(sandbox)[0] == ("GET", f"issues/{issue.name}/", None) and "not resolved" in issue.error()
    assert issue.server()["status"] == "unresolved" and not [r for r in sent(sandbox) if "statusDetails" in r[2]]


def test_the_servers_word_on_status_details(issue, sandbox):
    assert attempt(issue / "status", "resolved") is None
    assert attempt(issue / "statusDetails", '{"inRelease": "9.9"}') == ("close", "EINVAL")
    assert "Unable to find a release" in issue.error() and "400" in issue.error()
    assert len(sent(sandbox)) == 2


# ---- comments ----

def test_a_new_comment(issue, sandbox):
    where = issue / "comments"
    assert os.listdir(where) == sorted(["new", "remove"]) or sorted(os.listdir(where)) == ["new", "remove"]
    assert issue.mount.sh(f"echo 'hello, world' > {where}/new").returncode == 0
    assert sent(sandbox) == [post(issue, "hello, world")]
    assert sorted(os.listdir(where)) == ["001-jane.md", "new", "remove"]
    assert issue.read("comments/001-jane.md") == "hello, world\n"
    assert (where / "new").read_text() == "" == (where / "remove").read_text()
    assert (where / "new").stat().st_size == 0 and issue.error() == ""
    assert texts(issue) == ["hello, world"]
    note = json.loads(issue.read("activity.jsonl").splitlines()[0])
    assert (note["type"], note["data"]["text"]) == ("note", "hello, world")
    assert issue.mount.sh(f"echo again >> {where}/new").returncode == 0, "`>>` on what reads as empty"
    assert sent(sandbox)[1:] == [post(issue, "again")] and "002-jane.md" in os.listdir(where)


TEXTS = ['a "quote" and a \\ backslash', "tab\tand\nlines\n\nand more", "é \u202e 中文 😀 \u2028 \x01 \x1f \x7f",
         "  indented",
         "{\"text\": \"no\"}", "</script> %s %n $HOME `id`", "-n", "x" * 5000]


@pytest.mark.parametrize("text", TEXTS, ids=[ascii(t)[:20] for t in TEXTS])
def test_a_comments_text_arrives_as_it_is(issue, sandbox, text):
    assert attempt(issue / "comments/new", text) is None
    (method, path, body), = sent(sandbox)
    assert (method, path) == ("POST", f"issues/{issue.name}/comments/")
    assert body["text"].strip() == text.strip() == texts(issue)[0].strip()


def test_text_in_pieces_is_one_comment(issue, sandbox):
    fd = os.open(issue / "comments/new", os.O_WRONLY | os.O_TRUNC)
    for piece in (b"one\n", b"two\n", b"three"):
        assert os.write(fd, piece) == len(piece)
    assert sent(sandbox) == [], "nothing half-written"
    os.fsync(fd)
    assert sent(sandbox) == []
    os.close(fd)
    assert sent(sandbox) == [post(issue, "one\ntwo\nthree")]


def test_a_dup_closed_first_sends_once(issue, sandbox):
    """`{ echo a; echo b; } > new` in a shell closes copies of the handle: each FLUSH after data is a commit."""
    fd = os.open(issue / "comments/new", os.O_WRONLY)
    os.write(fd, b"once")
    os.close(os.dup(fd))
    os.close(fd)
    assert sent(sandbox) == [post(issue, "once")]


def test_whoever_closes_a_copy_is_told_how_it_ended(issue, sandbox):
    """A child between fork and exec has the descriptor too; its close sends the text, and the parent must be told."""
    sandbox.faults({"method": "POST", "path": "/comments/$", "status": 400, "body": '{"detail": "no"}'})
    fd = os.open(issue / "comments/new", os.O_WRONLY)
    os.write(fd, b"refused")
    copy = os.dup(fd)
    assert (error_of(os.close, copy), error_of(os.close, fd)) == ("EINVAL", "EINVAL")
    assert sent(sandbox) == [post(issue, "refused")]


def test_whoever_closes_a_copy_is_told_of_what_was_never_sent(issue, sandbox):
    """The first close waits for the look-up of a name before there is anything to send."""
    fd = os.open(issue / "merge", os.O_WRONLY)
    os.write(fd, b"WEB-ZZZZ")
    copy = os.dup(fd)
    assert (error_of(os.close, copy), error_of(os.close, fd)) == ("ENOENT", "ENOENT")
    assert sent(sandbox) == []


def test_two_who_close_copies_at_once_send_once(issue, sandbox):
    """Both wait for an earlier change of the issue."""
    sandbox.faults({"method": "PUT", "path": issue.route, "delay_ms": 500})
    fd = os.open(issue / "comments/new", os.O_WRONLY)
    os.write(fd, b"once")
    copy = os.dup(fd)

    def close(which):
        sandbox.wait_for(issue.id)
        return error_of(os.close, which)
    assert in_threads(lambda: attempt(issue / "status", "resolved"), lambda: close(fd), lambda: close(copy)) == [None] * 3
    assert sent(sandbox) == [put(issue, status="resolved"), post(issue, "once")]


def test_a_text_that_waits_too_long_for_an_earlier_change_says_so(mount, shared, sandbox):
    """No shell sees what close says: last-error has it, and not the good end of what it waited for."""
    shared.fresh()
    m = mount(f"--timeout={3 * PATIENCE}")
    listed(m, sandbox)
    one = Issue(m, sandbox, next(shared.supply))
    sandbox.faults({"method": "PUT", "path": one.route, "hang": "before-headers"})

    def comment():
        sandbox.wait_for(one.id)
        return attempt(one / "comments/new", "text")
    got = in_threads(lambda: attempt(one / "status", "resolved"), comment)
    assert got[1] in (None, ("close", "ETIMEDOUT"))
    said = (m.where / ".sentryfs/errors").read_text()
    assert texts(one) == ([] if got[1] else ["text"])
    assert (f'write "text" to comments/new of {one.name}: Connection timed out: an earlier change' in said) == bool(got[1])


def test_a_name_that_is_not_looked_up_in_time_is_not_said_to_be_none(mount, shared, sandbox):
    shared.fresh()
    m = mount(f"--timeout={2 * PATIENCE}")
    listed(m, sandbox)
    one = Issue(m, sandbox, next(shared.supply))
    sandbox.faults({"path": "WEB-ZZZZ", "hang": "before-headers"})
    assert attempt(one / "merge", "WEB-ZZZZ") == ("close", "ETIMEDOUT")
    assert "ETIMEDOUT" in one.error() and "no such issue" not in one.error() and "looked" in one.error()


def test_a_head_that_is_filled_in_last_is_not_the_text(issue, sandbox):
    fd = os.open(issue / "comments/new", os.O_WRONLY)
    os.write(fd, b"0000 and the text")
    assert error_of(os.pwrite, fd, b"1234", 0) == "EINVAL"
    assert error_of(os.close, fd) == "EINVAL" and sent(sandbox) == [] and "one after another" in issue.error()


# ---- a comment whose answer is lost ----

LOST = {"method": "POST", "path": "/comments/$", "status": 502, "body": "<html>"}


def say(sandbox, one, text, token=None):
    """As another program does."""
    assert sandbox.call("POST", f"/organizations/acme/issues/{one.id}/comments/", {"text": text, "data": {"text": text}},
                        token=token).status in (200, 201)


def test_the_same_words_of_somebody_else_are_not_ours(issue, sandbox):
    assert attempt(issue / "assignedTo", "me") is None, "who the token's user is, is known"
    say(sandbox, issue, "+1", BOB)
    sandbox.faults(LOST)
    assert attempt(issue / "comments/new", "+1") == ("close", "EIO")
    assert texts(issue) == ["+1"] and "not done" in issue.error()


def test_the_same_words_of_yesterday_are_not_ours(issue, sandbox):
    old = {"id": "77", "type": "note", "user": {"id": "1"}, "data": {"text": "deployed"}, "dateCreated": "2026-01-01T00:00:00Z"}
    sandbox.faults(LOST, {"method": "GET", "path": "/comments/$", "json": [old]})
    assert attempt(issue / "comments/new", "deployed") == ("close", "EIO")
    assert texts(issue) == [] and "not done" in issue.error()


def test_a_comment_is_found_behind_a_newer_one(issue, sandbox):
    """Else who is told that it was not done sends it again."""
    sandbox.faults({**LOST, "keep": True, "times": 1}, {"method": "GET", "path": "/comments/$", "delay_ms": 500})

    def other():
        wait_until(lambda: any(c[:2] == ("GET", f"issues/{issue.name}/comments/") for c in asked(sandbox)), "the look")
        say(sandbox, issue, "meanwhile", BOB)
    assert in_threads(lambda: attempt(issue / "comments/new", "ours"), other)[0] is None
    assert texts(issue) == ["ours", "meanwhile"] and issue.error() == ""


@pytest.mark.parametrize("text", ["\n", " \n\t", "\0", "\0\0\0", "with a \0 inside"], ids=ascii)
def test_an_empty_comment(issue, sandbox, text):
    assert attempt(issue / "comments/new", text) == ("close", "EINVAL")
    assert sent(sandbox) == [] and "comment" in issue.error()


def test_the_same_comment_again(issue, sandbox):
    assert attempt(issue / "comments/new", "twice") is None
    assert attempt(issue / "comments/new", "twice\n") == ("close", "EEXIST")
    assert texts(issue) == ["twice"] and "already posted" in issue.error()
    assert len([n for n in os.listdir(issue / "comments") if n.endswith(".md")]) == 1


def test_more_than_a_mebibyte(issue, sandbox):
    fd = os.open(issue / "comments/new", os.O_WRONLY)
    name = error_of(lambda: [os.write(fd, b"x" * 65536) for _ in range(17)])
    error_of(os.close, fd)
    assert name == "EFBIG" and sent(sandbox) == [], "not a comment that was cut short"
    assert texts(issue) == []
    assert attempt(issue / "comments/new", "y" * (1 << 20)) is None and len(texts(issue)[0]) == 1 << 20


@pytest.mark.parametrize("offset", [1, 10, 4096])
def test_a_piece_out_of_its_place_spoils_the_text(issue, sandbox, offset):
    fd = os.open(issue / "comments/new", os.O_WRONLY)
    os.write(fd, b"abc")
    assert error_of(os.pwrite, fd, b"xyz", offset) == "EINVAL"
    assert error_of(os.write, fd, b"def") == "EINVAL"
    assert error_of(os.close, os.dup(fd)) == "EINVAL" and "one after another" in issue.error()
    assert sent(sandbox) == []
    os.pwrite(fd, b"begun anew", 0)
    os.close(fd)
    assert sent(sandbox) == [post(issue, "begun anew")] and issue.error() == ""


def test_a_writer_that_tries_again_what_was_too_much(issue, sandbox):
    """CPython writes what a failed flush left once more when it closes."""
    done = issue.mount.sh(f"python3 -c 'with open(\"{issue.path}/comments/new\", \"w\") as f:\n"
                          "    for n in range(400000): f.write(f\"{n:06}\")'")
    assert done.returncode != 0 and "File too large" in done.stderr
    assert sent(sandbox) == [] and "1 MiB" in issue.error()


def test_processes_that_share_a_handle(issue, sandbox):
    """Each ends with a FLUSH: of a new comment that is one each, of a comment it goes on."""
    where = issue / "comments"
    assert issue.mount.sh(f"{{ /bin/echo a; /bin/echo b; }} > {where}/new").returncode == 0
    assert issue.mount.sh(f"{{ echo c; echo d; }} > {where}/new").returncode == 0, "builtins are one process"
    assert sent(sandbox) == [post(issue, "a"), post(issue, "b"), post(issue, "c\nd")]
    done = issue.mount.sh(f"ls {where}; {{ /bin/echo e; printf f; /bin/echo g; }} > {where}/001-jane.md")
    assert done.returncode == 0, done.stderr
    assert (where / "001-jane.md").read_text() == "e\nfg\n" and texts(issue)[0] == "e\nfg"
    assert issue.mount.sh(f"{{ /bin/echo h; /bin/echo i; }} >> {where}/001-jane.md").returncode == 0
    assert texts(issue) == ["e\nfg\nh\ni", "b", "c\nd"]


def test_ones_own_comment_is_edited(issue, sandbox):
    assert attempt(issue / "comments/new", "a rather long first text") is None
    path, note = issue / "comments/001-jane.md", None
    assert path.read_text() == "a rather long first text\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    note = note_ids(issue)[0]
    sandbox.forget()
    for text, flags in (("short\n", os.O_WRONLY | os.O_TRUNC), ("shorter", os.O_WRONLY), ("s", os.O_RDWR)):
        assert attempt(path, text, flags) is None
        method, where, body = sent(sandbox)[-1]
        assert (method, where, body["text"]) == ("PUT", f"issues/{issue.name}/comments/{note}/", text.strip())
        assert path.read_text() == text.strip() + "\n" and texts(issue) == [text.strip()], "no tail"
        assert path.stat().st_size == len(text.strip()) + 1
    assert len(sent(sandbox)) == 3
    assert issue.mount.sh(f"echo more >> {path}").returncode == 0
    assert path.read_text() == "s\nmore\n" and texts(issue) == ["s\nmore"]
    sandbox.forget()
    assert attempt(path, "s\nmore\n") is None and sent(sandbox) == [], "an equal text"
    for text in ("\n", "\0\0\0\0"):
        assert attempt(path, text) == ("close", "EINVAL") and sent(sandbox) == []
    assert issue.mount.sh(f": > {path}; truncate -s0 {path}; touch {path}; cat {path}").stdout == "s\nmore\n"
    assert sent(sandbox) == []


def test_anothers_comment(shared, web, sandbox):
    one = shared.issue()
    sandbox.control("POST", "mutate", {"op": "comment", "issue": one.name, "text": "bob's", "user": "2"})
    assert attempt(one / "comments/new", "mine") is None
    names = sorted(os.listdir(one / "comments"))
    assert names == ["001-bob.md", "002-jane.md", "new", "remove"]
    sandbox.forget()
    assert (attempt(one / "comments/001-bob.md", "not mine") or (None, None))[1] == "EACCES"
    assert attempt(one / "comments/remove", "1\n") == ("write", "EACCES")
    assert [r for r in sent(sandbox) if r[0] == "PUT"] == []
    assert texts(one) == ["bob's", "mine"] and one.error()


@pytest.mark.parametrize("number", ["1", "001", " 001\n"], ids=ascii)
def test_remove(issue, sandbox, number):
    assert attempt(issue / "comments/new", "to be removed") is None
    assert "001-jane.md" in os.listdir(issue / "comments")
    note = note_ids(issue)[0]
    sandbox.forget()
    assert attempt(issue / "comments/remove", number) is None
    assert sent(sandbox) == [("DELETE", f"issues/{issue.name}/comments/{note}/", None)]
    assert sorted(os.listdir(issue / "comments")) == ["new", "remove"] and texts(issue) == []
    assert error_of(os.stat, issue / "comments/001-jane.md") == "ENOENT"


@pytest.mark.parametrize("value,name", [("7", "ENOENT"), ("x", "EINVAL"), ("\n", "EINVAL"), ("001-jane.md x", "EINVAL"),
                                        ("-1", "EINVAL"), ("0", "EINVAL"), ("1 1", "EINVAL"), ("\0", "EINVAL"),
                                        ("1-2", "EINVAL"), ("001-bob.md", "EINVAL")])
def test_remove_what_is_not_there(issue, sandbox, value, name):
    assert attempt(issue / "comments/new", "stays") is None
    sandbox.forget()
    assert attempt(issue / "comments/remove", value) == ("write", name)
    assert sent(sandbox) == [] and texts(issue) == ["stays"] and issue.error()


def test_unlink_removes_no_comment(issue, sandbox):
    assert attempt(issue / "comments/new", "stays") is None
    os.listdir(issue / "comments")
    sandbox.forget()
    for command in ("rm {c}/001-jane.md", "rm -f {c}/001-jane.md", "rm -rf {c}", "rm {c}/new", "rmdir {c}",
                    "mv {c}/001-jane.md {c}/002-jane.md", "mv {c}/001-jane.md /tmp/", "unlink {c}/remove"):
        assert issue.mount.sh(command.format(c=issue / "comments")).returncode != 0, command
    assert sent(sandbox) == [] and texts(issue) == ["stays"]
    assert error_of(os.unlink, issue / "comments/001-jane.md") == "EPERM"


def test_a_token_without_a_user_cannot_comment(mount, shared, sandbox):
    shared.fresh()
    m = mount(token=ROBOT)
    listed(m, sandbox)
    one = Issue(m, sandbox, next(shared.supply))
    assert attempt(one / "comments/new", "beep") == ("close", "EACCES")
    assert "permission to create Note" in one.error() and texts(one) == []
    assert attempt(one / "status", "resolved") is None, "but it can resolve"
    assert attempt(one / "assignedTo", "me") == ("write", "EINVAL")
    assert one.server()["assignedTo"] is None


def test_a_failed_comment_is_not_sent_again_by_itself(issue, sandbox):
    sandbox.faults({"method": "POST", "status": 500, "body": '{"detail":"Internal Error"}'})
    assert attempt(issue / "comments/new", "lost") == ("close", "EIO")
    sandbox.faults()
    os.listdir(issue / "comments")
    assert sent(sandbox) == [post(issue, "lost")] and texts(issue) == [] and "500" in issue.error()


# ---- merge ----

def merge_of(*issues):
    return {i.name for i in issues}, {"merge": 1}


def merged(sandbox):
    """[(ids in the query, body)] of the bulk requests."""
    out = []
    for method, path, body in sent(sandbox):
        where, _, query = path.partition("?")
        assert (method, where) == ("PUT", "issues/"), "a bulk request"
        assert query, "never without ids"
        ids = [part.removeprefix("id=") for part in query.split("&") if part.startswith("id=")]
        assert ids and len(ids) == len(set(ids)) <= 100
        out.append((set(ids), body))
    return out


@pytest.mark.parametrize("how", ["{a} {b}", "{a}\n{b}\n", " {a}\t{b} {a}"])
def test_merge(shared, web, sandbox, how):
    one, a, b = shared.issues(3)
    assert one.read("merge") == ""
    assert attempt(one / "merge", how.format(a=a.name, b=b.name)) is None
    assert merged(sandbox) == [merge_of(one, a, b)]
    states = [i.server() for i in (one, a, b)]
    home = next(i for i, s in zip((one, a, b), states) if not s["merged"])
    assert sum(s["merged"] for s in states) == 2
    for away in {one, a, b} - {home}:
        wait_until(away.path.is_symlink, "the kernel to ask for the name again", 3)
        assert os.readlink(away.path) == home.name
        assert away.read("shortId") == home.name + "\n"
    listing = os.listdir(home.path.parent)
    assert [i.name in listing for i in (one, a, b)] == [i is home for i in (one, a, b)]
    assert attempt(home / "status", "resolved") is None, "the survivor goes on"


def test_merge_refused(shared, web, sandbox):
    one, other = shared.issues(2)
    for text, name in (("API-1", "EXDEV"), (f"{other.name} API-1", "EXDEV"), ("WEB-ZZZZ", "ENOENT"),
                       ("bogus", "EINVAL"),
                       ("\n", "EINVAL"), ("\0", "EINVAL"), (one.name, "EINVAL"), ("WEB-", "EINVAL")):
        assert attempt(one / "merge", text) == ("close", name), text
        assert sent(sandbox) == [] and one.error(), text
    assert not other.server()["merged"] and not one.server()["merged"]


def test_merge_takes_names_in_any_case_and_numbers(shared, web, sandbox):
    one, a = shared.issues(2)
    assert attempt(one / "merge", a.name.lower()) is None
    assert merged(sandbox) == [merge_of(one, a)]


# ---- bulk ----

def bulk_of(mount):
    return mount.where / ISSUES / ".bulk"


def test_bulk(shared, web, sandbox):
    five = shared.issues(5)
    bulk = bulk_of(web)
    lines = [f"{i.name} resolved\n" for i in five[:3]] + [f"{i.name} ignored\n" for i in five[3:]]
    assert attempt(bulk / "status", "".join(lines[i] for i in (0, 3, 1, 4, 2))) is None
    assert sorted(map(repr, merged(sandbox))) == sorted(map(repr, [
        ({i.name for i in five[:3]}, {"status": "resolved"}),
        ({i.name for i in five[3:]}, {"status": "ignored", "substatus": "archived_until_escalating"})]))
    said = (bulk / "last-error").read_text().splitlines()
    assert sorted(said) == sorted(f"{i.name}\tok" for i in five)
    assert [i.read("status") for i in five] == ["resolved\n"] * 3 + ["ignored\n"] * 2
    listing = os.listdir(bulk.parent)
    assert not {i.name for i in five} & set(listing) and ".bulk" not in listing
    assert (bulk / "status").read_text() == ""
    assert [i.server()["status"] for i in five] == ["resolved"] * 3 + ["ignored"] * 2


@pytest.mark.parametrize("control,value,body,shown", [
    ("assignedTo", "#backend", {"assignedTo": "team:11"}, "team:backend"), 
    ("assignedTo", "me", {"assignedTo": "user:1"}, "jane@acme.example"),
    ("isBookmarked", "1", {"isBookmarked": True}, "true"), ("isSubscribed", "true", {"isSubscribed": True}, "true")])
def test_bulk_controls(shared, web, sandbox, control, value, body, shown):
    three = shared.issues(3)
    assert attempt(bulk_of(web) / control, "".join(f"{i.name} {value}\n" for i in three)) is None
    assert merged(sandbox) == [({i.name for i in three}, body)]
    assert [i.read(control) for i in three] == [shown + "\n"] * 3


def test_bulk_priority_and_seen(shared, web, sandbox):
    three = shared.issues(3)
    for control, value, body in (("priority", "low", "low"), ("priority", "high", "high"), ("hasSeen", "0", False),
                                 ("hasSeen", "1", True)):
        sandbox.forget()
        assert attempt(bulk_of(web) / control, "".join(f"{i.name} {value}\n" for i in three)) is None
        for ids, sent_body in merged(sandbox):
            assert ids <= {i.name for i in three} and sent_body == {control: body}
        assert {i.server()[control] for i in three} == {body}


def test_a_hundred_and_fifty_are_two_requests(mount, shared, sandbox):
    shared.fresh()
    m = mount()
    listed(m, sandbox)
    many = [Issue(m, sandbox, n) for n in range(600, 900) if n % 9][:150]      # each ninth may be bookmarked already
    sandbox.forget()
    assert attempt(bulk_of(m) / "isBookmarked", "".join(f"{i.name} 1\n" for i in many)) is None
    found = merged(sandbox)
    assert sorted(len(ids) for ids, _ in found) in ([50, 100], [75, 75])
    assert set.union(*(ids for ids, _ in found)) == {i.name for i in many}
    assert len((bulk_of(m) / "last-error").read_text().splitlines()) == 150
    assert many[149].read("isBookmarked") == "true\n"


def test_bulk_answers_each_line(shared, web, sandbox):
    good, bad = shared.issues(2)
    bulk = bulk_of(web)
    lines = f"{bad.name} bogus\nWEB-ZZZZ resolved\n{good.name} resolved\nAPI-1\nnonsense\n"
    assert attempt(bulk / "status", lines) == ("close", "EINVAL"), "the errno of the first line that failed"
    assert merged(sandbox) == [({good.name}, {"status": "resolved"})]
    said = dict(line.split("\t", 1) for line in (bulk / "last-error").read_text().splitlines())
    assert said[good.name] == "ok" and said[bad.name].startswith("EINVAL ") and said["WEB-ZZZZ"].startswith("ENOENT ")
    assert all(not v.startswith("ok") for k, v in said.items() if k != good.name) and len(said) == 5
    assert good.read("status") == "resolved\n" and bad.read("status") == "unresolved\n"
    sandbox.forget()
    assert attempt(bulk / "status", f"WEB-ZZZZ resolved\n{bad.name} bogus\n") == ("close", "ENOENT")
    assert sent(sandbox) == []


def said_of(bulk):
    return dict(line.split("\t", 1) for line in (bulk / "last-error").read_text().splitlines())


def test_bulk_tells_what_the_server_skipped(shared, web, sandbox):
    """An id that the server does not have any more is skipped without a word: one look tells."""
    three, bulk = shared.issues(3), bulk_of(web)
    away = three[1]
    sandbox.control("POST", "mutate", {"op": "delete", "issue": away.name})
    sandbox.forget()
    assert attempt(bulk / "status", "".join(f"{i.name} resolved\n" for i in three)) == ("close", "ENOENT")
    assert merged(sandbox) == [({i.name for i in three}, {"status": "resolved"})]
    looks = [r for r in asked(sandbox) if r[0] == "GET"]
    assert len(looks) == 1 and looks[0][1] == "issues/", "one request more"
    said = said_of(bulk)
    assert said.pop(away.name).startswith("ENOENT ") and set(said.values()) == {"ok"} and len(said) == 2
    assert {i.server()["status"] for i in three if i is not away} == {"resolved"}


@pytest.mark.parametrize("fault", [{"reset": 0, "keep": True}, {"cut": 5, "keep": True}, {"status": 502, "body": "<html>", "keep": True}],
                         ids=["no-answer", "cut", "proxy"])
def test_bulk_without_an_answer_is_looked_after(shared, web, sandbox, fault):
    two, bulk = shared.issues(2), bulk_of(web)
    sandbox.faults({"method": "PUT", "path": "/organizations/acme/issues/$", **fault})
    assert attempt(bulk / "status", "".join(f"{i.name} ignored\n" for i in two)) is None
    assert [r[0] for r in asked(sandbox)] == ["PUT", "GET"], "sent once, looked after once"
    assert set(said_of(bulk).values()) == {"ok"}
    assert [i.read("status") for i in two] == ["ignored\n"] * 2 == [i.server()["status"] + "\n" for i in two]
    assert "seen to be done to 2 of 2" in (web.where / ".sentryfs/changes").read_text()


@pytest.mark.parametrize("fault", [{"reset": 0, "drop": True}, {"status": 502, "body": "<html>"}], ids=str)
def test_bulk_that_was_not_done_is_told(shared, web, sandbox, fault):
    two, bulk = shared.issues(2), bulk_of(web)
    sandbox.faults({"method": "PUT", "path": "/organizations/acme/issues/$", **fault})
    assert attempt(bulk / "status", "".join(f"{i.name} resolved\n" for i in two)) == ("close", "EIO")
    assert [r[0] for r in asked(sandbox)] == ["PUT", "GET"]
    assert all("it was not done" in line for line in said_of(bulk).values()) and len(said_of(bulk)) == 2
    assert [i.read("status") for i in two] == ["unresolved\n"] * 2
    sandbox.faults({"path": "/organizations/acme/issues/$", **fault})
    sandbox.forget()
    assert attempt(bulk / "status", "".join(f"{i.name} resolved\n" for i in two)) == ("close", "EIO")
    assert all("it is not known whether" in line for line in said_of(bulk).values())


def test_merge_without_an_answer_is_looked_after(shared, web, sandbox):
    one, other, third = shared.issues(3)
    sandbox.faults({"method": "PUT", "path": "/organizations/acme/issues/$", "reset": 0, "keep": True})
    assert attempt(one / "merge", other.name) is None
    assert [r[0] for r in asked(sandbox)] == ["PUT", "GET"]
    assert one.server()["merged"] != other.server()["merged"]
    home, away = (other, one) if one.server()["merged"] else (one, other)
    wait_until(away.path.is_symlink, "the kernel to ask for the name again", 3)
    sandbox.faults({"method": "PUT", "path": "/organizations/acme/issues/$", "reset": 0, "drop": True})
    assert attempt(home / "merge", third.name) == ("close", "EIO")
    assert "it was not done" in home.error() and not third.server()["merged"]


@pytest.mark.parametrize("text", ["\n", " \n\n", "\0", "resolved\n", "* resolved\n", "is:unresolved resolved\n",
                                  " resolved\n",
                                  "WEB-ZZZZ resolved\n"], ids=ascii)
def test_no_ids_no_request(web, sandbox, text):
    got = attempt(bulk_of(web) / "status", text)
    assert sent(sandbox) == []
    assert got is None or got[0] == "close"
    if text.strip():
        assert got


def test_bulk_into_another_flavour(shared, web, sandbox):
    """What is archived in another way is unresolved first, by its ids alone."""
    plain, archived, forever = shared.issues(3)
    assert attempt(archived / "status", "ignored") is None and attempt(forever / "status", "ignored forever") is None
    sandbox.forget()
    lines = "".join(f"{i.name} ignored forever\n" for i in (plain, archived, forever))
    assert attempt(bulk_of(web) / "status", lines) is None
    body = {"status": "ignored", "substatus": "archived_forever"}
    assert sorted(map(repr, merged(sandbox))) == sorted(map(repr, [
        ({plain.name}, body), ({archived.name}, {"status": "unresolved"}), ({archived.name}, body)]))
    assert [i.server()["substatus"] for i in (plain, archived, forever)] == ["archived_forever"] * 3
    assert [i.read("substatus") for i in (plain, archived, forever)] == ["archived_forever\n"] * 3


def test_a_refused_bulk(shared, web, sandbox):
    two = shared.issues(2)
    bulk = bulk_of(web)
    for status, name in ((403, "EACCES"), (400, "EINVAL"), (500, "EIO")):
        sandbox.faults({"method": "PUT", "path": "/organizations/acme/issues/$", "status": status,
                        "json": {"detail": "the server's words"}})
        assert attempt(bulk / "status", "".join(f"{i.name} resolved\n" for i in two)) == ("close", name)
        said = (bulk / "last-error").read_text().splitlines()
        assert len(said) == 2 and all(f"\t{name} " in line and "the server's words" in line for line in said)
        assert [i.read("status") for i in two] == ["unresolved\n"] * 2


def test_bulk_names(web, sandbox):
    bulk = bulk_of(web)
    assert error_of(os.stat, bulk / "title") == "ENOENT"
    assert "last-error" in os.listdir(bulk) and "status" in os.listdir(bulk)
    assert web.sh(f"echo x > {bulk}/title").returncode != 0 and web.sh(f"echo x > {bulk}/last-error").returncode != 0
    assert sent(sandbox) == []


# ---- scratch files ----

def create(path, data=b"", flags=os.O_EXCL):
    fd = os.open(path, os.O_RDWR | os.O_CREAT | flags, 0o600)
    if data:
        os.write(fd, data)
    os.close(fd)


SCRATCH = [("sedXk3a9c", os.O_EXCL), ("status~", 0), (".status.swp", 0), ("status.tmp", 0), (".status.swx", os.O_EXCL),
           ("anything-at-all.txt", os.O_EXCL), ("#status#", os.O_EXCL), ("assignedTo.bak", 0)]


@pytest.mark.parametrize("name,flags", SCRATCH)
def test_a_scratch_file_lives_in_memory(issue, sandbox, name, flags):
    path = issue / name
    create(path, b"some text\n", flags)
    assert path.read_bytes() == b"some text\n" and path.stat().st_size == 10
    assert name in os.listdir(issue.path)
    with open(path, "r+b") as f:
        f.seek(5)
        f.write(b"TEXT!!")
        f.truncate(8)
    assert path.read_bytes() == b"some TEX"
    os.chmod(path, 0o600)
    os.utime(path)
    os.rename(path, issue / "status.bak")
    assert (issue / "status.bak").read_bytes() == b"some TEX" and not path.exists()
    os.unlink(issue / "status.bak")
    assert error_of(os.stat, issue / "status.bak") == "ENOENT" and "status.bak" not in os.listdir(issue.path)
    assert asked(sandbox) == [], "never sent"


def test_scratch_files_are_the_issues_own(shared, web, sandbox):
    one, other = shared.issues(2)
    create(one / "status~", b"x")
    assert not (other / "status~").exists() and os.listdir(other.path).count("status~") == 0
    assert error_of(os.rename, one / "status~", other / "status") == "EPERM"
    assert error_of(os.rename, one / "status~", other / "status~") == "EPERM"
    os.unlink(one / "status~")
    assert sent(sandbox) == []


def test_scratch_files_have_a_size_and_names(issue, sandbox):
    fd = os.open(issue / ".big~x", os.O_CREAT | os.O_EXCL | os.O_WRONLY)
    assert error_of(lambda: [os.write(fd, b"x" * 65536) for _ in range(17)]) == "EFBIG"
    os.close(fd)
    os.unlink(issue / ".big~x")
    for path in (issue / "4913", issue / "comments/4913", issue / "tags/x", issue / "events/x", issue.path.parent / "x",
                 issue.mount.where / "x"):
        assert error_of(create, path) in ("EPERM", "EACCES"), path
    for path in (issue / "status", issue / "title"):
        assert error_of(create, path) == "EEXIST", path
    assert sent(sandbox) == []


def test_a_rename_onto_a_control_is_one_write(issue, sandbox):
    create(issue / "status.tmp", b"resolved\n", 0)
    assert sent(sandbox) == []
    os.rename(issue / "status.tmp", issue / "status")
    assert sent(sandbox) == [put(issue, status="resolved")]
    assert issue.read("status") == "resolved\n" and not (issue / "status.tmp").exists()
    assert "status" in os.listdir(issue.path) and "status.tmp" not in os.listdir(issue.path)


@pytest.mark.parametrize("content,name", [(b"", "EINVAL"), (b" \n", "EINVAL"), (b"\0" * 100, "EINVAL"),
                                          (b"bogus\n", "EINVAL"),
                                          (b"unresolved\n", None)], ids=ascii)
@pytest.mark.parametrize("control", ["status", "assignedTo"])
def test_a_rename_never_clears_a_field(issue, sandbox, control, content, name):
    if control == "assignedTo":
        assert attempt(issue / control, "bob@acme.example") is None
        content = content.replace(b"unresolved", b"bob@acme.example").replace(b"bogus", b"no\0body")
    sandbox.forget()
    before = issue.read(control)
    create(issue / f".{control}.new", content)
    assert error_of(os.rename, issue / f".{control}.new", issue / control) == name
    assert sent(sandbox) == [] and issue.read(control) == before
    if name:
        assert issue.error()


def test_a_rename_that_the_server_refuses(issue, sandbox):
    sandbox.faults({"method": "PUT", "status": 403, "json": {"detail": "no"}})
    create(issue / "status~", b"resolved\n")
    assert error_of(os.rename, issue / "status~", issue / "status") == "EACCES"
    assert (issue / "status~").read_bytes() == b"resolved\n", "what was typed is not lost"
    assert issue.read("status") == "unresolved\n" and "403" in issue.error()


def test_renames_that_are_refused(issue, sandbox):
    create(issue / "status~", b"x")
    for name in ("title", "issue.json", "last-error", "comments"):
        assert error_of(os.rename, issue / "status~", issue / name) in ("EPERM", "EACCES", "EISDIR"), name
    assert error_of(os.rename, issue / "status", issue / "status~") in ("EPERM",)
    assert error_of(os.rename, issue.path, issue.path.parent / "WEB-ELSE") in ("EPERM", "EXDEV")
    assert sent(sandbox) == [] and errno.EPERM


def test_scratch_files_beside_comments(issue, sandbox):
    assert attempt(issue / "comments/new", "first") is None
    os.listdir(issue / "comments")
    create(issue / "comments/001-jane.md~", b"second\n", 0)
    assert "001-jane.md~" in os.listdir(issue / "comments")
    sandbox.forget()
    os.rename(issue / "comments/001-jane.md~", issue / "comments/001-jane.md")
    assert [(m, b["text"]) for m, _, b in sent(sandbox)] == [("PUT", "second")]
    assert issue.read("comments/001-jane.md") == "second\n"
