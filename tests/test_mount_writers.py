# SPDX-License-Identifier: MIT
"""Every writer on every kind of answer: what its user sees, what reached the server, what is true afterwards."""

import collections
import concurrent.futures
import os
import subprocess

import pytest
from conftest import Mount, wait_until
from terminal import Terminal
from writing import (ERROR_WORDS, Issue, asked, attempt, issue, listed, put, sandbox, sent, shared,  # noqa: F401
                     web)

PYTHON = "/usr/bin/python3 -c '{}'"
ATOMIC = """import os, tempfile
path = os.environ["F"]
fd, name = tempfile.mkstemp(dir=os.path.dirname(path))
with os.fdopen(fd, "w") as f:
    f.write(os.environ["V"] + "\\n")
    f.flush()
    os.fsync(f.fileno())
os.rename(name, path)"""

# In the environment: F the file, V the new content without its newline, S a file with it and the newline.
SHELL = {
    "bash echo": "echo \"$V\" > \"$F\"",
    "bash printf": "printf '%s\\n' \"$V\" > \"$F\"",
    "dash echo": "dash -c 'echo \"$V\" > \"$F\"'",
    "/bin/echo": "/bin/echo \"$V\" > \"$F\"",
    "cat": "cat \"$S\" > \"$F\"",
    "tee": "tee \"$F\" < \"$S\" > /dev/null",
    "cp": "cp \"$S\" \"$F\"",
    "dd": "dd if=\"$S\" of=\"$F\" status=none",
    "python": PYTHON.format("import os\nwith open(os.environ[\"F\"], \"w\") as f:\n"
                            "    f.write(os.environ[\"V\"] + \"\\n\")"),
    "python unclosed": PYTHON.format("import os\nopen(os.environ[\"F\"], \"w\").write(os.environ[\"V\"] + \"\\n\")"),
    "node": "node -e 'require(\"fs\").writeFileSync(process.env.F, process.env.V + \"\\n\")'",
    "vim ex mode": "printf '%%c\\n%s\\n.\\nwq\\ncq\\n' \"$V\" | vim.tiny -u NONE -es \"$F\"",
    "ed": "printf ',c\\n%s\\n.\\nw\\nq\\n' \"$V\" | ed -s \"$F\"",
    "sed -i": "sed -i -e \"1s,.*,$V,\" -e '2,$d' \"$F\"",
    "perl -i": "perl -i -ne 'print \"$ENV{V}\\n\" if $. == 1' \"$F\"",
    "rename": "/usr/bin/python3 -c \"$ATOMIC\"",
    "sponge": "sponge \"$F\" < \"$S\"",
}
EDITORS = ("vim ex mode", "vim", "nano", "ed", "sed -i", "perl -i", "rename", "sponge")
WRITERS = (*SHELL, "vim", "nano")

# How a failure shows: in the exit status, or where the writer itself gives 0:
ON_SCREEN = {"nano"}                 # it stays, and shows the error in its bottom line
NOWHERE = {"python unclosed"}        # CPython drops the error of a file that it closes by itself
SILENT = {"vim ex mode"}             # -es is to be silent: the exit status alone tells
TWICE = {"python", "python unclosed"}    # CPython writes what a failed flush left once more when it closes
BUILTINS = {"bash echo", "bash printf", "dash echo"}     # see an error of write(2), never one of close(2)


def run(writer, path, text, home):
    """(exit status, what was shown)."""
    home.mkdir(exist_ok=True)
    (home / "source").write_text(text + "\n")
    env = {"PATH": os.environ["PATH"], "HOME": str(home), "TMPDIR": str(home), "LANG": "C.UTF-8",
           "F": str(path), "V": text, "S": str(home / "source"), "ATOMIC": ATOMIC}
    if writer in SHELL:
        done = subprocess.run(["bash", "-o", "pipefail", "-c", SHELL[writer]], env=env, capture_output=True, text=True,
                              timeout=60, cwd=home)
        return done.returncode, done.stdout + done.stderr
    return {"vim": run_vim, "nano": run_nano}[writer](path, text, env, home)


def run_vim(path, text, env, home):
    """As typed: all lines away, the text, :w, and :q, which vim refuses while there is something unsaved; then :cq."""
    (home / "keys").write_text(f":%d\rI{text}\x1b:w\r:q\r:cq\r")
    t = Terminal(["vim.tiny", "-u", "NONE", "-s", str(home / "keys"), str(path)], env, home)
    return t.end(40)


