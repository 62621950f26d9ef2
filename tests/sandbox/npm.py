# SPDX-License-Identifier: MIT
"""Sentry's own command-line clients from npm: `@sentry/cli` and `sentry`.

They are installed once into build/npm; the versions are pinned here and no lock file is kept.
"""

import fcntl
import json
import os
import platform
import shutil
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
CACHE = os.environ.get("SENTRYFS_NPM_CACHE") or os.path.join(ROOT, "build", "npm")
CLI, SENTRY, NODE = "@sentry/cli@3.8.0", "sentry@0.49.0", "20.20.2"
NODE_WANTED = 20    # the `sentry` client's engine; an older one is helped by node's own npm package


def system_node():
    """(path, major version) of the node in PATH."""
    path = shutil.which("node")
    text = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout if path else "v0"
    return path, int(text.strip().lstrip("v").split(".")[0])


def node(folder):
    """The node that runs the clients."""
    path, version = system_node()
    modules = os.path.join(folder, "node_modules")
    own = [os.path.join(modules, n, "bin", "node") for n in os.listdir(modules) if n.startswith("node-linux-")]
    return own[0] if version < NODE_WANTED and own else path


def install():
    """The folder with both clients, or None without npm; installing is done once, whoever comes first."""
    npm = shutil.which("npm")
    if npm is None:
        return None
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
