# SPDX-License-Identifier: MIT
"""What is read is what the server has: every file, with every tool."""

import json
import os
import re
import subprocess

import pytest
from conftest import Sandbox, open_to_all

NOBODY = 65534
ISSUES = "acme/projects/web/issues"
FIELDS = ("title culprit level platform type shortId id permalink logger count userCount firstSeen lastSeen status "
          "substatus statusDetails assignedTo priority hasSeen isBookmarked isSubscribed isPublic").split()


def literals(text):
    """JSON with member order and number literals kept."""
    return json.loads(text, object_pairs_hook=lambda pairs: pairs, parse_int=lambda s: ("n", s),
                      parse_float=lambda s: ("n", s))


def test_the_root(mounted):
    assert sorted(os.listdir(mounted.where)) == [".ignore", ".sentryfs", "AGENTS.md", "README.md", "acme"]
    assert sorted(os.listdir(mounted.where / "acme")) == [
        "environments.tsv", "issues", "members.tsv", "organization.json", "projects", "releases.tsv", "search", "teams.tsv"]
    assert sorted(os.listdir(mounted.where / "acme/projects")) == ["api", "desktop", "web"]


def test_an_issue_has_every_file_of_the_table(mounted):
    names = sorted(os.listdir(mounted.where / ISSUES / "WEB-1"))
    assert names == sorted(FIELDS + ["summary.txt", "frames.qf", "issue.json", "details.json", "activity.jsonl", "comments", "events", "hashes",
                                     "tags", "merge", "last-error"])


def test_fields_are_the_issues_own(mounted):
    issue = mounted.where / ISSUES / "WEB-1"
    data = json.loads((issue / "issue.json").read_text())
    for field in set(FIELDS) - {"assignedTo", "statusDetails", "title", "culprit"}:
        want = data[field]
        want = "" if want is None else json.dumps(want) if isinstance(want, bool) else str(want)
        assert (issue / field).read_text() == want + "\n"
    assert json.loads((issue / "statusDetails").read_text()) == data["statusDetails"]


def test_assigned_to_prints_what_can_be_written(mounted):
    seen = set()
    for path in (mounted.where / ISSUES).iterdir():
        who = json.loads((path / "issue.json").read_text())["assignedTo"]
        text = (path / "assignedTo").read_text()
        if who is None:
            assert text == "none\n"
        elif who["type"] == "team":
            assert text == f"team:{who.get('slug') or who['name']}\n"
        else:
            assert text == who["email"] + "\n"
        seen.add(who and who["type"])
    assert seen == {None, "user", "team"}


def test_times_and_size_of_an_issue(mounted):
    issue = mounted.where / ISSUES / "WEB-1"
    data, st = json.loads((issue / "issue.json").read_text()), issue.stat()
    assert st.st_size == int(data["count"])
    assert subprocess.run(["date", "-u", "-d", data["lastSeen"], "+%s"], capture_output=True,
                          text=True).stdout.strip() == str(int(st.st_mtime))
    assert subprocess.run(["date", "-u", "-d", data["firstSeen"], "+%s"], capture_output=True,
                          text=True).stdout.strip() == str(int(st.st_ctime))


def test_find_newermt_means_seen_since(mounted):
    found = mounted.sh(f"find {ISSUES} -mindepth 1 -maxdepth 1 -newermt '-1 day' | wc -l").stdout
    every = mounted.sh(f"ls {ISSUES} | wc -l").stdout
    assert 0 < int(found) < int(every)


def test_inodes_are_the_same_after_a_remount(mount):
    first = mount()
    inodes = first.sh(f"ls -i {ISSUES} acme README.md").stdout
    first.unmount()
    assert mount().sh(f"ls -i {ISSUES} acme README.md").stdout == inodes


def test_other_names_are_symlinks(mounted):
    where = mounted.where / ISSUES
    number = (where / "WEB-1/id").read_text().strip()
    assert os.readlink(where / "web-1") == "WEB-1"
    assert os.readlink(where / number) == "WEB-1"
    assert os.readlink(where / "API-1") == "../../api/issues/API-1"
    assert (where / "API-1/shortId").read_text() == "API-1\n"
    assert os.readlink(mounted.where / "acme/issues/web-1") == "../projects/web/issues/WEB-1"
    done = mounted.sh(f"cd {ISSUES}/WEB-1 && before=$(pwd -P); stat ../web-1/ >/dev/null; "
                      f"[ \"$before\" = \"$(/bin/pwd -P)\" ] && cd ../web-1 && /bin/pwd -P")
    assert done.returncode == 0 and done.stdout.strip().endswith("/WEB-1")


