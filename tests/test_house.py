# SPDX-License-Identifier: MIT
"""The house's own rules: floors include only downward, one concept a file, no sleep in a test."""

import os
import re

import pytest
from conftest import TOP

FLOORS = {
    0: "buf str name json slice map list log clock journal process cachedir options rc token target origin",
    1: "http",
    2: "api link governor reach",
    3: "item listing part lister store keep cache change report query search window secret render frame form trace",
    4: "tree kinds access crowd guard scratch mount op source searches views index ahead attr show event summary about verbs dir wish details assignee control comment bulk write root",
    5: "fs loop",
    6: "main",
}
FLOOR = {name: n for n, names in FLOORS.items() for name in names.split()}


def files():
    return sorted([*(TOP / "src").glob("*.c"), *(TOP / "include/sentryfs").glob("*.h")])


@pytest.mark.parametrize("path", files(), ids=lambda p: p.name)
def test_includes_go_downward(path):
    own = FLOOR[path.stem]
    for name in re.findall(r'#include "sentryfs/(\w+)\.h"', path.read_text()):
        assert FLOOR[name] <= own, f"{path.name} (floor {own}) includes {name}.h (floor {FLOOR[name]})"


def test_only_fs_names_fuse():
    users = [p.name for p in files() if re.search(r"#include <fuse", p.read_text())]
    assert users == ["fs.c"]


def test_only_http_names_curl():
    assert [p.name for p in files() if "#include <curl/" in p.read_text()] == ["http.c"]


@pytest.mark.parametrize("path", files(), ids=lambda p: p.name)
def test_a_file_is_one_concept(path):
    text = path.read_text()
    assert text.startswith("// SPDX-License-Identifier: MIT\n")
    assert len(text.splitlines()) <= 650


def test_the_readme_names_its_two_commands():
    text = (TOP / "README.md").read_text()
    assert "tools/demo" in text and "tools/test" in text
    for tool in ("tools/demo", "tools/test", ".ci/run"):
        assert os.access(TOP / tool, os.X_OK)


def test_no_test_sleeps():
    """A test waits for an event, within a bound."""
    waits = re.compile(r"\btime\.sleep\(|\bsleep\s+[\d.]|\b(?:u|nano)?sleep\(")
    for path in [*(TOP / "tests").glob("*.py"), *(TOP / "tests/unit").iterdir(), TOP / "tests/sandbox/client.py",
                 TOP / "tools/test", TOP / "tools/demo", TOP / "tools/lib.sh"]:
        if path != TOP / "tests/test_house.py":
            assert not waits.search(path.read_text()), path.name
