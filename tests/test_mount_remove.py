# SPDX-License-Identifier: MIT
"""Removing: what each tool deletes, counted in the DELETEs that reach the server.

Every case has a mount of its own, since the guard remembers, and a token of its own, by which its requests are found in
the server's log. Every case runs twice: as root, and as an ordinary user under allow_other,default_permissions, where
the kernel refuses some calls without telling the daemon. The cases that were chosen run many at a time, and a test waits
for its own (`pytest -k 'rsync and nobody'` runs only those).
"""

import concurrent.futures
import errno
import functools
import itertools
import os
import pathlib
import re
import shutil
import signal
import stat
import subprocess
import tempfile
import threading
import time

import pytest
from conftest import PATIENCE, WRAPPER, Mount, Sandbox, wait_until

ISSUES = "acme/projects/web/issues"
NOBODY = 65534
USERS = ("root", "nobody")
CASES = {}      # name -> function without arguments
ACCEPTED = {"method": "DELETE", "status": 202, "empty": True}
# The server counts a caller's requests by the second and the client waits when it says that none is left: not the
# matter here, and 100 issues would take a minute.
NO_LIMITS = {"drop_headers": ["X-Sentry-Rate-Limit-Remaining"]}
NAMES = "EPERM EACCES ENOENT ENOTDIR EBUSY ENOTEMPTY EDQUOT EXDEV EINVAL EROFS EAGAIN EIO ETIMEDOUT ENOTSUP".split()


def errnos(text):
    """The names of the errors that a tool's messages tell of, in words or as a code."""
    words = {os.strerror(getattr(errno, name)): name for name in NAMES}
    return {words.get(w, w) for w in re.findall("|".join([*map(re.escape, words), *NAMES]), text)}


class Server(Sandbox):
    """A sandbox, with the short ids and numbers of the issues of `web`."""

    def __init__(self, *options, rules=()):
        super().__init__("--issues", 100, "--unresolved-only", "--events", 1, *options)
        self.faults(*rules, NO_LIMITS)
        self.next = itertools.count(10)

    def fresh(self, n=1):
        """Short ids that no other case uses."""
        digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
        names = [f"WEB-{(digits[i // 32] if i >= 32 else '') + digits[i % 32]}" for i, _ in zip(self.next, range(n))]
        return names[0] if n == 1 else names


SERVERS, STARTING = {}, threading.Lock()


def server(kind):
    """Started when first needed. `counted` and `slow` say 202 to a DELETE and delete nothing: cases share them."""
    with STARTING:
        if kind not in SERVERS:
            SERVERS[kind] = new_server(kind)
        return SERVERS[kind]


def new_server(kind):
    return {
        "counted": counted_server,
        "real": lambda: Server("--projects", 2),
        "lagging": lambda: Server("--projects", 1, "--delete-lag-ms", 600_000),
        "slow": lambda: Server("--projects", 1, "--delay-ms", 200, rules=[ACCEPTED]),
        "faulty": faulty_server,
    }[kind]()


def counted_server():
    of = Server("--projects", 1, rules=[ACCEPTED])
    of.control("POST", "mutate", {"op": "comment", "issue": "WEB-1C", "text": "ours", "user": "1"})
    return of


class Hand:
    """A process that makes one system call after another: itself (`rmdir`), in a thread or in a child of its own."""

    SCRIPT = """if True:
    import errno, os, sys, threading
    for line in sys.stdin:
        verb, path = line.rstrip("\\n").split(" ", 1)
        said = []
        def act():
            try:
                getattr(os, verb)(path)
                said.append(0)
            except OSError as e:
                said.append(e.errno)
        who, _, verb = verb.rpartition("_")
        if who == "thread":
            thread = threading.Thread(target=act)
            thread.start()
            thread.join()
        elif who == "child":
            child = os.fork()
            if not child:
                act()
                os._exit(said[0])
            said.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        else:
            act()
        print(errno.errorcode.get(said[0], "done"), flush=True)
    """

    def __init__(self, prefix):
        self.process = subprocess.Popen([*prefix, "/usr/bin/python3", "-c", self.SCRIPT], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)

    def __call__(self, verb, path):
        print(verb, path, file=self.process.stdin, flush=True)
        return self.process.stdout.readline().strip()

    def end(self):
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()


