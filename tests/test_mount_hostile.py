# SPDX-License-Identifier: MIT
"""A server whose every answer an attacker wrote: the tree has decent names and ends, and JSON files are what was sent."""

import json
import os
import re
import sys
import unicodedata

import pytest
from conftest import TESTS, WRAPPER, server_of

sys.path.insert(0, str(TESTS))
from sandbox import hostile  # noqa: E402

ISSUES = "projects/web/issues"
BIDI = {0x061c, 0x200e, 0x200f, *range(0x2028, 0x202f), *range(0x2066, 0x206a)}


attacker = server_of("--hostile", "--projects", 1, "--issues", 8)


@pytest.fixture
def hostile_mount(mount, attacker):
    attacker.forget()
    m = mount(server=attacker, source="acme")
    assert m.start.returncode == 0, m.start.stderr
    return m


def odd_characters(text):
    return [c for c in text if unicodedata.category(c) == "Cc" or ord(c) in BIDI]


def check_name(name):
    text = name.decode()    # strict: a name is UTF-8
    assert text and text not in (".", "..") and "/" not in text and len(name) <= 255 and odd_characters(text) == [], name


def indented(raw):
    """What a .json file shows of these bytes: each token as it is, two spaces, one member a line."""
    out, depth, opened = [], 0, False
    for token in re.findall(rb'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+', raw, re.S):
        if token in (b"}", b"]"):
            depth -= 1
            out.append(b"" if opened else b"\n" + b"  " * depth)
        elif opened:
            out.append(b"\n" + b"  " * depth)
        out.append(token)
        opened = token in (b"{", b"[")
        depth += opened
        if token == b",":
            out.append(b"\n" + b"  " * depth)
        elif token == b":":
            out.append(b" ")
    return b"".join(out) + b"\n"


def as_bytes(text):
    return text.encode("utf-8", "surrogateescape")


def line_of(token):
    """The one line that a file of a single value has for this JSON."""
    raw = as_bytes(token)
    if raw == b"null":
        return b"\n"
    if raw.startswith(b'"'):
        # lone surrogates become U+FFFD, as does each byte that is not of a character
        raw = as_bytes(json.loads(token)) if not re.search(r"\\ud[89a-f]", token) else None
        if raw is None:
            return None
    text, at = "", 0
    while at < len(raw):
        n = next((n for n in (1, 2, 3, 4) if is_character(raw[at:at + n])), 0)
        text += raw[at:at + n].decode() if n else "\ufffd"
        at += n or 1
    return "".join(" " if odd_characters(c) else c for c in text).encode() + b"\n"


def is_character(raw):
    try:
        return len(raw.decode()) == 1
    except UnicodeDecodeError:
        return False


def test_every_name_is_decent_and_every_file_reads(mount, attacker):
    hostile_mount = mount("--max-issues=30", "--max-events=20", server=attacker, source="acme")
    names = files = 0
    for where, dirs, listed in os.walk(os.fsencode(hostile_mount.where)):
        entries = [e for e in os.listdir(where)]
        assert len(entries) == len(set(entries)), where
        names += len(entries)
        for name in entries:
            check_name(name)
        for name in listed:
            path = where + b"/" + name
            if os.path.islink(path):
                check_name(os.path.basename(os.readlink(path)))
                continue
            with open(path, "rb") as f:
                data = f.read()
            files += 1
            if not name.endswith((b".json", b".jsonl", b".md")) and b"/.sentryfs/" not in path:
                assert odd_characters(data.decode().replace("\n", "").replace("\t", "")) == [], path
            if name.endswith(b".md"):
                assert odd_characters(data.decode().replace("\n", "").replace("\t", "")) == [], path
    print(f"\n{len(hostile.TOKENS)} values, {names} names, {files} files")
    assert names > 5000 and files > 3000
    projects = os.listdir(hostile_mount.where / "projects")
    assert "web" in projects and all(re.fullmatch(r"[\w-]+", p, re.A) for p in projects)
    assert all(re.fullmatch(r"[\w-]+-[0-9A-Za-z]+", i, re.A) for i in os.listdir(hostile_mount.where / ISSUES))
    for name in ("status", "errors", "requests"):
        text = (hostile_mount.where / ".sentryfs" / name).read_text()
        assert odd_characters(text.replace("\n", "").replace("\t", "")) == []
    assert "left out" in (hostile_mount.where / ".sentryfs/errors").read_text()


