# SPDX-License-Identifier: MIT
"""The examples of README.md are executed: each line of a block marked `sh example`, within the mount."""

import re
import signal

import pytest
from conftest import TOP

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
