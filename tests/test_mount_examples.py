# SPDX-License-Identifier: MIT
"""The examples of README.md are executed: each line of a block marked `sh example`, within the mount."""

import re

import pytest
from conftest import TOP


def examples():
    text = (TOP / "README.md").read_text()
    lines = [line for block in re.findall(r"```sh example\n(.*?)```", text, re.S) for line in block.splitlines()]
    return [line.split("  #")[0].strip() for line in lines if line.strip() and not line.startswith("#")]


def test_there_are_ten():
    assert len(examples()) >= 10


@pytest.mark.parametrize("line", examples())
def test_example(mounted, line):
    done = mounted.sh(f"set -o pipefail; {line}")
    assert (done.returncode, done.stderr) == (0, "") and done.stdout
