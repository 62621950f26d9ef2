# SPDX-License-Identifier: MIT
"""Sentry's own command-line clients, from npm, list and change issues on the sandbox: something that nobody here wrote.

They are installed once into build/npm; the versions are pinned here and no lock file is kept.
"""

import fcntl
import json
import os
import platform
import shutil
import subprocess

import pytest
from sandbox.client import Sandbox

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CACHE = os.environ.get("SENTRYFS_NPM_CACHE") or os.path.join(ROOT, "build", "npm")
CLI, SENTRY, NODE = "@sentry/cli@3.8.0", "sentry@0.49.0", "20.20.2"
NODE_WANTED = 20    # the `sentry` client's engine; an older one is helped by node's own npm package


def system_node():
    """(path, major version) of the node in PATH."""
    path = shutil.which("node")
    text = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout if path else "v0"
    return path, int(text.strip().lstrip("v").split(".")[0])


def install():
    """The folder with both clients; installing is done once, whoever comes first."""
    npm = shutil.which("npm")
    if npm is None:
        text = "npm is not installed: Sentry's own clients are not tried"
        if os.environ.get("CI") == "true":
            pytest.fail(text)
        pytest.skip(text)
    wanted = [CLI, SENTRY]
    if system_node()[1] < NODE_WANTED:
        arch = {"x86_64": "x64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
        wanted.append(f"node-linux-{arch}@{NODE}")
    os.makedirs(CACHE, exist_ok=True)
    with open(os.path.join(CACHE, ".lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stamp = os.path.join(CACHE, ".installed")
        if os.path.exists(stamp):
            with open(stamp, encoding="utf-8") as f:
                if f.read().split() == wanted:
                    return CACHE
        with open(os.path.join(CACHE, "package.json"), "w", encoding="utf-8") as f:
            json.dump({"name": "sandbox-clients", "private": True}, f)
        done = subprocess.run([npm, "install", "--no-audit", "--no-fund", "--no-save", "--no-package-lock", *wanted],
                              cwd=CACHE, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        with open(stamp, "w", encoding="utf-8") as f:
            f.write("\n".join(wanted))
    return CACHE


@pytest.fixture(scope="module")
def folder():
    return install()


class Client:
    def __init__(self, folder, server, home):
        self.bin, self.server = os.path.join(folder, "node_modules", ".bin"), server
        self.node = system_node()[0]
        own = [os.path.join(folder, "node_modules", n, "bin", "node") for n in os.listdir(
            os.path.join(folder, "node_modules")) if n.startswith("node-linux-")]
        if system_node()[1] < NODE_WANTED and own:
            self.node = own[0]
        self.env = {"PATH": os.path.dirname(self.node) + ":" + os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8",
                    "SENTRY_URL": server.url, "SENTRY_AUTH_TOKEN": server.token, "SENTRY_CLI_NO_TELEMETRY": "1",
                    "NO_COLOR": "1"}

    def run(self, name, *args, ok=True):
        done = subprocess.run([self.node, os.path.realpath(os.path.join(self.bin, name)), *args], env=self.env,
                              cwd=self.env["HOME"], capture_output=True, text=True, timeout=60)
        assert (done.returncode == 0) == ok, done.stdout + done.stderr
        return done.stdout + done.stderr


@pytest.fixture
def client(folder, tmp_path):
    with Sandbox() as server:
        yield Client(folder, server, tmp_path)


WHERE = ("--org", "acme", "--project", "web")


def test_sentry_cli_reads(client):
    assert "jane@acme.example" in client.run("sentry-cli", "info")
    assert "Acme Corporation" in client.run("sentry-cli", "organizations", "list")
    assert "desktop" in client.run("sentry-cli", "projects", "list", "--org", "acme")
    text = client.run("sentry-cli", "issues", "list", *WHERE, "--max-rows", "5")
    assert "WEB-1 " in text and "HostileError" in text
    assert client.run("sentry-cli", "events", "list", *WHERE, "--max-rows", "5").count("-") > 5


def test_sentry_cli_walks_every_page(client):
    text = client.run("sentry-cli", "issues", "list", *WHERE, "--max-rows", "1000")
    web = client.server.control("GET", "state")["projects"]["web"]
    listed = [line for line in text.splitlines() if "| WEB-" in line]
    recent = sum(len(p.json) for p in client.server.walk("/projects/acme/web/issues/", query=""))
    assert 100 < len(listed) == recent <= web["issues"]


def test_sentry_cli_changes(client):
    one = client.server.get("/organizations/acme/issues/WEB-1/").json["id"]
    for verb, status in (("resolve", "resolved"), ("unresolve", "unresolved"), ("mute", "ignored")):
        client.run("sentry-cli", "issues", verb, *WHERE, "-i", one)
        assert client.server.get("/organizations/acme/issues/WEB-1/").json["status"] == status


def test_sentry_cli_is_refused(client):
    client.env["SENTRY_AUTH_TOKEN"] = "sntryu_" + "02" * 32
    text = client.run("sentry-cli", "projects", "list", "--org", "acme", ok=False)
    assert "You do not have permission" in text


def test_sentry_reads_and_resolves(client):
    assert "WEB-1" in client.run("sentry", "issue", "list", "acme/web", "--limit", "3")
    listed = json.loads(client.run("sentry", "issue", "list", "acme/web", "--limit", "5", "--json"))
    assert [i["shortId"] for i in listed["data"]][:3] == ["WEB-1", "WEB-2", "WEB-3"] and len(listed["data"]) == 5
    text = client.run("sentry", "issue", "view", "acme/WEB-2")
    assert "HostileError" in text and "Latest Event" in text
    assert "Resolved" in client.run("sentry", "issue", "resolve", "acme/WEB-3")
    assert client.server.issue("WEB-3")["status"] == "resolved"