class Place:
    """The mount of one case, and what its user does in it."""

    def __init__(self, of, user, *options, source=None, token=None):
        self.server, self.user, self.hands = of, user, []
        self.token = token or of.control("POST", "tokens", {})["token"]
        self.prefix = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"] * (user == "nobody")
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="sentryfs-remove-"))
        self.home.chmod(0o755)
        if user == "nobody":
            options += ("-o", f"allow_other,default_permissions,uid={NOBODY},gid={NOBODY}")
            os.chown(self.home, NOBODY, NOBODY)
        self.mount = Mount(of, self.home / "mount", *options, source=source, token=self.token)
        if self.mount.start.returncode:
            shutil.rmtree(self.home)
            raise AssertionError(self.mount.start.stderr)
        self.where = self.mount.where
        self.issues = self.where / ("issues" if source else ISSUES)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for hand in self.hands:
            hand.end()
        self.mount.unmount()
        shutil.rmtree(self.home)

    def hand(self):
        self.hands.append(Hand(self.prefix))
        return self.hands[-1]

    def run(self, script, **variables):
        env = {"PATH": os.environ["PATH"], "HOME": str(self.home), "LC_ALL": "C.UTF-8", "M": str(self.where),
               "I": str(self.issues), "D": str(self.home)}
        return subprocess.run([*self.prefix, "bash", "-c", script], env={**env, **variables}, cwd=self.home,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, errors="replace", timeout=300 * PATIENCE)

    def rmdir(self, path):
        """By a new process of a new shell. `done`, or the name of the error."""
        done = self.run('rmdir -- "$P"; exit $?', P=str(path))
        assert (done.returncode != 0) == bool(done.stdout), done.stdout
        return "done" if done.returncode == 0 else " ".join(errnos(done.stdout)) or done.stdout

    def requests(self, method=None):
        own = self.server.control("GET", f"requests?token={self.token[-8:]}")
        return [r for r in own if method in (None, r["method"])]

    def deletes(self):
        """How many DELETEs arrived; nothing else may have been sent than questions."""
        methods = [r["method"] for r in self.requests()]
        assert set(methods) <= {"GET", "DELETE"}
        return methods.count("DELETE")

    def last_error(self, short):
        return (self.issues / short / "last-error").read_text()

    def errors(self):
        return (self.where / ".sentryfs/errors").read_text()


def case(function):
    for user in USERS:
        CASES[f"{function.__name__.replace('_', ' ')}, {user}"] = functools.partial(function, user)
    return function


# ---- the table of removers ----
#
# T is what is to be removed, M the mount, I issues/, D a directory outside.

PYTHON = '/usr/bin/python3 -c "import os, shutil, sys; {}(sys.argv[1]{})" "$T"'
REMOVERS = {
    "rmdir A": 'rmdir "$T"',
    "rmdir A B": 'rmdir "$T" "$I/WEB-1B"',
    "rmdir *": 'cd "$T" && rmdir *',
    "rmdir */": 'cd "$T" && rmdir */',
    "rmdir -p": 'cd "$M" && rmdir -p "${T#$M/}"',
    "a loop of rmdir": 'cd "$T" && for d in */; do rmdir "$d"; done',
    "find . from within": 'cd "$T" && find . -type d -exec rmdir {} \\;',
    "rm -d": 'rm -d "$T"',
    "rm -r": 'rm -r "$T"',
    "rm -rf": 'rm -rf "$T"',
    "rm -rf T/*": 'rm -rf "$T"/*',
    "find -delete": 'find "$T" -delete',
    "find -depth -type d -delete": 'find "$T" -depth -type d -delete',
    "find -depth -exec rmdir {} +": 'find "$T" -depth -type d -exec rmdir {} +',
    "find -exec rmdir {} +": 'find "$T" -type d -exec rmdir {} +',
    "find -depth -exec rmdir {} ;": 'find "$T" -depth -type d -exec rmdir {} \\;',
    "find -exec rmdir {} ;": 'find "$T" -type d -exec rmdir {} \\;',
    "find, xargs -n 1 rmdir": 'find "$T" -type d | xargs -n 1 rmdir',
    "find, while rmdir": 'find "$T" -type d | while read -r d; do rmdir "$d"; done',
    "python rmtree": PYTHON.format("shutil.rmtree", ""),
    "python rmtree, errors ignored": PYTHON.format("shutil.rmtree", ", ignore_errors=True"),
    "python removedirs": PYTHON.format("os.removedirs", ""),
    "perl remove_tree": 'perl -MFile::Path=remove_tree -e "remove_tree(shift)" "$T"',
    "node rmSync": 'node -e "require(\'fs\').rmSync(process.argv[1], {recursive: true, force: true})" "$T"',
    "rsync --delete": 'mkdir "$D/empty" && rsync -a --delete "$D/empty/" "$T/"',
    "mv to elsewhere": 'mkdir "$D/to" && if [ "$T" = "$M" ]; then T=$T/acme; fi; mv "$T" "$D/to"',
    "mv to another directory": 'mv "$T" "$M/acme/projects/web/events"',
    "mv to another name": 'mv "$T" "$T-old"',
    "git clean": 'export GIT_DIR=$D/git GIT_WORK_TREE=$T; git init -q 2>/dev/null; cd "$T" && git clean -fdxq',
}

