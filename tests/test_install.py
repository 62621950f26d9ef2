# SPDX-License-Identifier: MIT
"""What `meson install` puts where, and that it works: mount(8)'s helper, completion in three shells, units, the manual."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import pytest
from conftest import PLAIN, PROGRAM, TOP
from terminal import Terminal

BUILD = pathlib.Path(PROGRAM).resolve().parent
COMMANDS = {"status", "doctor", "fetch", "path", "resolve-path"}
pytestmark = pytest.mark.skipif(not PLAIN, reason="the plain program is installed; mount(8) hands no environment on")


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Where it was installed, below the prefix that the build has."""
    root = tmp_path_factory.mktemp("root")
    done = subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", root], capture_output=True,
                          text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return root / "usr/local"


def test_every_file_is_in_its_place(installed):
    have = {str(p.relative_to(installed)) for p in installed.rglob("*") if not p.is_dir() or p.is_symlink()}
    assert have == {
        "bin/sentryfs", "sbin/mount.fuse.sentryfs", "sbin/mount.sentryfs", "share/man/man1/sentryfs.1",
        "share/man/man8/mount.fuse.sentryfs.8", "share/man/man8/mount.sentryfs.8",
        "share/bash-completion/completions/sentryfs", "share/zsh/site-functions/_sentryfs",
        "share/fish/vendor_completions.d/sentryfs.fish", "lib/systemd/user/sentryfs.service",
        "share/doc/sentryfs/README.md", "share/doc/sentryfs/LICENSE", "share/doc/sentryfs/examples/fstab",
        "share/doc/sentryfs/examples/mnt-sentry.mount", "share/doc/sentryfs/examples/mnt-sentry.automount"}
    for helper in ("mount.fuse.sentryfs", "mount.sentryfs"):
        assert (installed / "sbin" / helper).resolve() == installed / "bin/sentryfs"
    assert subprocess.run([installed / "bin/sentryfs", "-V"], check=False, capture_output=True).returncode == 0


@pytest.mark.parametrize("page", ["man1/sentryfs.1", "man8/mount.fuse.sentryfs.8", "man8/mount.sentryfs.8"])
def test_the_manual_is_found(installed, page):
    done = subprocess.run(["mandoc", "-T", "utf8", page], capture_output=True, text=True, cwd=installed / "share/man",
                          timeout=20)
    assert done.returncode == 0 and done.stdout.startswith("SENTRYFS(1)"), done.stderr


def test_systemd_takes_the_units(installed, tmp_path):
    """The unit of a user's own, with the program where it says; and the examples."""
    unit = tmp_path / "sentryfs.service"
    text = (installed / "lib/systemd/user/sentryfs.service").read_text()
    assert "ExecStart=/usr/local/bin/sentryfs %h/sentry" in text
    unit.write_text(text.replace("/usr/local/bin/sentryfs", str(installed / "bin/sentryfs")))
    examples = installed / "share/doc/sentryfs/examples"
    for arguments in (["--user", unit], [examples / "mnt-sentry.mount"], [examples / "mnt-sentry.automount"]):
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", *arguments], capture_output=True, text=True,
                              timeout=60, env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)})
        said = [line for line in done.stderr.splitlines() if "sentry" in line]
        assert (done.returncode, said) == (0, []), done.stderr


# ---- mount(8) and fstab ----