def test_an_unlisted_issue_opens_by_name(mounted, sandbox):
    listed = set(os.listdir(mounted.where / ISSUES))
    resolved = next(f"WEB-{n}" for n in range(1, 30) if f"WEB-{n}" not in listed)
    assert (mounted.where / ISSUES / resolved / "status").read_text().strip() in ("resolved", "ignored")
    assert resolved not in os.listdir(mounted.where / ISSUES)


def test_no_such_issue(mounted, sandbox):
    sandbox.forget()
    for _ in range(3):
        assert not (mounted.where / ISSUES / "WEB-ZZZZ").exists()
    asked = [r for r in sandbox.requests() if "ZZZZ" in r["path"]]
    assert len(asked) == 1, "the answer holds for ten seconds"


def test_events(mounted):
    where = mounted.where / ISSUES / "WEB-1/events"
    names = [n for n in os.listdir(where) if len(n) == 37]
    assert len(names) == 100, "max_events"
    latest = json.loads((where / "latest.json").read_text())
    assert os.readlink(where / "latest.json") == latest["eventID"] + ".json"
    assert max(names, key=lambda n: (where / n).stat().st_mtime) == latest["eventID"] + ".json"
    oldest = os.readlink(where / "oldest.json")
    assert json.loads((where / oldest).read_text())["eventID"] + ".json" == oldest
    assert json.loads((where / "recommended.json").read_text())["eventID"]


# WEB-1 has more events than are listed, WEB-7 not
@pytest.mark.parametrize("issue,shown", [("WEB-1", {"latest"}), ("WEB-7", {"latest", "oldest"})])
def test_a_link_is_listed_where_the_listing_tells_where_it_leads(mounted, sandbox, issue, shown):
    where = mounted.where / ISSUES / issue / "events"
    shown = {f"{name}.{ext}" for name in shown for ext in ("json", "txt")}
    assert {n for n in os.listdir(where) if not re.fullmatch("[0-9a-f]{32}.(json|txt)", n)} == shown
    assert len(os.listdir(where)) > len(shown) + 1
    sandbox.forget()
    assert all(os.readlink(where / n) in os.listdir(where) for n in shown)
    assert sandbox.requests() == []
    assert json.loads((where / "recommended.json").read_text())["eventID"]


def test_grep_over_the_events_of_many_issues_costs_two_requests_an_issue(mount):
    with Sandbox("--issues", 40, "--unresolved-only", "--events", 30, "--full-page", 100) as s:
        m = mount("--max-events=10", server=s)
        assert m.sh(f"ls {ISSUES}").returncode == 0
        s.forget()
        done = m.sh(f"grep -c eventID {ISSUES}/*/events/*.json")
        asked = len(s.requests())
        names = m.sh(f"printf '%s\\n' {ISSUES}/*/events/*.json").stdout.splitlines()
        assert (done.returncode, done.stderr, len(done.stdout.splitlines())) == (0, "", len(names))
        assert len(names) > 40 * 8 and asked <= 2 * 40 + 3
        m.unmount()


def test_an_event_by_id_in_its_project(mounted):
    event = os.readlink(mounted.where / ISSUES / "WEB-1/events/oldest.json")
    assert json.loads((mounted.where / "acme/projects/web/events" / event).read_text())["eventID"] + ".json" == event


def test_comments_and_activity(mounted):
    done = mounted.sh(f"ls {ISSUES} >/dev/null; cd {ISSUES}; grep -L '\"numComments\": 0' */issue.json | head -1")
    issue = mounted.where / ISSUES / done.stdout.split("/")[0]
    names = sorted(set(os.listdir(issue / "comments")) - {"new", "remove"})
    assert names and names[0].startswith("001-") and all(n.endswith(".md") for n in names)
    activity = [json.loads(line) for line in (issue / "activity.jsonl").read_text().splitlines()]
    notes = [a["data"]["text"] for a in activity if a["type"] == "note"]
    assert (issue / "comments" / names[-1]).read_text().strip() == notes[0].strip()