# DELETEs that reach the server, exit status, errors that the user sees. Where the user is not root, EACCES may stand
# for an error in a directory that is 0555. What is told to remove one issue and tries rmdir first does remove it: no
# sign tells it from rmdir. The kernel alone refuses to remove the mount or "."; so the loop and the find that begins within
# issues/ are taken at their word, ten times a minute; what comes after (..) is EPERM and ENOTEMPTY.
TABLE = """
remover                       | one issue           | issues/                       | the mount
rmdir A                       | 1 0                 | 0 1 EPERM                     | 0 1 EBUSY
rmdir A B                     | 1 1 EDQUOT          | 0 1 EPERM ENOTEMPTY           | 1 1 EBUSY
rmdir *                       | 0 1 EPERM ENOTDIR   | 1 1 EDQUOT                    | 0 1 EPERM ENOTDIR
rmdir */                      | 0 1 EPERM           | 1 1 EDQUOT                    | 0 1 EPERM
rmdir -p                      | 1 1 EPERM           | 0 1 EPERM                     | 0 1 EBUSY
a loop of rmdir               | 0 1 EPERM           | 10 1 EDQUOT                   | 0 1 EPERM
find . from within            | 0 0 EPERM EINVAL    | 10 1 EDQUOT ENOENT EINVAL ..  | 0 0 EPERM EINVAL ENOTEMPTY
rm -d                         | 0 1 ENOTEMPTY       | 0 1 ENOTEMPTY                 | 0 1 ENOTEMPTY
rm -r                         | 0 1 EPERM           | 0 1 EPERM                     | 0 1 EPERM
rm -rf                        | 0 1 EPERM           | 0 1 EPERM                     | 0 1 EPERM
rm -rf T/*                    | 0 1 EPERM           | 0 1 EPERM                     | 0 1 EPERM
find -delete                  | 0 1 EPERM ENOTEMPTY | 0 1 EPERM ENOTEMPTY           | 0 1 EPERM ENOTEMPTY EBUSY
find -depth -type d -delete   | 0 1 EPERM ENOTEMPTY | 0 1 EPERM ENOTEMPTY           | 0 1 EPERM ENOTEMPTY EBUSY
find -depth -exec rmdir {} +  | 0 1 EPERM ENOTEMPTY | 0 1 EPERM ENOTEMPTY           | 0 1 EPERM ENOTEMPTY EBUSY
find -exec rmdir {} +         | 1 1 ENOENT          | 0 1 EPERM ENOTEMPTY           | 0 1 EPERM ENOTEMPTY EBUSY
find -depth -exec rmdir {} ;  | 0 0 EPERM ENOTEMPTY | 0 0 EPERM ENOTEMPTY           | 0 0 EPERM ENOTEMPTY EBUSY
find -exec rmdir {} ;         | 1 1 ENOENT          | 0 0 EPERM ENOTEMPTY           | 0 0 EPERM ENOTEMPTY EBUSY
find, xargs -n 1 rmdir        | 1 123 ENOENT        | 0 123 EPERM ENOTEMPTY         | 0 123 EPERM ENOTEMPTY EBUSY
find, while rmdir             | 1 1 ENOENT          | 0 1 EPERM ENOTEMPTY           | 0 1 EPERM ENOTEMPTY EBUSY
python rmtree                 | 0 1 EPERM           | 0 1 EPERM                     | 0 1 EPERM
python rmtree, errors ignored | 0 0                 | 0 0                           | 0 0
python removedirs             | 1 0                 | 0 1 EPERM                     | 0 1 EBUSY
perl remove_tree              | 0 0 EPERM ENOTEMPTY | 0 0 EPERM ENOTEMPTY           | 0 0 EPERM ENOTEMPTY EBUSY
node rmSync                   | 1 0                 | 0 1 EPERM                     | 0 1 EBUSY
rsync --delete                | 0 23 EPERM          | 0 23 EPERM                    | 0 23 EPERM
mv to elsewhere               | 0 1 EPERM           | 0 1 EPERM                     | 0 1 EPERM
mv to another directory       | 0 1 EPERM           | 0 1 EPERM                     | 0 1 EPERM
mv to another name            | 0 1 EPERM           | 0 1 EPERM                     | 0 1 EBUSY
git clean                     | 0 1 EPERM           | 0 1 EPERM                     | 0 1 EPERM
"""
WALKS = {row[0]: row[1:] for row in ([cell.strip() for cell in line.split("|")] for line in TABLE.splitlines()[2:])}
assert list(WALKS) == list(REMOVERS)
WHOLE = ("rm -rf T/*", "find -delete", "python rmtree, errors ignored")
# column, name; an issue with a comment of our own is like any other
TARGETS = {"issue": (0, "WEB-1A"), "own comment": (0, "WEB-1C"), "issues": (1, None), "mount": (2, None)}