def test_json_is_exact_and_values_are_a_line(hostile_mount):
    listed = set(os.listdir(hostile_mount.where / ISSUES))
    checked = 0
    for n, (token, raw) in enumerate(zip(hostile.TOKENS, hostile.issues())):
        where = hostile_mount.where / ISSUES / hostile.short(n)
        assert hostile.short(n) in listed, token
        assert (where / "issue.json").read_bytes() == indented(as_bytes(raw)), token
        for field in hostile.FIELDS:
            data = (where / field).read_bytes()
            assert data.count(b"\n") == 1 and data.endswith(b"\n"), (field, token)
            expected = line_of(token)
            if field != "assignedTo" and expected is not None and token[0] not in "[{":
                assert data == expected, (field, token)
            checked += 1
    assert checked > 1000
    assert (hostile_mount.where / ISSUES / "WEB-H0/details.json").read_bytes() == indented(as_bytes(hostile.details()))
    name = min(os.listdir(hostile_mount.where / ISSUES / "WEB-H0/events"))
    assert (hostile_mount.where / ISSUES / "WEB-H0/events" / name).read_bytes() == indented(as_bytes(hostile.event()))


TOOLS = {
    "ls": "ls -laR . > /dev/null", "find": "find . -print0 | grep -zc . > /dev/null", "du": "du -a . > /dev/null",
    "tar": "tar cf - . 2>&1 >$T/all.tar && tar tf $T/all.tar > /dev/null", "grep": "grep -r nothing-has-this . ; [ $? = 1 ]",
    "rsync": "rsync -a --no-perms ./ $T/copy/ 2>&1", "cp": "cp -r . $T/copied",
    "xargs": "find . -type f -print0 | xargs -0 cat > /dev/null", "glob": "for f in issues/*/title; do cat \"$f\"; done > /dev/null"}


@pytest.mark.parametrize("tool", TOOLS)
def test_a_tool_survives(mount, attacker, tmp_path, tool):
    """Of one project's tree, with few issues, so that each tool reads all of it, and before a row is asked for anew: what this
    server says of an issue in two places is two things, and tar tells of a file that changes."""
    m = mount(f"--max-issues={4 if WRAPPER else 12}", "--max-events=10", server=attacker, source="acme/web")
    done = m.sh(TOOLS[tool], env={**os.environ, "T": str(tmp_path), "LANG": "C.UTF-8"})
    assert done.returncode == 0, done.stderr + done.stdout
    assert odd_characters(done.stdout.replace("\n", "").replace("\t", "")) == []


def test_writing_beside_it(hostile_mount, attacker):
    """An answer to a change is an attacker's too: the write fails with a word, or is done; the mount goes on."""
    where = hostile_mount.where / ISSUES / "WEB-H1"
    os.listdir(hostile_mount.where / ISSUES)
    rules = [r for r in hostile.rules() if r["path"] in ("/issues/[^/]+/$", "/issues/$")]
    for n, token in enumerate(hostile.TOKENS[::2]):
        for body in (token, hostile.obj(status=token), hostile.issue(1, status=token, shortId=token)):
            attacker.faults({"method": "PUT", "status": 200, "body": body}, *rules)
            try:
                (where / "status").write_text("resolved" if n % 2 else "ignored")
            except OSError as e:
                # an answer that makes it another issue takes the last-error of this one with it
                text = (where / "last-error").read_text() or (hostile_mount.where / ".sentryfs/errors").read_text()
                assert e.strerror in text
                assert odd_characters(text.replace("\n", "").replace("\t", "")) == []
    attacker.faults(*rules)
    assert (where / "title").read_bytes().count(b"\n") == 1