@pytest.fixture
def alone(sandbox):
    """Runs a script in a mount namespace of its own, whose /usr/sbin has the helpers and whose /etc/fstab is the test's."""
    tmp_path = pathlib.Path(tempfile.mkdtemp(prefix="sentryfs-"))
    tmp_path.chmod(0o755)
    helpers = tmp_path / "helpers"
    helpers.mkdir()
    for name in ("mount.fuse.sentryfs", "mount.sentryfs"):
        (helpers / name).symlink_to(PROGRAM)
    token = tmp_path / "token"
    token.write_text(sandbox.token)
    token.chmod(0o600)
    where = tmp_path / "where"
    where.mkdir()
    fstab = tmp_path / "fstab"
    home = tmp_path / "home"
    home.mkdir()

    def run(script, options=None):
        options = options and f"{options},url={sandbox.url},token_file={token}"
        fstab.write_text(f"acme {where} fuse.sentryfs {options} 0 0\n" if options else "")
        prepare = f"""set -e
            mount -t overlay -o lowerdir={helpers}:/usr/sbin none /usr/sbin
            mount --bind {fstab} /etc/fstab
            mount --bind {home} /root
            rm -f {tmp_path}/fuse; mknod {tmp_path}/fuse c 10 229; chmod 666 {tmp_path}/fuse; mount --bind {tmp_path}/fuse /dev/fuse
            where={where} options=url={sandbox.url},token_file={token}
            """
        return subprocess.run(["unshare", "-m", "bash", "-c", prepare + script], capture_output=True, text=True,
                              timeout=60, env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8"})
    run.token = token
    run.where = where
    run.home = home
    yield run
    shutil.rmtree(tmp_path)


LOOK = """
cat $where/projects/web/issues/WEB-1/shortId
findmnt -no SOURCE,FSTYPE,OPTIONS $where
umount $where
! findmnt $where
"""


@pytest.mark.parametrize("kind", ["fuse.sentryfs", "sentryfs"])
def test_mount_t(alone, sandbox, kind):
    done = alone(f"mount -t {kind} acme $where -o ro,noauto,$options" + LOOK)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    short, facts = done.stdout.splitlines()
    assert short == "WEB-1" and f"sentry:{sandbox.url[7:]}/acme fuse.sentryfs ro,nosuid,nodev,noexec" in " ".join(facts.split())


def test_a_line_of_fstab(alone):
    done = alone("mount $where" + LOOK, options="noauto,x-systemd.automount,_netdev,nofail,rw")
    assert (done.returncode, done.stderr) == (0, "") and done.stdout.startswith("WEB-1\n"), done.stdout
    assert list(alone.home.glob(".cache/sentryfs/*.db")), "mount(8) tells no HOME; the user database does"


def test_a_user_mounts_by_fstab(alone):
    os.chown(alone.token, 65534, 65534)
    os.chown(alone.where, 65534, 65534)
    as_user = "setpriv --reuid=65534 --regid=65534 --clear-groups "
    look = LOOK.replace("cat ", as_user + "cat ").replace("umount", as_user + "umount").replace("findmnt -no", as_user + "findmnt -no")
    done = alone(as_user + "mount $where" + look, options="noauto,user,cache=memory")
    assert (done.returncode, done.stderr) == (0, "") and done.stdout.startswith("WEB-1\n"), done.stdout
    assert "user_id=65534" in done.stdout


def test_what_mount_is_told_when_it_fails(alone):
    done = alone("mount -t fuse.sentryfs nobody $where -o $options")
    assert done.returncode != 0 and "has no organization nobody" in done.stderr


def test_mount_f_does_nothing(alone, sandbox):
    """mount -f (--fake) asks for everything but the mount."""
    sandbox.forget()
    done = alone("mount -f -t fuse.sentryfs acme $where -o $options && ! findmnt $where")
    assert (done.returncode, done.stderr) == (0, "") and sandbox.requests() == []


def test_the_examples_fstab_lines_are_taken(alone, installed):
    """As they stand there, but for the server, the token and the place."""
    lines = [line.split() for line in (installed / "share/doc/sentryfs/examples/fstab").read_text().splitlines()
             if not line.startswith("#")]
    assert len(lines) == 2 and all(len(line) == 6 and line[2] == "fuse.sentryfs" for line in lines)
    for line in lines:
        options = re.sub(r",token_file=[^,]+", "", line[3])
        done = alone("mount $where && umount $where", options=options)
        assert (done.returncode, done.stderr) == (0, ""), line


# ---- completion ----

@pytest.fixture
def shells(mounted, installed, tmp_path, sandbox):
    """A mount, cold; the shells' environment; an empty directory `local` to complete."""
    (tmp_path / "work/local").mkdir(parents=True)
    sandbox.forget()
    env = {**mounted.env, "PATH": f"{installed}/bin:{os.environ['PATH']}", "HOME": str(tmp_path / "work"),
           "SENTRY_URL": sandbox.url}
    yield mounted, installed / "share", env, tmp_path / "work"
    assert sandbox.requests() == [], "completion asks nobody"


def bash(shells, *words):
    """What Tab offers after these words, as readline would part them."""
    _, share, env, work = shells
    script = f"""source {share}/bash-completion/completions/sentryfs
        compopt() {{ :; }}
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        _sentryfs
        for r in "${{COMPREPLY[@]}}"; do printf '%s\\n' "$r"; done"""
    done = subprocess.run(["bash", "-c", script, "-", "sentryfs", *map(str, words)], env=env, cwd=work, capture_output=True,
                          text=True, timeout=20)
    assert (done.returncode, done.stderr) == (0, ""), words
    return set(done.stdout.splitlines())


def options_of_help():
    text = subprocess.run([PROGRAM, "--help"], capture_output=True, text=True, check=True).stdout
    return {"--" + name + eq for name, eq in re.findall(r"^  (?:-\w, |    )--([a-z-]+)(=?)", text, re.M)}


def test_bash_completes(shells):
    where = str(shells[0].where)
    assert bash(shells, "") >= COMMANDS | {"local"}
    assert bash(shells, "st") == {"status"}
    assert bash(shells, "--max-") == {"--max-issues=", "--max-events=", "--max-delete="}
    assert bash(shells, "--") == options_of_help()
    assert bash(shells, "--cache", "=") == {"memory", "disk"} and bash(shells, "--cache", "=", "d") == {"disk"}
    assert bash(shells, "-o", "ro,max_i") == {"ro,max_issues="}
    assert bash(shells, "acme", "lo") == {"local"}
    assert where in bash(shells, "status", "") and where in bash(shells, "fetch", where[:-2])
    assert bash(shells, "fetch", "--") == {"--again"}
    assert bash(shells, "path", "WEB") == set() and where in bash(shells, "path", "WEB-1", "")
    assert bash(shells, "resolve-path", "") == set()
    assert bash(shells, "doctor", "--max-e") == {"--max-events="}
    assert bash(shells, "acme", f"{where}/") == set(), "no directory of a mount is read"


def test_bash_and_tab(shells):
    _, share, env, work = shells
    t = Terminal(["bash", "--norc", "--noprofile", "-i"], {**env, "PS1": "ready> ", "TERM": "dumb"}, cwd=work)
    try:
        t.expect("ready> ")
        t.send(f"source {share}/bash-completion/completions/sentryfs\n")
        t.expect("ready> ")
        t.send("sentryfs doc\t")
        t.expect("sentryfs doctor ")
        t.send("--max-e\t")
        t.expect("--max-events=")
        t.send("\x15sentryfs --cache=m\t")
        t.expect("--cache=memory ")
        t.send("\x15exit\n")
        assert t.end()[0] == 0
    finally:
        t.close()


def test_zsh_and_tab(shells):
    _, share, env, work = shells
    t = Terminal(["zsh", "-f", "-i"], {**env, "PS1": "ready> ", "TERM": "dumb"}, cwd=work)
    try:
        t.expect("ready> ")
        t.send(f"fpath=({share}/zsh/site-functions $fpath); autoload -Uz compinit; compinit -u -D; unsetopt zle_bracketed_paste; "
               "echo lo''aded\n")
        t.expect("loaded")
        t.expect("ready> ")
        t.send("sentryfs doc\t")
        t.expect("sentryfs doctor ")
        t.send("--max-e\t")
        t.expect("--max-events=")
        t.send("\x15sentryfs --cache=m\t")
        t.expect("--cache=memory ")
        t.send("\x15sentryfs acme lo\t")
        t.expect("sentryfs acme local")
        t.send(f"\x15sentryfs status {shells[0].where.as_posix()[:-2]}\t")
        t.expect(f"{shells[0].where} ")
        t.send("\x15exit\n")
        assert t.end()[0] == 0
    finally:
        t.close()


def fish(shells, line):
    _, share, env, work = shells
    done = subprocess.run(["fish", "--no-config", "-c", f"source {share}/fish/vendor_completions.d/sentryfs.fish; "
                           f"complete -C '{line}'"], env=env, cwd=work, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (0, ""), line
    return {row.split("\t")[0] for row in done.stdout.splitlines()}


def test_fish_completes(shells):
    where = str(shells[0].where)
    assert fish(shells, "sentryfs ") == COMMANDS | {"local/"}
    assert fish(shells, "sentryfs st") == {"status"}
    assert {o.rstrip("=") for o in fish(shells, "sentryfs --")} == {o.rstrip("=") for o in options_of_help()}
    assert fish(shells, "sentryfs --cache ") == {"memory", "disk"}
    assert fish(shells, "sentryfs acme lo") == {"local/"}
    assert where in fish(shells, "sentryfs status ") and where in fish(shells, "sentryfs path WEB-1 ")
    assert "--again" in fish(shells, "sentryfs fetch --")
    assert fish(shells, "sentryfs resolve-path ") == set() and fish(shells, "sentryfs path ") == set()
    assert fish(shells, f"sentryfs acme {where}/") == set()


# ---- the documents ----

def test_install_names_every_system():
    text = (TOP / "docs/INSTALL.md").read_text()
    for system in ("Debian", "Ubuntu", "Fedora", "Arch Linux", "Alpine", "NixOS"):
        assert system in text
    lib = (TOP / "tools/lib.sh").read_text()
    packages = set(re.search(r"build_packages=\((.*)\)", lib)[1].split()) - {"libc6-dev", "python3"}
    debian = next(line for line in text.splitlines() if line.startswith("| Debian"))
    assert packages <= set(re.search("apt install (.*)`", debian)[1].split())
    assert "PRUNEFS" in text and "fuse.sentryfs" in text


def test_the_package_is_of_this_version():
    version = re.search(r"version: '([\d.]+)'", (TOP / "meson.build").read_text())[1]
    assert (TOP / "debian/changelog").read_text().startswith(f"sentryfs ({version}) ")
    needed = (TOP / "debian/control").read_text()
    for name, minimum in re.findall(r"dependency\('(\w+)', version: '>= ([\d.]+)'\)", (TOP / "meson.build").read_text()):
        package = {"fuse3": "libfuse3-dev", "libcurl": "libcurl4-openssl-dev", "sqlite3": "libsqlite3-dev"}[name]
        assert f"{package} (>= {minimum})" in needed
