# SPDX-License-Identifier: MIT
"""The command line of tools/bench."""

import argparse
import os
import signal
import subprocess
import sys
import tempfile

from sandbox import npm

from . import report, rows, servers

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))


class Bench:
    """What all rows share: the program, servers that stay up from row to row, and a directory for all of it."""

    def __init__(self, args):
        self.args, self.program = args, os.path.join(args.build, "sentryfs")
        self.hello = os.path.join(args.build, "hello")
        self.folder = tempfile.mkdtemp(prefix="sentryfs-bench-", dir=args.dir)
        self.tls = servers.certificate(self.folder) if args.tls else None
        self.kept = {}
        self.clients = None

    def size(self, full, quick=None):
        return (quick or full // 10) if self.args.quick else full

    def delay(self, ms):
        return ms + self.args.delay_ms

    def client(self, name):
        if self.clients is None:
            self.clients = npm.install() or ""
        if not self.clients:
            raise OSError("no npm here")
        node, modules = npm.node(self.clients), os.path.join(self.clients, "node_modules")
        if name == "sentry-cli":
            found = [os.path.join(modules, "@sentry", d, "bin", "sentry-cli") for d in os.listdir(
                os.path.join(modules, "@sentry")) if d.startswith("cli-")]
            return [found[0]], node
        return [node, os.path.realpath(os.path.join(modules, ".bin", name))], node

    def keep(self, key, make):
        """One server a key; of the sandboxes only the last stays, since each holds its world in memory."""
        if key not in self.kept:
            if key[0] == "sandbox":
                for other in [k for k in self.kept if k[0] == "sandbox"]:
                    self.kept.pop(other).stop()
            self.kept[key] = make(os.path.join(self.folder, f"server-{len(os.listdir(self.folder))}"))
        return self.kept[key]

    def server(self, issues, *options):
        """A sandbox with so many unresolved issues in the project web."""
        words = ("--issues", issues, "--unresolved-only", "--full-page", 100, "--same-limit", 999, *options)
        server = self.keep(("sandbox", *words), lambda folder: servers.Server(folder, words, self.tls))
        server.set(delay_ms=self.delay(0))
        return server

    def stop(self):
        for server in self.kept.values():
            server.stop()
        servers.remove(self.folder)


def arguments(argv):
    p = argparse.ArgumentParser(prog="tools/bench", description="Measures the program beside other ways to the same "
                                "end, in one run, and prints a table. Rows:", epilog="\n".join(
                                    f"  {name:32} {row.work}" for name, row in rows.ROWS.items()),
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("rows", nargs="*", metavar="ROW", help="only these; a name that ends in * is the beginning of one")
    p.add_argument("--quick", action="store_true", help="a tenth of the sizes, fewer runs")
    p.add_argument("--reps", type=int, default=0, help="most runs of each side in a row (5, with --quick 3)")
    p.add_argument("--budget", type=float, default=30, help="seconds after which a row begins no further round (30)")
    p.add_argument("--limit", type=float, default=180, help="seconds that one run may take (180)")
    p.add_argument("--delay-ms", type=int, default=0, help="each answer comes later by this, in every row")
    p.add_argument("--tls", action="store_true", help="nginx with TLS, HTTP/2 and gzip stands before the sandbox")
    p.add_argument("--build", default=os.path.join(ROOT, "build-release"), help=argparse.SUPPRESS)
    p.add_argument("--program", help="another build of the program")
    p.add_argument("--dir", default="/dev/shm" if os.access("/dev/shm", os.W_OK) else None,
                   help="where to make a directory for everything; must be on tmpfs (/dev/shm)")
    args = p.parse_args(argv)
    args.reps = args.reps or (3 if args.quick else 5)
    chosen = []
    for word in args.rows or rows.ROWS:
        found = [n for n in rows.ROWS if n == word or (word.endswith("*") and n.startswith(word[:-1]))]
        if not found:
            p.error(f"no row {word}; --help lists them")
        chosen += [n for n in found if n not in chosen]
    return args, chosen


def machine():
    commit = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True,
                            check=False).stdout.strip()
    with open("/proc/loadavg", encoding="ascii") as f:
        load = f.read().split()[0]
    return f"{os.cpu_count()} processors, Linux {os.uname().release}, load {load} at the start, commit {commit or '?'}"


def main():
    args, chosen = arguments(sys.argv[1:])
    bench = Bench(args)
    if args.program:
        bench.program = os.path.abspath(args.program)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    print(machine() + (", TLS and HTTP/2" if args.tls else ", HTTP/1.1"), file=sys.stderr)
    lines = []
    try:
        for name in chosen:
            print(f"{name} ...", file=sys.stderr, flush=True)
            made = rows.measured(bench, name)
            for line in made:
                print(f"  {line.ours} against {line.against}: {line.other}, {line.ratio} {line.met}", file=sys.stderr,
                      flush=True)
            lines += made
    except KeyboardInterrupt:
        print("interrupted: the rows so far", file=sys.stderr)
    finally:
        bench.stop()
        if lines:
            print(report.table(lines))


main()