def run_nano(path, text, env, home):
    t = Terminal(["nano", "-I", str(path)], env, home)
    try:
        t.expect(r"Read \d+ line")
        t.send("\x1bt" + text + "\x0f")
        t.expect("File Name to Write")
        t.send("\r")
        said = t.expect(r"Wrote \d+ line|Error writing [^\r\n]*")[0]
        t.send("\x18")
        if said.startswith("Error"):
            t.expect("Save modified buffer")
            t.send("n")
        return t.end()[0], said
    finally:
        t.close()


# ---- the matrix: each writer on `status` ----

Outcome = collections.namedtuple("Outcome", "value fault gets")
WORDS = {"json": {"detail": "the server's own words"}}
OUTCOMES = {
    "good value": Outcome("resolved", None, 0),
    "bad value": Outcome("bogus", None, 0),
    "400": Outcome("resolved", {"status": 400, **WORDS}, 0),
    "403": Outcome("resolved", {"status": 403, **WORDS}, 0),
    "409": Outcome("resolved", {"status": 409, **WORDS}, 0),
    "429": Outcome("resolved", {"status": 429, **WORDS, "headers": {"Retry-After": "3000"}}, 0),
    "500": Outcome("resolved", {"status": 500, **WORDS}, 0),
    "cut": Outcome("resolved", {"drop": True}, 1),
    "no answer": Outcome("resolved", {"hang": "before-headers"}, 1),
}
Result = collections.namedtuple("Result", "issue status shown requests server cat error names")


@pytest.fixture(scope="module")
def columns(shared, sandbox, tmp_path_factory):
    """outcome -> {writer: Result}; a column is made when it is first asked for, all its writers at once."""
    made = {}
    shared.args = ("--timeout=2",)

    def column(outcome):
        if outcome not in made:
            made[outcome] = make_column(OUTCOMES[outcome], shared, sandbox, tmp_path_factory.mktemp("column"))
        return made[outcome]
    yield column
    sandbox.faults()


def make_column(outcome, shared, sandbox, home):
    shared.fresh()
    issues = dict(zip(WRITERS, shared.issues(len(WRITERS))))
    if outcome.fault:
        sandbox.faults(*({"method": "PUT", "path": i.route, **outcome.fault} for i in issues.values()))
    sandbox.forget()
    with concurrent.futures.ThreadPoolExecutor(len(WRITERS)) as pool:
        started = {w: pool.submit(run, w, i / "status", outcome.value, home / w.replace("/", "_").replace(" ", "_"))
                   for w, i in issues.items()}
        ended = {w: f.result() for w, f in started.items()}
    log = asked(sandbox)
    sandbox.faults()
    made = {w: Result(i, *ended[w], [r for r in log if f"/{i.name}/" in r[1]], i.server()["status"], i.read("status"),
                      i.error(), os.listdir(i.path)) for w, i in issues.items()}
    if outcome.fault and outcome.fault.get("status") == 429:
        shared.unmount()        # which has been told to wait for a long time
    return made


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("outcome", OUTCOMES)
def test_every_writer_on_every_answer(columns, sandbox, outcome, writer):
    wanted, got = OUTCOMES[outcome], columns(outcome)[writer]
    fails = outcome != "good value"
    if outcome == "bad value":
        assert got.requests == []
    else:
        once = [put(got.issue, status="resolved")] + [("GET", f"issues/{got.issue.name}/", None)] * wanted.gets
        assert got.requests == once * (2 if fails and writer in TWICE else 1), "one a write, nothing half-written"
    truth = "unresolved" if fails else "resolved"
    assert (got.server, got.cat) == (truth, truth + "\n")
    if not fails:
        assert (got.status, got.error) == (0, ""), got.shown
        assert not [n for n in got.names if "tmp" in n or n.startswith((".status", "sed")) or n[-1] == "~"], got.names
        return
    assert got.error, "a failure leaves its reason"
    if outcome == "bad value":
        assert all(word in got.error for word in ERROR_WORDS)
    elif wanted.fault.get("status"):
        assert str(wanted.fault["status"]) in got.error and "the server's own words" in got.error
    else:
        assert "not done" in got.error
    if writer in ON_SCREEN:
        assert got.shown.startswith("Error writing"), got.shown
    elif writer not in NOWHERE:
        assert got.status != 0 and (got.shown or writer in SILENT), "never a silent failure"


