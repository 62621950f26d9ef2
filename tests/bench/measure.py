# SPDX-License-Identifier: MIT
"""One timed run of a command, and rounds of them: A B A B, so that noise of the machine meets all sides alike."""

import dataclasses
import os
import select
import statistics
import subprocess
import tempfile
import time


@dataclasses.dataclass
class Job:
    """A command that a side runs; `lines` is how many it must print, -1 at least one."""
    argv: list
    cwd: str = None
    env: dict = None
    lines: int = -1
    first: bool = False     # also the time of the first output


@dataclasses.dataclass
class Sample:
    seconds: float
    first: float = None
    requests: int = None
    refused: int = 0
    rss_kb: int = None


class Failed(Exception):
    """A run that did not do its work: its time says nothing."""


def run(job, limit):
    """(seconds, seconds to the first output) of the command; Failed when it ends badly or late."""
    with tempfile.TemporaryFile() as errors, tempfile.TemporaryFile() as out:
        start = time.perf_counter()
        process = subprocess.Popen(job.argv, cwd=job.cwd, env=job.env, stdin=subprocess.DEVNULL, stderr=errors,
                                   stdout=subprocess.PIPE if job.first else out)
        first = None
        try:
            if job.first:
                first = drain(process.stdout, out, start, limit)
            status = wait(process, limit - (time.perf_counter() - start))
            seconds = time.perf_counter() - start
        except subprocess.TimeoutExpired:
            raise Failed(f"over {limit:.0f} s") from None
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            if process.stdout:
                process.stdout.close()
        out.seek(0)
        lines = sum(chunk.count(b"\n") for chunk in iter(lambda: out.read(1 << 20), b""))
        errors.seek(0)
        words = errors.read().decode("utf-8", "replace").strip().splitlines()
        if status != 0 or (lines != job.lines if job.lines >= 0 else lines == 0):
            raise Failed(f"status {status}, {lines} lines" + (f": {words[-1][:160]}" if words else ""))
        return seconds, first


def wait(process, seconds):
    """Without the steps of up to 50 ms in which Popen.wait with a time-out looks."""
    end = os.pidfd_open(process.pid)
    try:
        if not select.select([end], [], [], max(0.1, seconds))[0]:
            raise subprocess.TimeoutExpired("wait", seconds)
    finally:
        os.close(end)
    return process.wait()


def drain(pipe, out, start, limit):
    first = None
    while select.select([pipe], [], [], max(0, limit - (time.perf_counter() - start)))[0]:
        data = os.read(pipe.fileno(), 1 << 20)
        if not data:
            return first
        first = first or time.perf_counter() - start
        out.write(data)
    raise subprocess.TimeoutExpired("drain", limit)


def peak_kb(pid):
    try:
        with open(f"/proc/{pid}/status", encoding="ascii") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("VmHWM"))
    except OSError:
        return None


class Outcome:
    """What one side did over all rounds."""

    def __init__(self, side):
        self.side, self.samples, self.failure = side, [], None

    def middle(self, name="seconds"):
        values = [getattr(s, name) for s in self.samples if getattr(s, name) is not None]
        return statistics.median(values) if values else None

    @property
    def seconds(self):
        found = self.middle()
        return None if found is None else found * self.side.scale / self.side.parts


def once(outcome, limit):
    """One run of one side: what is set up before and taken down behind it is not timed."""
    side = outcome.side
    try:
        job = side.before()
        side.forget()
        seconds, first = run(job, limit)
        requests, refused = side.counted()
        outcome.samples.append(Sample(seconds, first, requests, refused, side.rss()))
    except (Failed, OSError, subprocess.SubprocessError) as e:
        outcome.failure = str(e)
    finally:
        side.after()


def rounds(sides, warm_up, most, budget, limit):
    """Runs every side in turn, `most` times or until `budget` seconds are over, once at the least. `warm_up(True)`
    makes the server quick for a first round that is thrown away, `warm_up(False)` makes it what the row says."""
    outcomes = [Outcome(s) for s in sides]
    started = []
    try:
        for outcome in outcomes:
            try:
                started.append(outcome.side)
                outcome.side.start()
            except (Failed, OSError, subprocess.SubprocessError) as e:
                outcome.failure = str(e)
        warm_up(True)
        for outcome in outcomes:
            if outcome.side.warm and not outcome.failure:
                once(outcome, limit)
                outcome.samples.clear()
        warm_up(False)
        begun = time.monotonic()
        for turn in range(most):
            if turn and time.monotonic() - begun > budget:
                break
            for outcome in outcomes:
                if not outcome.failure and (turn == 0 or not outcome.side.single):
                    once(outcome, limit)
    finally:
        for side in started:
            side.stop()
    return outcomes
