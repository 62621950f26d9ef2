# SPDX-License-Identifier: MIT
"""One answer in ten is spoilt: each operation gives what is true or an error, within its time; a write is done once or
reported. SENTRYFS_SEED repeats a run, SENTRYFS_OPERATIONS makes it longer, SENTRYFS_PERCENT is that of the faults."""

import itertools
import os
import random

from conftest import Sandbox
from truth import TIMEOUT_S, Model, hits, rules

SEED = int(os.environ.get("SENTRYFS_SEED") or random.SystemRandom().randrange(1_000_000))
OPERATIONS = int(os.environ.get("SENTRYFS_OPERATIONS", "1500"))
PERCENT = float(os.environ.get("SENTRYFS_PERCENT", "10"))
WORKERS = 12


def test_nothing_wrong_under_random_faults(mount, capsys):
    server = Sandbox("--issues", 40, "--unresolved-only", "--events", 4, "--seed", SEED % 1000)
    try:
        m = mount(f"--timeout={TIMEOUT_S}", "-o", "crawl=0", server=server)
        assert m.start.returncode == 0, m.start.stderr
        model = Model(server, m, SEED)
        server.forget()
        server.control("POST", "faults", rules(PERCENT, SEED))
        turns = itertools.count()
        model.run(WORKERS, lambda: next(turns) < OPERATIONS)
        faults = hits(server)
        model.settle()
        with capsys.disabled():
            print(f"\n{model.figures(faults)}")
        assert not model.wrong, (f"SENTRYFS_SEED={SEED}", model.wrong[:10])
        assert faults > model.count["requests"] * PERCENT / 300
        assert model.count["operations"] >= OPERATIONS and model.count["errors"] < model.count["operations"] / 4
        m.unmount()
    finally:
        server.stop()