def test_no_other_request_was_made(columns, sandbox):
    """After each column: what was sent was sent for its issues alone, and there is no bulk request."""
    for outcome in OUTCOMES:
        for result in columns(outcome).values():
            assert all(path == f"issues/{result.issue.name}/" for _, path, _ in result.requests)
    assert not [r for r in sent(sandbox) if "?" in r[1] or r[0] != "PUT"]


# ---- writers with ways of their own: all of it, or nothing and a failure that is seen ----

OTHERS = {
    "rsync": ("rsync \"$S\" \"$F\"", True), "rsync -a": ("rsync -a \"$S\" \"$F\"", True),
    "rsync --inplace": ("rsync --inplace \"$S\" \"$F\"", True), "cp -a": ("cp -a \"$S\" \"$F\"", True),
    "cp -f": ("cp -f \"$S\" \"$F\"", True),
    "sed -i --follow-symlinks": ("sed -i --follow-symlinks s/un// \"$F\"", True),
    "awk": ("awk '{print > ENVIRON[\"F\"]}' \"$S\"", True), "jq": ("jq -rn '\"resolved\"' > \"$F\"", True),
    "dd conv=notrunc": ("dd if=\"$S\" of=\"$F\" conv=notrunc status=none", True),
    ">|": ("echo resolved >| \"$F\"", True),
    "<>": ("echo resolved 1<> \"$F\"", True), ">>": ("echo resolved >> \"$F\"", True),
    "git apply": ("cd \"${F%/*}\" && printf '%s\\n' '--- a/status' '+++ b/status' '@@ -1 +1 @@' -unresolved +resolved "
                  "| git apply --unsafe-paths", True),
    "vim, backup": ("vim.tiny -u NONE -es -c 'set backup backupdir=.' -c '%s/.*/resolved/' -c wq \"$F\"", True),
    "vim, backupcopy=no": ("vim.tiny -u NONE -es -c 'set backupcopy=no' -c '%s/.*/resolved/' -c wq \"$F\"", True),
    "mv": ("mv \"$S\" \"$F\"", False), "install": ("install -m 644 \"$S\" \"$F\"", False),
    "ln -sf": ("ln -sf \"$S\" \"$F\"", False), "cp -b": ("cp -b \"$S\" \"$F\"", False),
    "cp --remove-destination": ("cp --remove-destination \"$S\" \"$F\"", False),
    "sed -i.bak": ("sed -i.bak s/un// \"$F\"", False), "perl -i.bak": ("perl -i.bak -pe s/un// \"$F\"", False),
    "noclobber": ("set -C; echo resolved > \"$F\"", False),
    "dd bs=1": ("dd if=\"$S\" of=\"$F\" bs=1 status=none", False),
    "two lines": ("cat \"$S\" \"$S\" > two && cat two > \"$F\"", False),
    "sponge -a": ("sponge -a \"$F\" < \"$S\"", False),
    "mmap": ("/usr/bin/python3 -c 'import mmap, os\nf = os.open(os.environ[\"F\"], os.O_RDWR)\n"
             "m = mmap.mmap(f, 11)\nm[:9] = b\"resolved\\n\"\nm.flush()'", False),
    "fallocate": ("fallocate -l 9 \"$F\"", False),
    "rename twice": ("cd \"${F%/*}\"; mv status status~ && mv \"$S\" status", False),
}