def walk(remover, target, user):
    column, name = TARGETS[target]
    deletes, status, *expected = WALKS[remover][column].replace("..", "EPERM ENOTEMPTY").split()
    of, options = server("counted"), ()
    # what has been seen on the 100 of issues/ need not be seen on them again; and mv reads everything
    if remover == "mv to elsewhere" or (target == "mount" and remover not in WHOLE):
        options = ("-o", "max_issues=20")
    with Place(of, user, *options) as place:
        what = place.where if target == "mount" else place.issues / (name or "")
        done = place.run(REMOVERS[remover], T=str(what))
        seen = errnos(done.stdout)
        assert place.deletes() == int(deletes), done.stdout[-1500:]
        if deletes == "1" and name:
            assert re.search(f"/issues/({name}|{of.issue(name)['id']})/$", place.requests("DELETE")[0]["path"])
        assert done.returncode == int(status), done.stdout[-1500:]
        if user == "root":
            assert seen == set(expected), done.stdout[-1500:]
        else:
            assert seen - {"EACCES"} <= set(expected) and bool(seen) == bool(expected), done.stdout[-1500:]


for _remover, _target, _user in itertools.product(WALKS, TARGETS, USERS):
    CASES[f"{_remover}: {_target}, {_user}"] = functools.partial(walk, _remover, _target, _user)


# ---- one issue ----

def assert_gone(place, short, number):
    """No view has it, by whatever name."""
    org = place.where / "acme/issues"
    assert short not in os.listdir(place.issues) and short not in os.listdir(org)
    for name in (short, short.lower(), number):
        for path in (place.issues / name, org / name, place.issues / name / "status"):
            assert not os.path.lexists(path), path


def a_deleted_issue_is_gone(user, of):
    with Place(of, user) as place:
        short = of.fresh()
        number = of.issue(short)["id"]
        assert short in os.listdir(place.issues) and (place.issues / short.lower() / "id").read_text() == number + "\n"
        before = len(place.requests())
        assert place.rmdir(place.issues / short) == "done"
        sent = [r["method"] for r in place.requests()[before:]]
        assert sent == ["GET", "DELETE"], "whether the number still means that issue, and then"
        assert_gone(place, short, number)
        assert place.rmdir(place.issues / short) == "ENOENT"
        before = len(place.requests())
        os.kill(place.mount.pid, signal.SIGHUP)

        def listed_anew():
            os.listdir(place.issues)
            return any("query=" in r["query"] for r in place.requests()[before:])
        wait_until(listed_anew, "a new listing")
        assert_gone(place, short, number)
        assert place.deletes() == 1
        assert of.issue(short)["deleted"]


@case
def a_deleted_issue(user):
    a_deleted_issue_is_gone(user, server("real"))


@case
def a_deleted_issue_that_the_server_still_lists(user):
    a_deleted_issue_is_gone(user, server("lagging"))


@case
def an_issue_that_is_not_listed(user):
    of = server("real")
    short = of.fresh()
    of.control("POST", "mutate", {"op": "status", "issue": short, "status": "resolved"})
    with Place(of, user) as place:
        assert short not in os.listdir(place.issues)
        assert place.rmdir(place.issues / short) == "done"
        assert place.deletes() == 1
        assert_gone(place, short, of.issue(short)["id"])


@case
def other_names_are_no_directories(user):
    of = server("real")
    with Place(of, user) as place:
        short, org = of.fresh(), place.where / "acme/issues"
        number = of.issue(short)["id"]
        for path in (*(place.issues / n for n in (short.lower(), number)), *(org / n for n in (short, number))):
            blind = user != "root" and path.parent == org      # which is 0555
            assert place.rmdir(path) == ("EACCES" if blind else "ENOTDIR"), path
        assert place.deletes() == 0
        assert place.rmdir(place.issues / short) == "done", "nothing was armed"


