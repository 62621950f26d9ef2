# SPDX-License-Identifier: MIT
"""As an ordinary user: who may mount, enter, read, change and unmount, and what the kernel is told.

Root makes a mount namespace where /dev/fuse is everybody's and /etc/fuse.conf the test's; in it an ordinary user mounts through
fusermount3, as on a desktop. Another ordinary user and root are who they are.
"""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile

import pytest
from conftest import PROGRAM, open_to_all, server_of, wait_until

OWNER, OTHER = 65534, 1    # nobody and daemon: fusermount3 wants users that have a name
ISSUE = "acme/projects/web/issues/WEB-1"


small = server_of("--issues", 8, "--projects", 1, "--events", 2)


class Desk:
    """The namespace, and commands in it."""

    SETUP = """
        set -e
        mount -t tmpfs -o mode=755,dev tmpfs "$1"
        mknod "$1/fuse" c 10 229; chmod 666 "$1/fuse"
        mount --bind "$1/fuse" /dev/fuse
        : > "$1/fuse.conf"; chmod 644 "$1/fuse.conf"
        mount --bind "$1/fuse.conf" /etc/fuse.conf
        echo ready; read -r _ || true
    """

    def __init__(self, home, server):
        assert os.getuid() == 0, "run as root: the users are made with setpriv"
        self.home, self.server = home, server
        open_to_all(home)
        private, self.where, self.cache = (home / n for n in ("private", "sentry", "cache"))
        for directory in (private, self.where, self.cache):
            directory.mkdir()
            os.chown(directory, OWNER, OWNER)
        # a checkout may lie where nobody else may go
        self.program = home / "sentryfs"
        shutil.copy(PROGRAM, self.program)
        self.conf = private / "fuse.conf"
        self.holder = subprocess.Popen(["unshare", "--mount", "--propagation", "private", "bash", "-c", self.SETUP, "setup",
                                        private], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.holder.stdout.readline() == "ready\n"

    def run(self, script, user=OWNER, **env):
        """A script of that user's in the namespace."""
        become = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"] if user else []
        env = {"PATH": os.environ["PATH"], "HOME": str(self.home / "private"), "LANG": "C.UTF-8", "M": str(self.where),
               "SENTRYFS": str(self.program), "URL": self.server.url, "XDG_CACHE_HOME": str(self.cache), "I": ISSUE,
               "SENTRY_AUTH_TOKEN": self.server.token if user == OWNER else "",
               # a sanitizer's report is where that user can write it
               **{k: re.sub("log_path=[^:]*", f"log_path={self.cache}/report", v) for k, v in os.environ.items()
                  if k.endswith("SAN_OPTIONS")}, **env}
        return subprocess.run(["nsenter", f"--mount=/proc/{self.holder.pid}/ns/mnt", "--wd=/", *become, "bash", "-c", script],
                              env=env, capture_output=True, text=True, timeout=60, cwd="/")

    def ok(self, script, user=OWNER, **env):
        done = self.run(script, user, **env)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def refused(self, script, words, user=OWNER):
        done = self.run(script, user)
        assert done.returncode != 0 and words in done.stderr, (done.returncode, done.stdout, done.stderr)

    def mount(self, options="ro=no"):
        given = "" if options == "ro=no" else f"-o {options}"
        done = self.run(f'"$SENTRYFS" --url="$URL" {given} "$M"')
        self.pid = None
        if done.returncode == 0:
            self.pid = int(re.search(r"^pid\t(\d+)", self.ok('cat "$M/.sentryfs/status"'), re.M)[1])
        return done

    def mountinfo(self):
        """The options of the mount and of its file system, each as a set, and the rest."""
        line, = [x for x in pathlib.Path(f"/proc/{self.holder.pid}/mountinfo").read_text().splitlines()
                 if f" {self.where} " in x]
        before, after = line.split(" - ")
        kind, source, inner = after.split()
        return set(before.split()[5].split(",")), set(inner.split(",")), kind, source

    def gone(self):
        wait_until(lambda: not os.path.exists(f"/proc/{self.pid}"), "the end of the daemon")
        assert str(self.where) not in pathlib.Path(f"/proc/{self.holder.pid}/mountinfo").read_text()

    def unmount(self):
        self.ok('fusermount3 -u "$M"')
        self.gone()

    def stop(self):
        self.run('fusermount3 -u "$M"')
        self.run('umount -l "$M"', user=0)
        self.holder.communicate("", timeout=20)
        assert "".join(p.read_text() for p in self.cache.glob("report*")) == ""


@pytest.fixture
def desk(small):
    """In a directory of its own: pytest shuts its own one to other users."""
    small.faults()
    small.forget()
    with tempfile.TemporaryDirectory(prefix="sentryfs-desk-") as home:
        d = Desk(pathlib.Path(home), small)
        yield d
        d.stop()


def test_mount_read_write_unmount(desk, small):
    done = desk.mount()
    assert (done.returncode, done.stderr) == (0, "")
    options, inner, kind, source = desk.mountinfo()
    assert {"nosuid", "nodev", "noexec", "rw"} <= options
    assert {f"user_id={OWNER}", f"group_id={OWNER}"} <= inner and not {"allow_other", "default_permissions"} & inner
    assert kind == "fuse.sentryfs" and source.startswith("sentry:127.0.0.1:")
    assert desk.ok('cat "$M/$I/title"').strip()
    assert desk.ok('stat -c "%u %g %a" "$M" "$M/$I/title" "$M/$I/status"').split() == [
        str(OWNER), str(OWNER), "555", str(OWNER), str(OWNER), "444", str(OWNER), str(OWNER), "644"]
    desk.ok('echo true > "$M/$I/isBookmarked"')
    assert [r["method"] for r in small.requests()].count("PUT") == 1
    desk.ok('cp /bin/true "$HOME/x" 2>/dev/null; ! "$M/README.md"')
    assert os.stat(desk.cache / "sentryfs").st_uid == OWNER
    desk.unmount()


def test_nobody_else_enters(desk):
    """Not even root."""
    assert desk.mount().returncode == 0
    for user in (0, OTHER):
        for command in ('ls "$M"', 'cat "$M/README.md"', 'cat "$M/$I/title"', 'echo x > "$M/$I/status"', 'rmdir "$M/$I"',
                        'cd "$M"', 'stat "$M/README.md"'):
            desk.refused(command, "Permission denied", user)
    desk.refused('fusermount3 -u "$M"', "not found in /etc/mtab", OTHER)    # of that user's
    desk.refused("kill " + str(desk.pid), "not permitted", OTHER)
    assert desk.ok('cat "$M/$I/title"')


def test_the_daemon_cannot_be_looked_into(desk):
    """Not dumpable: what is in /proc of its is root's, also for the user who started it, and there is no core."""
    assert desk.mount().returncode == 0
    for name in ("environ", "maps", "mem", "fd", "auxv", "exe"):
        assert os.lstat(f"/proc/{desk.pid}/{name}").st_uid == 0, name
    for user in (OWNER, OTHER):
        for name in ("environ", "maps", "mem", "auxv", "stack", "syscall"):
            desk.refused(f"cat /proc/{desk.pid}/{name} > /dev/null", "ermi", user)
        desk.refused(f"ls /proc/{desk.pid}/fd/", "Permission denied", user)
    desk.ok(f"kill -ABRT {desk.pid}")
    wait_until(lambda: not os.path.exists(f"/proc/{desk.pid}"), "the end of the daemon")
    assert not [*pathlib.Path("/").glob("core*"), *desk.home.glob("**/core*")]


def test_allow_other_needs_the_administrator(desk):
    done = desk.mount("allow_other")
    assert done.returncode == 1 and done.stdout == ""
    assert "user_allow_other" in done.stderr and "/etc/fuse.conf" in done.stderr and f"cannot mount on {desk.where}" in done.stderr
    assert len(done.stderr.splitlines()) == 2


def test_allow_other_lets_them_read_and_not_write(desk, small):
    desk.ok(f"echo user_allow_other > {desk.conf}", user=0)
    assert desk.mount("allow_other").returncode == 0
    assert {"allow_other", "default_permissions"} <= desk.mountinfo()[1]
    title = desk.ok('cat "$M/$I/title"')
    assert desk.ok('cat "$M/$I/title"', OTHER) == desk.ok('cat "$M/$I/title"', 0) == title
    small.forget()
    for command in ('echo x > "$M/$I/status"', 'echo x > "$M/$I/comments/new"', 'rm "$M/$I/status"', 'rmdir "$M/$I"',
                    'chmod 666 "$M/$I/status"', 'touch "$M/$I/status.tmp"', 'truncate -s 0 "$M/$I/status"',
                    'mv "$M/$I/title" "$M/$I/status"'):
        desk.refused(command, "ermi", OTHER)
    assert [r for r in small.requests() if r["method"] != "GET"] == []
    desk.refused('fusermount3 -u "$M"', "not found in /etc/mtab", OTHER)    # of that user's
    desk.ok('echo true > "$M/$I/isBookmarked"; echo false > "$M/$I/isBookmarked"')


@pytest.fixture
def theirs(desk, small):
    """A function that mounts as another user does, whose directory's name would set a terminal's title."""
    where = desk.home / "a\033]0;x\ab"
    where.mkdir()
    os.chown(where, OTHER, OTHER)
    who = {"user": OTHER, "M": str(where), "SENTRY_AUTH_TOKEN": small.token}
    desk.ok(f"echo user_allow_other > {desk.conf}", user=0)

    def make(options):
        desk.ok(f'"$SENTRYFS" --url="$URL" -o cache=memory -o {options} "$M"', **who)
        return where

    yield make
    desk.ok('fusermount3 -u "$M"', **who)


def test_what_others_mounted_for_themselves_is_not_shown(desk, theirs):
    assert desk.mount().returncode == 0
    where = theirs("ro")
    done = desk.run('"$SENTRYFS" status')
    assert (done.returncode, done.stderr) == (0, "") and f"mountpoint\t{desk.where}\n" in done.stdout
    done = desk.run('"$SENTRYFS" status "$M"', M=str(where))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"sentryfs status: {desk.home}/a ]0;x b/.sentryfs/status: Permission denied\n"


def test_own_mounts_come_before_those_of_others(desk, theirs):
    """Nobody else puts a mount in the way of `cd $(sentryfs path WEB-1)`, neither a newer one nor many."""
    where = theirs("allow_other")
    many = """python3 -c 'import ctypes, sys
for _ in range(256):
    assert not ctypes.CDLL(None).%s' """
    desk.ok(many % f'mount(sys.argv[1].encode(), b"{desk.home}/private", None, 4096, None)' + '"$M"', user=0, M=str(where))
    assert desk.mount().returncode == 0
    assert desk.ok('"$SENTRYFS" path WEB-1') == f"{desk.where}/{ISSUE}\n"
    shown = desk.ok('"$SENTRYFS" status')
    assert shown.index(f"mountpoint\t{desk.where}\n") < shown.index(f"mountpoint\t{desk.home}/a ]0;x b\n")
    assert not re.search(r"[^\n\t -~]", shown)
    desk.ok(many % f'umount2(b"{desk.home}/private", 2)', user=0)


def test_umask_and_owner(desk):
    desk.ok(f"echo user_allow_other > {desk.conf}", user=0)
    assert desk.mount(f"allow_other,umask=077,uid={OWNER},gid={OTHER}").returncode == 0
    assert desk.ok('stat -c "%u %g %a" "$M/README.md" "$M/.sentryfs" "$M/$I/status"').splitlines() == [
        f"{OWNER} {OTHER} 400", f"{OWNER} {OTHER} 500", f"{OWNER} {OTHER} 600"]
    desk.refused('cat "$M/README.md"', "Permission denied", OTHER)
    desk.unmount()
    assert desk.mount(f"allow_other,umask=027,uid={OWNER},gid={OTHER}").returncode == 0
    assert desk.ok('cat "$M/$I/title"', OTHER)
    desk.refused('echo x > "$M/$I/status"', "Permission denied", OTHER)


@pytest.mark.parametrize("mask", ["0777", "0177", "0000"])
def test_the_store_is_its_owners_whatever_the_mask_is(desk, mask):
    cache = desk.cache / "xdg"
    done = desk.run(f'umask {mask}; "$SENTRYFS" --url="$URL" "$M"', XDG_CACHE_HOME=str(cache))
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(f"^store\t{cache}/sentryfs/.*, ", desk.ok('cat "$M/.sentryfs/status"'), re.M)
    assert {oct(p.stat().st_mode & 0o777) for p in (cache, cache / "sentryfs")} == {"0o700"}
    assert {oct(p.stat().st_mode & 0o777) for p in (cache / "sentryfs").iterdir()} == {"0o600"}


@pytest.mark.parametrize("mode", ["4755", "2755"])
def test_with_the_rights_of_another_it_does_nothing(desk, small, mode):
    """It would send any file of root's that could be a token to the server that its caller names."""
    secret = desk.home / "secret"
    secret.write_text("root" * 10)
    secret.chmod(0o640 if mode == "2755" else 0o600)
    desk.ok(f'chown root:root "$SENTRYFS"; chmod {mode} "$SENTRYFS"', user=0)
    for words in (f'doctor --url="$URL" -o token_file={secret}', '--url="$URL" "$M"', '--version'):
        done = desk.run(f'"$SENTRYFS" {words}')
        assert (done.returncode, done.stdout) == (1, "") and "must not be set-user-ID" in done.stderr
    assert small.requests() == []


def test_read_only(desk, small):
    assert desk.mount("ro").returncode == 0
    options, inner, _, _ = desk.mountinfo()
    assert "ro" in options and "ro" in inner and {"nosuid", "nodev", "noexec"} <= options
    small.forget()
    for command in ('echo resolved > "$M/$I/status"', 'rmdir "$M/$I"', 'rm "$M/$I/status"', 'touch "$M/$I/status.tmp"',
                    'mkdir "$M/$I/x"', 'chmod 600 "$M/$I/status"'):
        desk.refused(command, "Read-only file system")
    assert [r for r in small.requests() if r["method"] != "GET"] == []
    assert desk.ok('stat -c %a "$M/$I/status"') == "444\n"


def test_options_do_not_take_the_flags_away(desk):
    """What mount(8) would pass on: suid, dev and exec change nothing."""
    assert desk.mount("suid,dev,exec").returncode == 0
    assert {"nosuid", "nodev", "noexec"} <= desk.mountinfo()[0]


def test_a_mount_point_of_somebody_else(desk):
    os.chown(desk.where, 0, 0)
    os.chmod(desk.where, 0o755)
    done = desk.mount()
    assert done.returncode == 1 and "no write access to mountpoint" in done.stderr
    assert f"cannot mount on {desk.where}" in done.stderr and str(desk.where) not in pathlib.Path(
        f"/proc/{desk.holder.pid}/mountinfo").read_text()


def test_a_mount_that_was_killed(desk):
    """Its owner takes it away by mounting again, nobody else does."""
    assert desk.mount().returncode == 0
    os.kill(desk.pid, signal.SIGKILL)
    desk.run('until ! ls "$M"; do :; done')
    desk.refused('"$SENTRYFS" --url="$URL" "$M"', "cannot be used", user=OTHER)
    desk.refused('ls "$M"', "Transport endpoint is not connected")
    done = desk.mount()
    assert (done.returncode, done.stderr.count("has ended, and was unmounted")) == (0, 1), done.stderr
    assert desk.ok('cat "$M/$I/title"').strip()
    desk.mountinfo()    # there is one
    desk.unmount()


def test_without_the_device(desk):
    desk.ok("chmod 600 /dev/fuse", user=0)
    done = desk.mount()
    assert done.returncode == 1 and "/dev/fuse" in done.stderr and "cannot mount on" in done.stderr


@pytest.mark.parametrize("how", ["kill", "umount -l as root"])
def test_other_ends(desk, how):
    assert desk.mount().returncode == 0
    desk.ok(f"kill {desk.pid}") if how == "kill" else desk.ok('umount -l "$M"', user=0)
    desk.gone()
