# SPDX-License-Identifier: MIT
"""Who takes part in a row: the program, curl, Sentry's own clients, rclone, hello and tmpfs.

A side has start() and stop() once a row, before() and after() around each run, and says how many requests it made.
"""

import os
import shutil
import subprocess
import tempfile

from .measure import Job, peak_kb
from .servers import Helper, Mount, remove

PAGES = "/api/0/organizations/acme/issues/?project=4500&query=is%3Aunresolved&limit=100&groupStatsPeriod=" \
        "&collapse=filtered&collapse=unhandled"

# The pages one after another by their cursors, each with a curl and a jq of its own.
LOOP = r"""
cursor=
while :; do
	curl -sS "${cert[@]}" -H @"$headers" -D "$dump" "$url$cursor" | jq -r '.[].shortId'
	[[ $(grep -i '^link:' "$dump") =~ rel=\"next\"\;\ results=\"true\"\;\ cursor=\"([^\"]*)\" ]] || break
	cursor="&cursor=${BASH_REMATCH[1]}"
done
"""


class Side:
    name = "?"
    scale = 1       # the run is a part of the row's work, and its time is multiplied by so much
    parts = 1       # the run does the row's work so many times
    warm = True     # a first round, without delays and limits, is thrown away
    single = False  # too slow to be run twice

    def __init__(self, server=None):
        self.server = server

    def start(self):
        pass

    def before(self):
        raise NotImplementedError

    def after(self):
        pass

    def stop(self):
        pass

    def forget(self):
        if self.server:
            self.server.forget()

    def counted(self):
        return self.server.counted() if self.server else (None, 0)

    def rss(self):
        return None


class SandboxSide(Side):
    def forget(self):
        self.server.sandbox.forget()


class Ours(SandboxSide):
    """The program, mounted anew for each run; with `kept` once for all, and primed by a command before each."""
    name = "sentryfs"

    def __init__(self, bench, server, command, *options, lines=-1, first=False, kept=None, shell=True, cache=None):
        super().__init__(server)
        self.bench, self.options, self.kept, self.cache = bench, options, kept, cache
        self.command, self.lines, self.first, self.shell = command, lines, first, shell
        self.mount = self.home = None

    def open(self):
        self.home = tempfile.mkdtemp(dir=self.bench.folder)
        if self.cache:
            os.symlink(self.cache, os.path.join(self.home, "cache"))
        self.mount = Mount(self.bench.program, self.server, self.home, *self.options)

    def close(self):
        if self.mount:
            self.mount.stop()
        self.mount = None
        if self.home:
            remove(self.home)
        self.home = None

    def start(self):
        if self.kept:
            self.open()

    def stop(self):
        self.close()

    def before(self):
        if self.kept:
            subprocess.run(["bash", "-c", self.kept], cwd=self.mount.issues, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL, timeout=120, check=False)
        else:
            self.open()
        argv = ["bash", "-c", self.command] if self.shell else self.command
        # a working directory inside would look names up before the clock runs
        return Job([a.replace("ISSUES", self.mount.issues) for a in argv], lines=self.lines, first=self.first)

    def after(self):
        if not self.kept:
            self.close()

    def rss(self):
        return peak_kb(self.mount.pid)


class Curl(SandboxSide):
    """One curl or a loop of them."""

    def __init__(self, bench, server, name, lines=-1, scale=1):
        super().__init__(server)
        self.bench, self.name, self.lines, self.scale = bench, name, lines, scale
        self.home = self.headers = None

    def start(self):
        self.home = tempfile.mkdtemp(dir=self.bench.folder)
        self.headers = os.path.join(self.home, "headers")
        with open(self.headers, "w", encoding="ascii") as f:
            f.write(f"Authorization: Bearer {self.server.token}\n")

    def stop(self):
        if self.home:
            remove(self.home)

    def cert(self):
        return ["--cacert", self.server.cert] if self.server.cert else []


class CurlLoop(Curl):
    def __init__(self, bench, server, lines):
        super().__init__(bench, server, "curl and jq, page after page", lines)

    def before(self):
        script = f"cert=({' '.join(self.cert())}) headers={self.headers} dump={self.home}/dump " \
                 f"url='{self.server.url}{PAGES}'\n{LOOP}"
        return Job(["bash", "-c", script], lines=self.lines)