@case
def nothing_but_an_issue_goes(user):
    with Place(server("counted"), user) as place:
        issue = place.issues / "WEB-2"
        refused = {"EPERM"} if user == "root" else {"EPERM", "EACCES"}
        for path in (issue / "comments", issue / "events", issue / "hashes", issue / "tags", place.issues,
                     place.issues.parent, place.issues.parent / "events", place.where / "acme",
                     place.where / "acme/issues", place.where / ".sentryfs"):
            assert place.rmdir(path) in refused, path
        hand = place.hand()
        for path in (issue / "title", issue / "status", issue / "issue.json", place.where / "README.md",
                     place.issues.parent / "project.json"):
            assert hand("unlink", path) in refused, path
        assert place.deletes() == 0


@case
def two_at_once(user):
    of = server("real")
    with Place(of, user) as place:
        path = place.issues / of.fresh()
        assert path.is_dir()
        done = place.run('rmdir "$P" & a=$!; rmdir "$P" & b=$!; wait $a; a=$?; wait $b; echo $((a + $?))', P=str(path))
        assert done.stdout.splitlines()[-1] == "1" and errnos(done.stdout) == {"ENOENT"}, done.stdout
        assert place.deletes() == 1


# ---- how many ----

@case
def one_for_each_process(user):
    of = server("real")
    with Place(of, user) as place:
        a, b, c = of.fresh(3)
        hand = place.hand()
        assert hand("rmdir", place.issues / a) == "done"
        assert hand("rmdir", place.issues / b) == "EDQUOT"
        assert hand("thread_rmdir", place.issues / c) == "EDQUOT", "a thread is no process of its own"
        assert "max_delete=" in place.last_error(b) and (place.issues / b / "title").read_text()
        assert f"delete {b}: {os.strerror(errno.EDQUOT)}" in place.errors()
        assert place.rmdir(place.issues / b) == "done", "the cap arms nothing"
        assert hand("rmdir", place.issues / c) == "EDQUOT"
        assert place.deletes() == 2


@case
def every_refusal_of_a_glob_says_how_to_allow_more(user):
    with Place(server("counted"), user) as place:
        done = place.run('cd "$I" && rmdir *')
        assert done.returncode == 1 and done.stdout.count(os.strerror(errno.EDQUOT)) == 99
        left = os.listdir(place.issues)
        assert len(left) == 99 and place.deletes() == 1
        assert all("max_delete=" in place.last_error(short) for short in left)


@case
def max_delete(user):
    of = server("real")
    with Place(of, user, "-o", "max_delete=3") as place:
        hand, names = place.hand(), of.fresh(4)
        assert [hand("rmdir", place.issues / name) for name in names] == ["done"] * 3 + ["EDQUOT"]
        assert place.deletes() == 3


@case
def ten_a_minute(user):
    of = server("counted")
    with Place(of, user) as place:
        names = sorted(os.listdir(place.issues))[:12]
        assert [place.rmdir(place.issues / name) for name in names] == ["done"] * 10 + ["EDQUOT"] * 2
        assert place.deletes() == 10 and "max_delete=" in place.last_error(names[10])


@case
def max_delete_is_for_the_minute_too(user):
    of = server("counted")
    with Place(of, user, "-o", "max_delete=12") as place:
        hand, names = place.hand(), sorted(os.listdir(place.issues))[:14]
        assert [hand("rmdir", place.issues / name) for name in names[:13]] == ["done"] * 12 + ["EDQUOT"]
        assert place.rmdir(place.issues / names[13]) == "EDQUOT"
        assert place.deletes() == 12


# ---- how to forbid it ----

def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


@case
def modes_where_it_is_possible(user):
    with Place(server("counted"), user) as place:
        os.listdir(place.issues)
        issue = place.issues / "WEB-2"
        # 0755 all the way, or the kernel refuses alone and the guard is blind
        assert [mode(p) for p in (place.issues.parent, place.issues, issue, issue / "comments")] == [0o755] * 4


@case
def nodelete(user):
    with Place(server("counted"), user, "-o", "nodelete") as place:
        issue = place.issues / "WEB-2"
        os.listdir(place.issues)
        assert mode(place.issues) == 0o555 and mode(issue / "status") == 0o644
        # the kernel reads the mode, and asks nobody
        assert place.rmdir(issue) == ("EPERM" if user == "root" else "EACCES")
        assert place.run('cd "$I" && rmdir *').returncode == 1
        assert place.deletes() == 0


