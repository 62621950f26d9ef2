# SPDX-License-Identifier: MIT
"""The examples of README.md and of the manual are executed: of the one each line of a block marked `sh example`, within
the mount; of the other the whole section, one after another, in a home of its own."""

import os
import re
import signal
import subprocess

import pytest
from conftest import TOP, Sandbox, put_program

ENDED_BY_SIGPIPE = 128 + signal.SIGPIPE


def examples():
    text = (TOP / "README.md").read_text()
    lines = [line for block in re.findall(r"```sh example\n(.*?)```", text, re.S) for line in block.splitlines()]
    return [line.split("  #")[0].strip() for line in lines if line.strip() and not line.startswith("#")]


def test_there_are_ten():
    assert len(examples()) >= 10


@pytest.mark.parametrize("line", examples())
def test_example(mounted, line):
    """Each part of a pipe ends with 0. One before the last may also die of SIGPIPE: `head` does not read to the end."""
    done = mounted.sh(f"{line}\necho ${{PIPESTATUS[@]}} >&2")
    *before, last = map(int, done.stderr.split())
    assert last == 0 and set(before) <= {0, ENDED_BY_SIGPIPE} and done.stdout


def manual_lines():
    section = (TOP / "man/sentryfs.1").read_text().split(".Sh EXAMPLES\n")[1].split("\n.Sh ")[0]
    return [m[1].replace("\\e", "\\") for m in re.finditer(r"^(?:\.Dl )?\$ (.*)$", section, re.M)]


def test_the_manuals_examples(tmp_path):
    """With this server in the place of the manual's, a password store that knows the token, and ids that are there."""
    assert len(manual_lines()) > 15
    with_ids = "\n".join(manual_lines()).replace("WEB-1A2", "WEB-1").replace("WEB-1A3", "WEB-2")
    server = Sandbox()
    try:
        tools = tmp_path / "bin"
        tools.mkdir()
        (tools / "pass").write_text(f"#!/bin/sh\n[ \"$*\" = sentry/token ] && echo {server.token}\n")
        (tools / "pass").chmod(0o755)
        put_program(tools / "sentryfs")
        env = {"HOME": str(tmp_path), "PATH": f"{tools}:{os.environ['PATH']}", "LANG": "C.UTF-8", "SENTRY_URL": server.url,
               **{k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}}
        script = "set -e\n" + with_ids.replace("https://sentry.example.com", server.url)
        done = subprocess.run(["bash", "-c", script], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stderr) == (0, ""), done.stdout
        sent = [(r["method"], r["status"]) for r in server.requests() if r["method"] != "GET"]
        assert sent == [("PUT", 200), ("PUT", 200), ("POST", 201), ("PUT", 200), ("PUT", 200), ("DELETE", 202)]
        assert not any(str(tmp_path) in line for line in open("/proc/self/mounts", encoding="utf-8"))
    finally:
        server.stop()
