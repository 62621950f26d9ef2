# SPDX-License-Identifier: MIT
"""The house's own rules: floors include only downward, one concept a file, no sleep in a test."""

import os
import re

import needs
import pytest
from conftest import TOP

FLOORS = {
    0: "buf str name json slice cover map list log clock journal process cachedir options option rc token target origin weburl live stale fetched",
    1: "http",
    2: "api link governor reach server dialect",
    3: "item listing part lister store keep cache change look report query search window secret render frame form trace",
    4: "tree kinds access crowd guard scratch mount template op source searches views index ahead attr xattr show event summary about status verbs dir wish details assignee control comment bulk write names remove root",
    5: "fs loop launch",
    6: "main command cmd_status doctor fetch locate",
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


def test_what_tests_need_is_of_tests_that_are_there():
    for file, tests in needs.TESTS.items():
        names = re.findall(r"^def (test_\w+)\(", (TOP / "tests" / file).read_text(), re.M)
        for pattern, need in tests.items():
            own = pattern.partition("\\[")[0]
            assert any(re.fullmatch(own, name) for name in names), f"{file}: {pattern}"
            assert any(need in lacks for lacks in needs.LACKS.values()), need
    assert all((TOP / "tests" / file).exists() for file in needs.CORE)


def test_no_test_sleeps():
    """A test waits for an event, within a bound."""
    waits = re.compile(r"\btime\.sleep\(|\bsleep\s+[\d.]|\b(?:u|nano)?sleep\(")
    for path in [*(TOP / "tests").glob("*.py"), *(TOP / "tests/unit").iterdir(), TOP / "tests/sandbox/client.py",
                 TOP / "tools/test", TOP / "tools/demo", TOP / "tools/lib.sh"]:
        if path != TOP / "tests/test_house.py":
            assert not waits.search(path.read_text()), path.name