@case
def read_only(user):
    with Place(server("counted"), user, "-o", "ro") as place:
        issue = place.issues / "WEB-2"
        os.listdir(place.issues)
        assert [mode(p) for p in (place.issues, issue, issue / "status")] == [0o555, 0o555, 0o444]
        assert place.rmdir(issue) == "EROFS"
        assert place.hand()("unlink", issue / "title") == "EROFS"
        assert place.deletes() == 0


@case
def somebody_else(user):
    """Who may enter, but owns nothing."""
    with Place(server("counted"), user, *(("-o", "allow_other") if user == "root" else ())) as place:
        place.prefix = ["setpriv", "--reuid=1234", "--regid=1234", "--clear-groups"]
        assert place.rmdir(place.issues / "WEB-2") == "EACCES"
        assert errnos(place.run('rm -rf "$I/WEB-2"; rmdir "$I"/*').stdout) == {"EACCES"}
        assert place.deletes() == 0


READER = ("event:read", "event:write", "org:read", "project:read", "member:read", "team:read")


@case
def a_token_that_may_not_delete(user):
    of = server("counted")
    with Place(of, user, token=of.make_token(*READER)) as place:
        issue = place.issues / "WEB-2"
        os.listdir(place.issues)
        wait_until(lambda: mode(place.issues) == 0o555, "the scopes")
        assert mode(issue / "status") == 0o644, "it may write"
        assert place.rmdir(issue) == "EACCES"
        assert place.deletes() == 0


@case
def a_token_that_is_found_out(user):
    """Nothing was listed, so that nothing is known of the token before the server refuses."""
    of = server("real")
    with Place(of, user, token=of.make_token(*READER)) as place:
        assert place.rmdir(place.issues / "WEB-2") == "EACCES"
        sent = place.deletes()
        assert sent <= 1 and "event:admin" in place.last_error("WEB-2")
        assert place.rmdir(place.issues / "WEB-3") == "EACCES"
        assert place.deletes() == sent
        wait_until(lambda: mode(place.issues) == 0o555, "the mode, which the kernel keeps for a second", 3)


# ---- what the server may say ----
#
# name -> what meets the first DELETE of the issue, the error, DELETEs, GETs of the issue afterwards

RETRY = {"rate_limit": "retry-after"}
NO = {"body": '{"detail":"no"}'}
HANG = {"hang": "before-headers"}
FAULTS = {
    "400": ({"status": 400, **NO}, "EINVAL", 1, 0),
    "403": ({"status": 403, **NO}, "EACCES", 1, 0),
    "404": ({"status": 404, **NO}, "ENOENT", 1, 0),
    "409": ({"status": 409, **NO}, "EBUSY", 1, 0),
    "410": ({"status": 410, **NO}, "ENOTSUP", 1, 0),
    "429 for an hour": ({**RETRY, "headers": {"Retry-After": "3600"}}, "EAGAIN", 1, 0),
    "429 for a second": ({**RETRY, "headers": {"Retry-After": "1"}}, "done", 2, 0),
    "500": ({"status": 500, **NO}, "EIO", 1, 0),
    "502": ({"status": 502, "body": "<html>", "content_type": "text/html"}, "EIO", 1, 1),
    "503": ({"status": 503, "empty": True}, "EIO", 1, 1),
    "504": ({"status": 504, "empty": True}, "EIO", 1, 1),
    "502 but applied": ({"status": 502, "body": "<html>", "keep": True}, "done", 1, 1),
    "a cut": ({"drop": True}, "EIO", 1, 1),
    "a cut but applied": ({"drop": True, "keep": True}, "done", 1, 1),
    "no answer": (HANG, "ETIMEDOUT", 1, 1),
    "no answer but applied": ({**HANG, "keep": True}, "done", 1, 1),
    "no answer to anything": (HANG, "ETIMEDOUT", 1, 1),
}
FAULTY = dict(zip(itertools.product(FAULTS, USERS), (f"WEB-{a}{b}" for a in "12" for b in "ABCDEFGHJKMNPQRSTVWXYZ")))


def faulty_server():
    of, rules = Server("--projects", 1), []
    for (name, _), short in FAULTY.items():
        path = f"/issues/({short}|{of.issue(short)['id']})/$"
        rules.append({"method": "DELETE", "path": path, "times": 1, **FAULTS[name][0]})
        if name == "no answer to anything":
            rules.append({"method": "GET", "path": path, "after": 1, **HANG})
    of.faults(*rules, NO_LIMITS)
    return of


