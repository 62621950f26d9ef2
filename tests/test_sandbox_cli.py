# SPDX-License-Identifier: MIT
"""Sentry's own command-line clients, from npm, list and change issues on the sandbox: something that nobody here wrote."""

import json
import os
import subprocess

import pytest
from sandbox import npm
from sandbox.client import Sandbox


@pytest.fixture(scope="module")
def folder():
    where = npm.install()
    if where is None:
        text = "npm is not installed: Sentry's own clients are not tried"
        if os.environ.get("CI") == "true":
            pytest.fail(text)
        pytest.skip(text)
    return where


class Client:
    def __init__(self, folder, server, home):
        self.bin, self.server = os.path.join(folder, "node_modules", ".bin"), server
        self.node = npm.node(folder)
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