@pytest.mark.parametrize("writer", OTHERS)
def test_all_or_nothing(issue, sandbox, tmp_path, writer):
    command, works = OTHERS[writer]
    before = sorted(os.listdir(issue.path))
    (tmp_path / "source").write_text("resolved\n")
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "F": str(issue / "status"), "S": str(tmp_path / "source")}
    done = subprocess.run(["bash", "-c", command], env=env, capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert (done.returncode == 0) == works, done.stderr
    assert sent(sandbox) == ([put(issue, status="resolved")] if works else [])
    assert issue.read("status") == ("resolved\n" if works else "unresolved\n")
    assert sorted(os.listdir(issue.path)) == before
    if not works:
        assert done.stderr and (tmp_path / "source").exists(), "the user's own file stays"


# ---- text that is sent at the close ----

GATHERED = [w for w in SHELL if w not in EDITORS]


@pytest.mark.parametrize("writer", GATHERED)
def test_a_comment_by_every_writer(issue, sandbox, tmp_path, writer):
    status, shown = run(writer, issue / "comments/new", "all is well", tmp_path)
    assert status == 0, shown
    assert [(m, b["text"]) for m, _, b in sent(sandbox)] == [("POST", "all is well")] and issue.error() == ""


@pytest.mark.parametrize("fault", [{"status": 500, **WORDS}, {"status": 403, **WORDS}], ids=["500", "403"])
@pytest.mark.parametrize("writer", GATHERED)
def test_a_refused_comment_by_every_writer(issue, sandbox, tmp_path, writer, fault):
    sandbox.faults({"method": "POST", **fault})
    status, shown = run(writer, issue / "comments/new", "all is not well", tmp_path)
    assert [(m, b["text"]) for m, _, b in sent(sandbox)] == [("POST", "all is not well")]
    assert "the server's own words" in issue.error()
    if writer not in BUILTINS | NOWHERE:
        assert status != 0 and shown


@pytest.mark.parametrize("editor", EDITORS)
def test_an_editor_on_a_comment(issue, sandbox, tmp_path, editor):
    assert attempt(issue / "comments/new", "one long line of text\nand another\n") is None
    path = issue / "comments/001-jane.md"
    assert path.read_text() == "one long line of text\nand another\n"
    sandbox.forget()
    status, shown = run(editor, path, "a better text", tmp_path)
    assert status == 0, shown
    assert [(m, b["text"]) for m, _, b in sent(sandbox)] == [("PUT", "a better text")]
    assert path.read_text() == "a better text\n" and issue.error() == ""
    assert sorted(os.listdir(issue / "comments")) == ["001-jane.md", "new", "remove"], "no scratch file is left"


@pytest.mark.parametrize("editor", ["sed -i", "rename", "vim"])
def test_an_editor_on_a_comment_after_another_was_made(issue, sandbox, tmp_path, editor):
    assert attempt(issue / "comments/new", "the first") is None
    assert "001-jane.md" in os.listdir(issue / "comments")
    assert attempt(issue / "comments/new", "the second") is None, "what was listed is not true any more"
    status, shown = run(editor, issue / "comments/001-jane.md", "a better text", tmp_path)
    assert status == 0, shown
    assert [(m, b["text"]) for m, _, b in sent(sandbox)][2:] == [("PUT", "a better text")]
    assert issue.read("comments/001-jane.md") == "a better text\n"
    assert issue.read("comments/002-jane.md") == "the second\n"


@pytest.mark.parametrize("editor", EDITORS)
def test_an_editor_on_status_details(issue, sandbox, tmp_path, editor):
    assert issue.mount.sh(f"echo resolved > {issue.path}/status").returncode == 0
    assert "actor" in issue.read("statusDetails")
    sandbox.forget()
    status, shown = run(editor, issue / "statusDetails", '{"inRelease": "web@1.1.0"}', tmp_path)
    assert status == 0, shown
    assert sent(sandbox) == [put(issue, status="resolved", statusDetails={"inRelease": "web@1.1.0"})]
    assert issue.server()["statusDetails"]["inRelease"] == "web@1.1.0" and issue.error() == ""


def test_an_editor_that_ends_without_saving_sends_nothing(issue, sandbox, tmp_path):
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    for name in ("status", "statusDetails"):
        (tmp_path / "keys").write_text(":%d\rItyped\x1b:q!\r")
        t = Terminal(["vim.tiny", "-u", "NONE", "-s", str(tmp_path / "keys"), str(issue / name)], env, tmp_path)
        assert t.end()[0] == 0
    assert sent(sandbox) == [] and issue.read("status") == "unresolved\n"


def test_a_killed_editor_sends_nothing(issue, sandbox, tmp_path):
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    t = Terminal(["vim.tiny", "-u", "NONE", str(issue / "status")], env, tmp_path)
    try:
        t.expect("unresolved")
        t.send(":%d\rIresolved\x1b:preserve\r")
        t.expect("preserved")
        assert ".status.swp" in os.listdir(issue.path)
    finally:
        t.close()
    wait_until(lambda: t.process.poll() is not None, "vim")
    assert sent(sandbox) == [] and issue.read("status") == "unresolved\n"
    os.unlink(issue / ".status.swp")
    assert sent(sandbox) == []


# ---- as an ordinary user ----

@pytest.fixture(scope="module")
def nobody(sandbox, tmp_path_factory):
    """A mount of root's that belongs to another user; the kernel checks the modes."""
    home = tmp_path_factory.mktemp("nobody")
    m = Mount(sandbox, home / "sentry", "-o", "allow_other,default_permissions,uid=65534,gid=65534")
    assert m.start.returncode == 0, m.start.stderr
    listed(m, sandbox)
    for path in (home, *home.parents):
        if path.stat().st_uid == os.getuid() and str(path).startswith("/tmp/"):
            path.chmod(path.stat().st_mode | 0o055)
    yield m
    m.unmount()


@pytest.mark.parametrize("writer", [w for w in SHELL if w not in ("node", "python unclosed")])
def test_every_writer_as_an_ordinary_user(nobody, shared, sandbox, tmp_path_factory, writer):
    home = tmp_path_factory.mktemp("home")
    os.chown(home, 65534, 65534)
    for path in (home, *home.parents):
        if path.stat().st_uid == os.getuid() and str(path).startswith("/tmp/"):
            path.chmod(path.stat().st_mode | 0o055)
    one = Issue(nobody, sandbox, next(shared.supply))
    sandbox.forget()
    (home / "source").write_text("resolved\n")
    env = {"PATH": os.environ["PATH"], "HOME": str(home), "TMPDIR": str(home), "F": str(one / "status"),
           "V": "resolved", "S": str(home / "source"), "ATOMIC": ATOMIC}
    user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    done = subprocess.run([*user, "bash", "-o", "pipefail", "-c", SHELL[writer]], env=env, capture_output=True,
                          text=True, timeout=60, cwd=home)
    assert done.returncode == 0, done.stderr
    assert sent(sandbox) == [put(one, status="resolved")] and one.read("status") == "resolved\n"
    for command in ("rm \"$F\"", "echo x > \"${F%/*}/title\"", "chmod 600 \"$F\"", "touch \"${F%/*}/x\""):
        assert subprocess.run([*user, "bash", "-c", command], env=env, capture_output=True, cwd=home).returncode != 0


def test_a_stranger_writes_nothing(nobody, shared, sandbox):
    one = Issue(nobody, sandbox, next(shared.supply))
    sandbox.forget()
    for command in ("echo resolved > $F", "rm $F", "echo x > ${F%/*}/comments/new", "chmod 644 $F", "truncate -s0 $F"):
        done = subprocess.run(["setpriv", "--reuid=12345", "--regid=12345", "--clear-groups", "bash", "-c", command],
                              env={"PATH": os.environ["PATH"], "F": str(one / "status")}, capture_output=True)
        assert done.returncode != 0, command
    assert asked(sandbox) == [] and one.read("status") == "unresolved\n"


# ---- long texts are one request ----

PIECES = {
    "sed": "sed '' \"$S\" > \"$F\"", "awk": "awk '{printf \"%s%s\", (NR > 1 ? \"\\n\" : \"\"), $0}' \"$S\" > \"$F\"",
    "jq": "jq -Rsj . \"$S\" > \"$F\"", "cat": "cat \"$S\" > \"$F\"", "perl": "perl -pe 1 \"$S\" > \"$F\"",
    "tee": "tee \"$F\" < \"$S\" > /dev/null", "dd": "dd if=\"$S\" of=\"$F\" status=none",
    "dd bs=4k": "dd if=\"$S\" of=\"$F\" bs=4096 status=none", "cp": "cp \"$S\" \"$F\"",
    "sponge": "sponge \"$F\" < \"$S\"",
    "python": PYTHON.format("import os\nwith open(os.environ[\"F\"], \"w\") as f:\n"
                            "    f.write(open(os.environ[\"S\"]).read())"),
    "node": "node -e 'const fs = require(\"fs\"); fs.writeFileSync(process.env.F, fs.readFileSync(process.env.S))'",
}


@pytest.mark.parametrize("size", [16_000, 300_000])
@pytest.mark.parametrize("writer", PIECES)
def test_a_long_text_is_one_request(issue, sandbox, tmp_path, writer, size):
    line = "a \"long\" line \\ with 中文 and a tab\there, number "
    text = "".join(f"{line}{n}\n" for n in range(size // 70))
    text += "." * (size - len(text.encode()))
    (tmp_path / "source").write_text(text)
    env = {**os.environ, "F": str(issue / "comments/new"), "S": str(tmp_path / "source"), "LANG": "C.UTF-8"}
    done = subprocess.run(["bash", "-c", PIECES[writer]], env=env, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    (method, path, body), = sent(sandbox)
    assert (method, path) == ("POST", f"issues/{issue.name}/comments/")
    assert body["text"] == text and len(text.encode()) == size