def a_server_that_answers(name, user):
    _, wanted, deletes, gets = FAULTS[name]
    of, short = server("faulty"), FAULTY[name, user]
    with Place(of, user) as place:
        assert short in os.listdir(place.issues)
        hand, before, begin = place.hand(), len(place.requests()), time.monotonic()
        assert hand("rmdir", place.issues / short) == wanted
        assert time.monotonic() - begin < 5 + 1.5 * PATIENCE
        sent = [r["method"] for r in place.requests()[before:]]
        assert (sent.count("DELETE"), sent.count("GET")) == (deletes, 1 + gets), "one GET before"
        if wanted == "done":
            assert short not in os.listdir(place.issues) and not os.path.lexists(place.issues / short)
            return
        said = place.last_error(short)
        assert wanted in said.replace("EOPNOTSUPP", "ENOTSUP") and f"delete {short}: " in place.errors()
        if "status" in FAULTS[name][0]:
            assert name[:3] in said
        elif name == "no answer to anything":
            assert "not known" in said
        elif gets:
            assert "it was not done" in said
        # it was the server that refused: nothing is armed, and it is the same issue
        if wanted not in ("EACCES", "EAGAIN") and "anything" not in name:
            assert hand("rmdir", place.issues / short) == "done"
            assert place.deletes() == 2 and of.issue(short)["deleted"]


@case
def an_issue_that_was_merged_a_moment_ago(user):
    """The server takes a merged-away number for the survivor, which rmdir was not told to delete."""
    of = server("real")
    with Place(of, user) as place:
        away, survivor = of.fresh(2)
        assert away in os.listdir(place.issues)
        of.mutate("merge", into=survivor, issues=[away])
        assert place.rmdir(place.issues / away) == "ENOENT"
        assert place.deletes() == 0 and not of.issue(survivor)["deleted"]
        assert f"it was merged into {survivor}" in place.last_error(away)


@case
def a_glob_at_a_server_that_refuses(user):
    """What became of a request may not be known, so that one request is what a process has."""
    of = Server("--projects", 1, rules=[{"method": "DELETE", "status": 500, **NO}])
    try:
        with Place(of, user) as place:
            done = place.run('cd "$I" && rmdir *')
            assert errnos(done.stdout) == {"EIO", "EDQUOT"} and place.deletes() == 1
    finally:
        of.stop()


for _fault, _user in FAULTY:
    CASES[f"a server that says {_fault}, {_user}"] = functools.partial(a_server_that_answers, _fault, _user)


# ---- the guard ----

@case
def the_guard(user):
    """After 5 s another process may; the one that met the refusal never may."""
    of = server("real")
    with Place(of, user) as place:
        a, b, c = (place.issues / short for short in of.fresh(3))
        hand, begin = place.hand(), time.monotonic()
        assert hand("unlink", b / "title") == "EPERM"
        refused = time.monotonic()
        assert hand("thread_unlink", a / "title") == "EPERM", "a thread's refusal is its process's"
        assert hand("rmdir", a) == "ENOTEMPTY"
        assert place.rmdir(a) == "ENOTEMPTY"
        assert "five seconds" in place.last_error(a.name)
        assert hand("rmdir", c) == "done", "another issue is not concerned"
        assert place.deletes() == 1
        said = {"ENOTEMPTY"}

        def another_may():
            said.add(place.rmdir(a))
            return "done" in said
        wait_until(another_may, "the end of the guard")     # which asking does not put off
        assert said == {"ENOTEMPTY", "done"}
        assert 5 <= time.monotonic() - begin and time.monotonic() - refused < 5 + 3 * PATIENCE
        assert hand("rmdir", b) == "ENOTEMPTY"
        assert hand("thread_rmdir", b) == "ENOTEMPTY"
        assert place.deletes() == 2
        assert place.rmdir(b) == "done", "a process that met none"
        assert place.deletes() == 3


REFUSALS = {    # as issues/ sees them
    "unlink": ("WEB-1/title", "WEB-1/comments/new", "web-2", "../project.json"),
    "rmdir": ("WEB-1/comments", "WEB-1/tags", "../events", "."),
}
# what is in a 0555 directory the kernel refuses alone, but to root
HIGHER = {
    "unlink": ("WEB-1/tags/browser", "../../../organization.json", "../../../../README.md"),
    "rmdir": ("../../web",),
}