def test_tags(mounted):
    where = mounted.where / ISSUES / "WEB-1/tags"
    for name in os.listdir(where):
        head, *rows = [line.split("\t") for line in (where / name).read_text().splitlines()]
        assert head == ["value", "count", "share"] and rows
        assert sum(float(r[2]) for r in rows) == pytest.approx(1, abs=0.001 * len(rows))


def test_hashes(mounted):
    where = mounted.where / ISSUES / "WEB-1/hashes"
    for name in os.listdir(where):
        assert json.loads((where / name).read_text())["id"] + ".json" == name


def test_tables(mounted):
    members = (mounted.where / "acme/members.tsv").read_text().splitlines()
    assert members[0].split("\t")[0] == "assignee" and any("jane@" in m for m in members[1:])
    for table in ("teams", "environments", "releases"):
        assert len((mounted.where / f"acme/{table}.tsv").read_text().splitlines()) > 1


FILES = ["README.md", "acme/members.tsv", f"{ISSUES}/WEB-1/issue.json", f"{ISSUES}/WEB-1/title",
         f"{ISSUES}/WEB-1/details.json", f"{ISSUES}/WEB-1/events/latest.json"]
READERS = {
    "cat": "cat {f}", "dd": "dd if={f} bs=7 status=none", "tail": "tail -c +1 {f}", "head": "head -c 999999999 {f}",
    "sed": "sed -n p {f}", "awk": "awk 1 {f}", "cp": "cp {f} {out} && cat {out}",
    "cp -r": "cp -rL {f} {out} && cat {out}",
    "rsync": "rsync -L {f} {out} && cat {out}", "tar": "tar chf - {f} | tar xOf -",
    "grep": "grep '' {f}", "grep -r": "grep -rh '' {f}",
    "rg": "rg --no-config --no-filename --no-line-number -uu '' {f}",
    "diff": "cat {f} | diff - {f} && cat {f}",
    "python": "python3 -c 'import sys; sys.stdout.write(open(sys.argv[1]).read())' {f}",
    "mmap": "python3 -c 'import mmap, sys; f = open(sys.argv[1], \"rb\"); "
            "sys.stdout.buffer.write(mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)[:])' {f}",
    "vim": "vi -es -u NONE -i NONE -n -b -c 'w! {out}' -c q {f} && cat {out}",
    "wc": "[ $(wc -c <{f}) = $(cat {f} | wc -c) ] && cat {f}",
    # from the first open on, what looks at an inode alone knows the size
    "du": "cat {f} && [ $(du -bL {f} | cut -f1) = $(cat {f} | wc -c) ]",
    "stat": "cat {f} && [ $(stat -Lc %s {f}) = $(cat {f} | wc -c) ]",
    "find": "cat {f} && [ $(find -L {f} -type f -newermt 2000-01-01 -printf %s) = $(cat {f} | wc -c) ]",
    # git believes the size of an lstat before its open, so it needs content that was fetched already
    "git grep": "cat {f} >{out} && git grep --no-index -h '' -- $(realpath --relative-to=. {f})",
    "git diff": "cat {f} >{out} && git diff --no-index --no-color /dev/null $(realpath --relative-to=. {f}) | "
                "tail -n +7 | cut -c2-",
}


def as_it_is_at(mount, path):
    """What `cat` says of a file there, where it was read through another mount of the same server."""
    return lambda text: text.replace(str(mount.where), "@") if path == "README.md" else text


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("path", FILES)
def test_every_tool_reads_the_same_bytes(mount, tmp_path, path, reader):
    """On a cold mount each, so that what the tool meets first is a file that was never opened."""
    cold, reference = mount(), mount(name="reference")
    want = reference.sh(f"cat {path}").stdout
    assert want
    done = cold.sh(READERS[reader].format(f=path, out=tmp_path / "out"))
    assert (done.returncode, done.stderr) == (0, "")
    assert as_it_is_at(cold, path)(done.stdout) == as_it_is_at(reference, path)(want)


