# SPDX-License-Identifier: MIT
"""Options at the real program: each refuses a bad value in one sentence, and help and manual say the same of each.

Both walk --help, so that a new option without a case here, or without a paragraph in the manual, fails.
"""

import re
import subprocess

import pytest
from conftest import COMMAND, TOP

# option: a bad value, and what the message says is accepted. An option without a value takes none.
BAD = {
    "url": ("ftp://sentry.example", "https://HOST[:PORT] (or http://)"),
    "token-file": ("", "1 to 4095 bytes"),
    "query": ("a\tb", "0 to 1000 bytes without control characters"),
    "environment": ("a\tb", "1 to 1000 bytes without control characters"),
    "stats-period": ("1y", "a number and s, m, h, d or w, as in 24h or 14d"),
    "max-issues": ("0", "a number from 1 to 100000"),
    "max-events": ("many", "a number from 1 to 1000"),
    "timeout": ("3601", "a number from 1 to 3600"),
    "connect-timeout": ("-1", "a number from 1 to 300"),
    "cacert": ("/nonexistent/ca.pem", "a file that can be read"),
    "cert": ("/nonexistent/client.pem", "a file that can be read"),
    "key": ("/nonexistent/client.key", "a file that can be read"),
    "insecure": ("1", "no value"),
    "cache": ("tape", "one of memory|disk"),
    "cache-size": ("512Q", "a size from 1M to 1024G"),
    "cache-memory": ("1023K", "a size from 1M to 1024G"),
    "crawl": ("none", "a number from 0 to 1000000"),
    "offline": ("1", "no value"),
    "uid": ("root", "a number from 0 to 4294967294"),
    "gid": ("4294967295", "a number from 0 to 4294967294"),
    "umask": ("888", "an octal number from 0 to 777"),
    "ro": ("yes", "no value"),
    "rw": ("yes", "no value"),
    "nodelete": ("yes", "no value"),
    "max-delete": ("0", "a number from 1 to 1000"),
    "allow-other": ("yes", "no value"),
    "default-permissions": ("no", "no value"),
    "auto-unmount": ("0", "no value"),
    "foreground": ("1", "no value"),
    "debug": ("2", "no value"),
    "help": ("me", "no value"),
    "version": ("1", "no value"),
}


def run(*words):
    return subprocess.run([*COMMAND, *words], capture_output=True, text=True, timeout=20)


def helped():
    """{option: its line} as --help has them."""
    text = run("--help").stdout
    rows = re.findall(r"^  (?:-(\w), |    )--([a-z-]+)(=\S+)? +(.*)$", text, re.M)
    assert len(rows) > 15
    return {name: {"letter": letter, "arg": arg, "says": says} for letter, name, arg, says in rows}


def manual_options():
    """{option: its paragraphs} as the manual's section OPTIONS has them, as plain text."""
    section = (TOP / "man/sentryfs.1").read_text().split(".Sh OPTIONS\n")[1].split("\n.Sh ")[0]
    listed = section.split(".Bl -tag")[1].split("\n.El")[0]
    found = {}
    for item in listed.split("\n.It ")[1:]:
        head, _, text = item.partition("\n")
        # `.It Cm ro , rw` goes on with the same macro after the comma
        names = [n for part in re.findall(r"Cm ([a-z_]+(?: , [a-z_]+)*)", head) for n in part.split(" , ")]
        for name in names:
            found[name.replace("_", "-")] = head + " " + text.replace("\n.Li ", " ").replace("\n", " ")
    return found


def test_every_option_has_a_bad_value():
    assert set(BAD) == set(helped())


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("form", ["--{}={}", "-o{}={}"])
def test_a_bad_value_names_option_value_and_what_is_accepted(tmp_path, name, form):
    value, accepted = BAD[name]
    spelled = name if form[1] == "-" else name.replace("-", "_")
    done = run(form.format(spelled, value), "acme", str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("sentryfs: ") and len(done.stderr.splitlines()) == 1
    seen = value.replace("\t", " ")     # as everything that is said to a person
    assert re.search(rf"\b{name.replace('-', '_')}\b", done.stderr) and f"'{seen}'" in done.stderr
    assert accepted in done.stderr


@pytest.mark.parametrize("name", [n for n, (_, accepted) in BAD.items() if accepted != "no value"])
def test_a_missing_value_is_told(tmp_path, name):
    done = run(str(tmp_path), f"--{name}")
    assert done.returncode == 2 and f"{name.replace('-', '_')} needs a value" in done.stderr


@pytest.mark.parametrize("word,near", [("--max-isues=4", "max_issues"), ("-oqurey=x", "query"), ("--bogus", ""),
                                       ("-obogus", ""), ("-z", "")])
def test_an_unknown_option_names_the_nearest(tmp_path, word, near):
    done = run(word, str(tmp_path))
    assert done.returncode == 2 and near in done.stderr and "sentryfs --help" in done.stderr
    assert word.lstrip("-").removeprefix("o" if word.startswith("-o") else "").split("=")[0] in done.stderr


@pytest.mark.parametrize("words,said", [
    ((), "the mount point is missing"), (("acme", "/nonexistent/m"), "'/nonexistent/m' does not exist"),
    (("a.b", "/tmp"), "'a.b' is not the slug of an organization"), (("a", "/tmp", "c"), "unexpected argument 'c'"),
    (("-o", "token=sntryu_01", "/tmp"), "token_file"), (("/dev/null",), "is not a directory")])
def test_bad_arguments(words, said):
    done = run(*words)
    assert done.returncode == 2 and said in done.stderr and len(done.stderr.splitlines()) == 1
    assert "sntryu_" not in done.stderr


def test_help_and_manual_name_the_same_options():
    assert set(manual_options()) == set(helped())


@pytest.mark.parametrize("name", BAD)
def test_help_and_manual_say_the_same(name):
    """The letter, the range, the default, and what it sets."""
    row, text = helped()[name], manual_options()[name]
    if row["letter"]:
        assert f"Fl {row['letter']}" in text
    assert bool(row["arg"]) == ("Ns = Ns" in text)
    numbers = re.search(r"\((\d+ to \d+)\)", row["says"])
    if numbers:
        assert numbers[1] in text
    preset = re.search(r"\(default: (.+)\)", row["says"])
    if preset and preset[1] not in ("you", "yours"):
        assert f"The default is {preset[1]}" in text
    sets = re.search(r"sets ([a-z_]+)", row["says"])
    assert ("Sets .Cm " in text) == bool(sets) and (not sets or f"Sets .Cm {sets[1]}" in text)


def test_help_and_version_end_with_zero():
    for word in ("--help", "-h", "--version", "-V", "-ohelp"):
        done = run(word)
        assert (done.returncode, done.stderr) == (0, "") and done.stdout
    version = re.search(r"version: '([\d.]+)'", (TOP / "meson.build").read_text())[1]
    assert run("--version").stdout == f"sentryfs {version}\n"


def test_the_synopsis_names_every_letter():
    letters = "".join(sorted(row["letter"] for row in helped().values() if row["letter"]))
    flags = re.search(r"^\.Op Fl (\w+)$", (TOP / "man/sentryfs.1").read_text(), re.M)[1]
    assert "".join(sorted(flags)) == letters