class CurlMany(Curl):
    """One curl with many URLs on kept connections, one after another or `parallel` at a time."""

    def __init__(self, bench, server, name, paths, parallel=0, scale=1, change=None):
        super().__init__(bench, server, name, -1, scale)
        self.paths, self.parallel, self.change, self.turn = paths, parallel, change, 0

    def before(self):
        if self.change:
            self.change[1](self.turn)
        paths = self.paths(self.turn) if callable(self.paths) else self.paths
        self.turn += 1
        config, out = os.path.join(self.home, "config"), os.path.join(self.home, "out")
        blocks = []
        for i, path in enumerate(paths):
            lines = [f'url = "{self.server.url}/api/0{path}"', f'output = "{out}-{i}"' if self.parallel else
                     'output = "-"', f'header = "@{self.headers}"']
            if self.server.cert:
                lines.append(f'cacert = "{self.server.cert}"')
            if self.change:
                lines += ['request = "PUT"', f'data = "{self.change[0]}"', 'header = "Content-Type: application/json"']
            if self.parallel:
                lines.append('write-out = "%{http_code}\\n"')
            blocks.append("\n".join(lines))
        with open(config, "w", encoding="ascii") as f:
            f.write("\nnext\n".join(blocks) + "\n")
        if self.parallel:
            return Job(["curl", "-sS", "--no-progress-meter", "-Z", "--parallel-max", str(self.parallel), "-K", config],
                       lines=len(paths))
        return Job(["bash", "-c", f"curl -sS -K {config}; echo"])


class Client(SandboxSide):
    """Sentry's own command-line clients from npm."""

    def __init__(self, bench, server, name, *args, lines=-1):
        super().__init__(server)
        self.bench, self.name, self.args, self.lines = bench, name, args, lines
        self.home = None

    def start(self):
        self.home = tempfile.mkdtemp(dir=self.bench.folder)

    def stop(self):
        if self.home:
            remove(self.home)

    def before(self):
        argv, node = self.bench.client(self.name.split()[0])
        env = {"PATH": os.path.dirname(node) + ":" + os.environ["PATH"], "HOME": self.home, "LANG": "C.UTF-8",
               "SENTRY_URL": self.server.url, "SENTRY_AUTH_TOKEN": self.server.token, "SENTRY_CLI_NO_TELEMETRY": "1",
               "NO_COLOR": "1"}
        if self.server.cert:
            env |= {"SSL_CERT_FILE": self.server.cert, "NODE_EXTRA_CA_CERTS": self.server.cert}
        return Job([*argv, *self.args], cwd=self.home, env=env, lines=self.lines)


class Rclone(Side):
    """Debian's rclone on the same files, served plainly by nginx."""
    name = "rclone mount"
    warm = False

    def __init__(self, bench, files, command, lines=-1, scale=1, single=False):
        super().__init__(files)
        self.bench, self.command, self.lines, self.scale, self.single = bench, command, lines, scale, single
        self.home = self.helper = None

    def before(self):
        self.home = tempfile.mkdtemp(dir=self.bench.folder)
        where = os.path.join(self.home, "mnt")
        env = os.environ | {"HOME": self.home, "XDG_CACHE_HOME": self.home}
        self.helper = Helper(["rclone", "mount", ":http:", where, "--config", "/dev/null", "--http-url",
                              self.server.url, "--read-only"], where, env)
        return Job(["bash", "-c", self.command.replace("FILES", where)], lines=self.lines)

    def rss(self):
        return peak_kb(self.helper.process.pid)

    def after(self):
        if self.helper:
            self.helper.stop()
        self.helper = None
        if self.home:
            remove(self.home)
        self.home = None


class Tree(Side):
    """A tree that is there already: a directory of tmpfs, or hello with a copy of it."""

    def __init__(self, bench, name, folder, command, lines=-1, hello=False):
        super().__init__()
        self.bench, self.name, self.folder, self.command = bench, name, folder, command
        self.lines, self.hello, self.helper = lines, hello, None

    def start(self):
        if self.hello:
            where = tempfile.mkdtemp(dir=self.bench.folder)
            self.helper = Helper([self.bench.hello, self.folder, where, "-f"], where)
            self.folder = where

    def before(self):
        argv = self.command if isinstance(self.command, list) else ["bash", "-c", self.command]
        return Job([a.replace("ISSUES", self.folder) for a in argv], lines=self.lines)

    def rss(self):
        return peak_kb(self.helper.process.pid) if self.helper else None

    def stop(self):
        if self.helper:
            self.helper.stop()


class Floor:
    """A side that is reckoned, not run: what a rate limit allows at the best."""

    def __init__(self, name, seconds, requests):
        self.name, self.seconds, self.requests = name, seconds, requests


def copy_tree(mount, names, folder, files):
    """Copies the mount's issues into a directory: their files `files`, all else empty, times kept."""
    for name in names:
        source, to = os.path.join(mount.issues, name), os.path.join(folder, name)
        os.mkdir(to)
        for entry in os.scandir(source):
            if entry.is_dir(follow_symlinks=False):
                os.mkdir(os.path.join(to, entry.name))
            elif entry.name in files:
                shutil.copyfile(entry.path, os.path.join(to, entry.name))
            else:
                with open(os.path.join(to, entry.name), "wb"):
                    pass
        seen = os.stat(source).st_mtime
        os.utime(to, (seen, seen))