@pytest.mark.parametrize("reader", READERS)
def test_every_tool_reads_the_same_bytes_as_an_ordinary_user(mount, tmp_path, reader):
    m, reference = mount("--allow-other"), mount(name="reference")
    open_to_all(m.where.parent)
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    os.chown(home, NOBODY, NOBODY)
    for number, path in enumerate(FILES):
        want = reference.sh(f"cat {path}").stdout
        done = subprocess.run(["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "bash", "-c",
                               READERS[reader].format(f=path, out=home / f"out{number}")], cwd=m.where, timeout=60,
                              env={"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8"},
                              capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, ""), path
        assert as_it_is_at(m, path)(done.stdout) == as_it_is_at(reference, path)(want), path


def test_recursive_readers_end_with_zero(mounted, tmp_path):
    for command in (f"grep -rc . {ISSUES}/WEB-1", f"cp -r {ISSUES}/WEB-3 {tmp_path}/copy",
                    f"tar cf {tmp_path}/t.tar {ISSUES}/WEB-3", f"rsync -a {ISSUES}/WEB-3/ {tmp_path}/sync",
                    f"diff -r {tmp_path}/copy {ISSUES}/WEB-3", f"diff -r {tmp_path}/copy {tmp_path}/sync",
                    f"rg -c . {ISSUES}/WEB-3", f"du -s {ISSUES}/WEB-3", f"git grep --no-index -c . -- {ISSUES}/WEB-3",
                    f"jq -e .shortId {ISSUES}/*/issue.json", f"jq -e .eventID {ISSUES}/WEB-3/events/*.json",
                    f"find {ISSUES}/WEB-3 -type f -size +0 -newermt 2000-01-01"):
        done = mounted.sh(command)
        assert (done.returncode, done.stderr) == (0, "") and (done.stdout or command.split()[0] in "cp tar rsync diff")
    inside = subprocess.run(["tar", "xf", tmp_path / "t.tar", "-C", tmp_path], capture_output=True, text=True)
    assert inside.returncode == 0, inside.stderr
    done = mounted.sh(f"diff -r {tmp_path}/{ISSUES}/WEB-3 {tmp_path}/copy")
    assert (done.returncode, done.stdout) == (0, "")


def test_hostile_text_stays_inside(mounted):
    for path in sorted((mounted.where / ISSUES).iterdir())[:60]:
        title = (path / "title").read_bytes()
        assert title.endswith(b"\n") and title.count(b"\n") == 1
        assert not any(c < 0x20 or c == 0x7f for c in title[:-1]), path


WRITES = ["echo resolved > {i}/status", "echo x >> {i}/title", "touch {i}/new", "rm {i}/title", "rm -rf {i}",
          "rmdir {i}", "mv {i} {i}x", "mkdir {i}/d", "ln {i}/title {i}/t", "chmod 0 {i}/title", "truncate -s0 {i}/title"]


@pytest.mark.parametrize("command", WRITES)
def test_nothing_is_written_with_ro(mount, sandbox, command):
    m = mount("-o", "ro")
    m.sh(f"ls {ISSUES}/WEB-1")
    sandbox.forget()
    done = m.sh(command.format(i=f"{ISSUES}/WEB-1"))
    assert done.returncode != 0 and "Read-only file system" in done.stderr
    assert [r for r in sandbox.requests() if r["method"] != "GET"] == []


def test_real_events_keep_their_literals(mount, tmp_path):
    folder = os.environ.get("SENTRYFS_REFERENCE_DIR")
    if not folder:
        assert not os.environ.get("CI"), "SENTRYFS_REFERENCE_DIR is not set"
        pytest.skip("SENTRYFS_REFERENCE_DIR names no folder with real events")
    folder = os.path.join(folder, "real-events")
    with Sandbox("--events-from", folder) as s:
        m = mount("--query=", server=s)
        want = {}
        for name in os.listdir(folder):
            text = open(os.path.join(folder, name), encoding="utf-8").read()
            want[json.loads(text)["eventID"]] = literals(text)
        got = {}
        for path in m.where.glob("acme/projects/reference/issues/*/events/*.json"):
            if not path.is_symlink():
                got[path.stem] = literals(path.read_text())
        assert got == want
        done = m.sh(f"tar cf {tmp_path}/r.tar acme/projects/reference && "
                    "jq -e .eventID acme/projects/reference/issues/*/events/*.json >/dev/null && "
                    "grep -rl ZeroDivisionError acme/projects/reference/issues/*/events | head -1")
        assert done.returncode == 0 and done.stdout, done.stderr
        m.unmount()
