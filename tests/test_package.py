# SPDX-License-Identifier: MIT
"""The Debian package on a bare Debian 12: built, installed, used by an ordinary user and by fstab, purged without a trace.

debootstrap makes the root; a mount namespace of its own keeps what is mounted in it from the rest of the machine.
"""

import pathlib
import re
import shutil
import subprocess
import tempfile

import pytest
from conftest import TOP

# what apt and dpkg write for themselves, whatever is installed
BOOKS = re.compile(r"/(var/lib/(dpkg|apt)|var/cache/(apt|debconf|ldconfig)|var/log)(/|$)|/etc/ld\.so\.cache$|/tmp/")


@pytest.fixture(scope="module")
def deb(tmp_path_factory):
    out = tmp_path_factory.mktemp("deb")
    done = subprocess.run([TOP / "tools/package", out], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]
    assert not re.search(r"^[EW]: ", done.stdout, re.M), done.stdout
    return next(out.glob("sentryfs_*.deb"))


def test_its_relations(deb):
    fields = subprocess.run(["dpkg-deb", "-f", deb], capture_output=True, text=True, check=True).stdout
    depends = re.search(r"^Depends: (.*)$", fields, re.M)[1]
    assert {d.split()[0] for d in depends.split(", ")} == {
        "fuse3", "libc6", "libcjson1", "libcurl4", "libfuse3-3", "libsqlite3-0", "libssl3"}
    assert "Recommends: ca-certificates\n" in fields


@pytest.fixture(scope="module")
def root():
    path = pathlib.Path(tempfile.mkdtemp(prefix="sentryfs-root-"))
    path.chmod(0o755)
    done = subprocess.run(["debootstrap", "--variant=minbase", "bookworm", path], capture_output=True, text=True,
                          timeout=900)
    assert done.returncode == 0, done.stdout[-3000:]
    yield path
    shutil.rmtree(path)


USE = r"""
set -eu
root=$1 deb=$2 url=$3 token=$4
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755 none "$root/dev"
for n in "null 1 3" "zero 1 5" "urandom 1 9" "random 1 8" "tty 5 0" "fuse 10 229"; do
	set -- $n
	mknod "$root/dev/$1" c "$2" "$3"
	chmod 666 "$root/dev/$1"
done
mkdir "$root/dev/pts"
cp "$deb" "$root/tmp/sentryfs.deb"
in_root() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"; }
as_jane() { in_root HOME=/home/jane SENTRY_AUTH_TOKEN="$token" SENTRY_URL="$url" \
	setpriv --reuid=1000 --regid=1000 --clear-groups "$@"; }
files() { (cd "$root" && find . -xdev ! -path './proc*' ! -path './dev*' | sed 's/^\.//' | LC_ALL=C sort); }
in_root useradd -m -u 1000 jane
ln -s /proc/self/mounts "$root/etc/mtab" # as on a system that was booted
files >"$root/../$(basename "$root").before"

in_root apt-get install -y -qq --no-install-recommends /tmp/sentryfs.deb >/dev/null 2>&1
in_root dpkg -s sentryfs | grep '^Status: '
in_root sentryfs -V
as_jane mkdir /home/jane/sentry
as_jane sentryfs doctor acme | cut -c 1-18
as_jane sentryfs acme /home/jane/sentry
as_jane cat /home/jane/sentry/projects/web/issues/WEB-1/shortId
as_jane sh -c 'echo ignored > /home/jane/sentry/projects/web/issues/WEB-3/status; cat /home/jane/sentry/projects/web/issues/WEB-3/status'
as_jane sentryfs fetch /home/jane/sentry/projects/web/issues/WEB-3 | grep -c 'WEB-3'
as_jane fusermount3 -u /home/jane/sentry
as_jane rmdir /home/jane/sentry
(umask 077 && printf %s "$token" >"$root/etc/sentryfs.token")
in_root mkdir /mnt/sentry
cp "$root/etc/fstab" "$root/tmp/fstab"
echo "acme /mnt/sentry fuse.sentryfs noauto,ro,cache=memory,url=$url,token_file=/etc/sentryfs.token 0 0" >>"$root/etc/fstab"
in_root mount /mnt/sentry
in_root cat /mnt/sentry/projects/web/issues/WEB-2/shortId
in_root umount /mnt/sentry
in_root rmdir /mnt/sentry
cp "$root/tmp/fstab" "$root/etc/fstab"
rm "$root/etc/sentryfs.token"

in_root apt-get purge -y -qq sentryfs >/dev/null 2>&1
in_root sh -c '! command -v sentryfs && ! dpkg -s sentryfs' 2>/dev/null
in_root apt-get autoremove --purge -y -qq >/dev/null 2>&1
files >"$root/../$(basename "$root").after"
"""


def test_installed_used_and_purged(deb, root, sandbox):
    done = subprocess.run(["unshare", "-mpf", "--kill-child", "bash", "-c", USE, "-", root, deb, sandbox.url, sandbox.token],
                          capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    version = re.search(r"version: '([\d.]+)'", (TOP / "meson.build").read_text())[1]
    lines = done.stdout.splitlines()
    assert lines[:2] == ["Status: install ok installed", f"sentryfs {version}"]
    checks = lines[2:-4]
    assert len(checks) > 8 and all(line.startswith("ok    ") for line in checks), done.stdout
    assert lines[-4:] == ["WEB-1", "ignored", "1", "WEB-2"]
    lists = [root.with_name(f"{root.name}.{when}") for when in ("before", "after")]
    before, after = (set(path.read_text().splitlines()) for path in lists)
    for path in lists:
        path.unlink()
    left = {name for name in after - before if not BOOKS.search(name)}
    assert left and all(name.startswith("/home/jane/.cache") for name in left), left
    assert any(name.endswith(".db") for name in left), "the user's store stays"
    assert not {name for name in before - after if not BOOKS.search(name)}
