# SPDX-License-Identifier: MIT
"""What the mount says of itself to who has never seen it: README.md, AGENTS.md, .ignore; and the dialogue of README.md."""

import json
import os
import re
import subprocess

import pytest
from conftest import TOP, Sandbox

PROJECT = "acme/projects/web"


def dialogue():
    """[(command, [lines of its output])] of the block marked `console newcomer`."""
    block = re.search(r"```console newcomer\n(.*?)```", (TOP / "README.md").read_text(), re.S)[1]
    steps = []
    for line in block.splitlines():
        if line.startswith("$ "):
            steps.append((line[2:], []))
        else:
            steps[-1][1].append(line)
    return steps


def pattern(lines):
    """A line of three dots is any number of lines, three dots within one are anything."""
    parts = [r"(?:.*\n)*" if line == "..." else r".*".join(map(re.escape, line.split("..."))) + r"\n" for line in lines]
    return re.compile("".join(parts))


def test_the_newcomers_dialogue(mount):
    server = Sandbox()
    try:
        m = mount(server=server)
        steps = dialogue()
        words = [part.split()[0] for command, _ in steps for part in re.split(r"\|\||&&|;|\|", command)]
        assert set(words) == {"ls", "cat", "echo"}
        for command, lines in steps:
            done = m.sh(command)
            assert (done.returncode, done.stderr) == (0, ""), command
            assert pattern(lines).fullmatch(done.stdout), (command, done.stdout)
        sent = [(r["method"], r["path"], json.loads(r["body"])) for r in server.requests() if r["method"] != "GET"]
        assert [(method, list(body)) for method, _, body in sent] == [("PUT", ["assignedTo"]), ("PUT", ["status"])]
        assert len({path for _, path, _ in sent}) == 1, "both of the one issue"
        assert len(server.requests()) < 20
        m.unmount()
    finally:
        server.stop()


def test_the_dialogues_issue_is_the_newest_fatal_one(mounted):
    issues = [json.loads((mounted.where / PROJECT / "issues" / name / "issue.json").read_text())
              for name in os.listdir(mounted.where / PROJECT / "issues")]
    newest = max((i for i in issues if i["level"] == "fatal"), key=lambda i: i["lastSeen"])
    assert f"issues/{newest['shortId']}/summary.txt" in "".join(command for command, _ in dialogue())


@pytest.mark.parametrize("source,below", [(None, "/<organization>/projects/<project>"), ("acme", "/projects/<project>"),
                                          ("acme/web", "")])
def test_the_first_steps_have_the_mounts_own_paths(mount, source, below):
    m = mount(source=source)
    assert f"\n    cd {m.where}{below}\n" in (m.where / "README.md").read_text()
    assert f"`head {m.where}{below}/index.tsv`" in (m.where / "AGENTS.md").read_text()


def test_the_first_steps_work_as_they_stand(mounted):
    text = (mounted.where / "README.md").read_text().split("## First steps\n")[1].split("\n## ")[0]
    lines = [line.strip() for line in text.splitlines() if line.startswith("    ")]
    assert len(lines) == 6
    script = "\n".join(lines).replace("<organization>", "acme").replace("<project>", "web").replace("SHORT-ID", "WEB-9")
    done = mounted.sh("set -e\n" + script, env=mounted.env)
    assert (done.returncode, done.stderr) == (0, "") and "WEB-9" in done.stdout


def test_agents_md_is_half_a_page_and_read_only_says_nothing_of_writing(mount):
    m, ro = mount(), mount("--ro", name="ro")
    text = (m.where / "AGENTS.md").read_text()
    assert len(text.splitlines()) < 25 and len(text) < 2500
    for word in ("summary.txt", "untrusted", "NEVER rmdir", "last-error", "index.tsv", "sentryfs path"):
        assert word in text, word
    assert "echo" not in (ro.where / "AGENTS.md").read_text()
    assert "echo" not in (ro.where / "README.md").read_text()


@pytest.mark.parametrize("source,top", [(None, "acme/projects/web/"), ("acme", "projects/web/"), ("acme/web", "")])
def test_search_tools_leave_out_what_only_takes_commands(mount, source, top):
    """ripgrep obeys .ignore: no field is missing, and no file that takes commands alone is there."""
    m = mount(source=source)
    assert m.sh(f"ls {top}issues").returncode == 0
    shown = subprocess.run(["rg", "--files", "--hidden", f"{top}issues/WEB-3", "."], cwd=m.where, capture_output=True,
                           text=True, timeout=120).stdout.splitlines()
    shown = {name.removeprefix("./") for name in shown}
    issue = f"{top}issues/WEB-3/"
    everything = {str(p.relative_to(m.where)) for p in (m.where / issue).rglob("*") if p.is_file() and not p.is_symlink()}
    assert everything - shown == {issue + "merge", issue + "comments/new", issue + "comments/remove"}
    assert issue + "status" in shown and not any(name.startswith(".sentryfs/") for name in shown)
    assert not any("/by-level/" in f"/{name}" or "/search/" in f"/{name}" for name in shown)