@case
def a_refusal_at_below_or_above(user):
    of = server("counted")
    for verb in ("unlink", "rmdir"):
        for name in REFUSALS[verb] + (HIGHER[verb] if user == "root" else ()):
            with Place(of, user) as place:
                path = os.path.normpath(place.issues / name)
                assert os.path.lexists(path), name
                assert place.hand()(verb, path) == "EPERM", name
                assert place.rmdir(place.issues / "WEB-1") == "ENOTEMPTY", name
                assert place.deletes() == 0


@case
def a_refusal_elsewhere(user):
    of = server("real")
    with Place(of, user) as place:
        a, b = (place.issues / short for short in of.fresh(2))
        hand = place.hand()
        assert hand("unlink", b / "title") == "EPERM"
        assert hand("unlink", place.where / "acme/projects/api/issues/API-1/title") == "EPERM"
        assert hand("mkdir", a / "new") == "EPERM", "no sign of a remover"
        assert place.rmdir(a) == "done"


@case
def siblings_of_a_refused_rmdir(user):
    """Children of one process are one walk; those of another are not concerned."""
    of = server("real")
    with Place(of, user) as place:
        a, b, c = (place.issues / short for short in of.fresh(3))
        parent, another = place.hand(), place.hand()
        begin = time.monotonic()
        assert parent("child_rmdir", a / "tags") == "EPERM"
        refused = time.monotonic()
        assert parent("child_rmdir", b) == "ENOTEMPTY"
        assert another("child_rmdir", a) == "ENOTEMPTY", "where the refusal was"
        assert another("child_rmdir", c) == "done"
        wait_until(lambda: parent("child_rmdir", b) == "done", "the end of the guard")
        assert 5 <= time.monotonic() - begin and time.monotonic() - refused < 5 + 3 * PATIENCE
        assert place.deletes() == 2


# ---- what lasts ----

SLOW = {
    "find -delete": 'find "$I" -delete',
    "find -exec rmdir {} ;": 'find "$I" -type d -exec rmdir {} \\;',
    "find -depth -exec rmdir {} ;": 'find "$I" -depth -type d -exec rmdir {} \\;',
    "python rmtree": PYTHON.format("shutil.rmtree", ", ignore_errors=True").replace("$T", "$I"),
}


def a_walk_of_more_than_5_s(command, user):
    with Place(server("slow"), user) as place:
        begin = time.monotonic()
        done = place.run(SLOW[command])
        assert time.monotonic() - begin > 5, "as long as the guard, or this proves nothing"
        assert place.deletes() == 0, done.stdout[-1000:]


for _command, _user in itertools.product(SLOW, USERS):
    CASES[f"slow {_command}, {_user}"] = functools.partial(a_walk_of_more_than_5_s, _command, _user)


@case
def a_walk_that_waits_longer_than_the_guard(user):
    """Between its last refusal in one issue and rmdir of the next, for the server alone."""
    of = Server("--projects", 1, rules=[ACCEPTED, {"path": "/hashes/$", "delay_ms": 5300}])
    try:
        with Place(of, user, "-o", "max_issues=2") as place:
            done = place.run('find "$I" -type d -exec rmdir {} \\;')
            assert place.deletes() == 0 and errnos(done.stdout) == {"EPERM", "ENOTEMPTY"}, done.stdout
    finally:
        of.stop()


@case
def a_walk_of_a_mount_of_one_project(user):
    with Place(server("counted"), user, source="acme/web") as place:
        done = place.run('find "$I" -type d -exec rmdir {} \\;')
        assert place.deletes() == 0 and errnos(done.stdout) == {"EPERM", "ENOTEMPTY"}


# ---- running them ----

@pytest.fixture(scope="module")
def work(request):
    """The results of the cases that were chosen, by name, as they come."""
    names = [i.callspec.params["name"] for i in request.session.items if i.function is test_remove]
    executor = concurrent.futures.ThreadPoolExecutor
    # the table needs processors, the others mostly wait; under valgrind all do
    with executor(2 if WRAPPER else 4) as busy, executor(2 if WRAPPER else 16) as waiting:
        yield {name: (busy if ":" in name else waiting).submit(CASES[name]) for name in names}
        for pool in (busy, waiting):
            pool.shutdown(cancel_futures=True)
    for made in SERVERS.values():
        made.stop()


@pytest.mark.parametrize("name", CASES)
def test_remove(name, work):
    work[name].result(timeout=400 * PATIENCE)
