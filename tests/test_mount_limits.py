# SPDX-License-Identifier: MIT
"""Sentry's limits, enforced: sixteen greps are not refused, leave a person's reads quick, and no storm follows.

And the brake: a process that asks for more than anybody reads is slowed and named.
"""

import collections
import os
import subprocess
import time

import pytest
from conftest import PATIENCE, PLAIN, Sandbox, server_of, wait_until
from writing import ISSUES, error_of

READERS = 16
ISSUES_N = int(os.environ.get("SENTRYFS_LIMITS_ISSUES", "48"))     # of the project that is searched
REFUSED_MAX = 0.01
INTERACTIVE_S = 1.5


limited = server_of("--rate-limits", "--issues", ISSUES_N, "--unresolved-only", "--events", 3, "--delay-ms", 20)


def test_sixteen_greps_and_a_person(mount, limited):
    m = mount(server=limited)
    names = os.listdir(m.where / ISSUES)
    others = sorted(os.listdir(m.where / "acme/projects/api/issues"))
    assert len(names) == ISSUES_N
    limited.forget()
    begin = time.monotonic()
    greps = subprocess.Popen(["bash", "-c", f"ls | xargs -P {READERS} -n {max(1, ISSUES_N // READERS)} grep -rc kiwi"],
                             cwd=m.where / ISSUES, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    took = []
    ended = False
    while not ended:
        name = others[len(took) // 2 % len(others)]
        file = "events/latest.json" if len(took) % 2 else "details.json"
        start = time.monotonic()
        assert subprocess.run(["cat", m.where / "acme/projects/api/issues" / name / file], capture_output=True,
                              timeout=60 * PATIENCE).returncode == 0
        took.append(time.monotonic() - start)
        try:
            greps.wait(1)       # a person reads what was shown
            ended = True
        except subprocess.TimeoutExpired:
            pass
    out, err = greps.communicate()
    seconds = time.monotonic() - begin
    assert err == "" and greps.returncode in (0, 123), err      # 123: some found nothing
    assert len(out.splitlines()) > 20 * ISSUES_N, "every file was read"
    requests = limited.requests()
    refused = [r for r in requests if r["status"] == 429]
    print(f"limits: {READERS} readers, {len(requests)} requests in {seconds:.0f} s, {len(refused)} refused (429); "
          f"{len(took)} reads by a person, the slowest {max(took):.2f} s")
    assert len(requests) > 3 * ISSUES_N
    assert len(refused) <= REFUSED_MAX * PATIENCE * len(requests), collections.Counter(r["path"] for r in refused).most_common(5)
    if PLAIN:
        assert max(took) < INTERACTIVE_S, took
    # what was on its way ends, and nothing is asked after it
    wait_until(lambda: all(r["status"] for r in limited.requests()), "the last answers")
    known = len(limited.requests())
    assert subprocess.run(["cat", m.where / ISSUES / names[0] / "title"], capture_output=True).returncode == 0
    assert len(limited.requests()) - known <= 2
    again = collections.Counter((r["method"], r["path"], r["query"]) for r in requests)
    assert max(again.values()) <= 3, again.most_common(3)


def test_refused_by_another_client_is_waited_out_without_a_storm(mount, limited):
    """Another client of the same token uses the limit up: each call is asked for again once its reset came."""
    m = mount("--timeout=10", server=limited)
    names = os.listdir(m.where / ISSUES)
    limited.forget()
    limited.faults({"method": "GET", "path": "/issues/[^/]+/$", "times": 5, "rate_limit": "object"})
    readers = [subprocess.Popen(["cat", m.where / ISSUES / n / "details.json"], stdout=subprocess.DEVNULL)
               for n in names[::5][:8]]      # no neighbours, of which nothing is fetched ahead
    assert [r.wait(30) for r in readers] == [0] * 8
    asked = [r for r in limited.requests() if r["path"].count("/") == 7]
    assert len(asked) <= 8 + 5 and len([r for r in asked if r["status"] == 200]) == 8, \
        "".join(f"\n{r['t']:.3f} {r['status']}" for r in asked)
    assert max(collections.Counter(r["path"] for r in asked).values()) <= 4
    limited.faults()


@pytest.mark.parametrize("told", [{"Retry-After": "0"}, {"X-Sentry-Rate-Limit-Reset": "5"}], ids=str)
def test_a_server_that_refuses_at_once_for_ever_is_asked_ever_less(mount, sandbox, told):
    m = mount("--timeout=3", source="acme/web")
    issue = m.where / "issues" / os.listdir(m.where / "issues")[0]
    sandbox.forget()
    sandbox.faults({"path": "/issues/[^/]+/$", "status": 429, "headers": told})
    assert error_of((issue / "details.json").read_bytes) == "EAGAIN"
    asked = [r["t"] for r in sandbox.requests() if r["path"].count("/") == 7]
    assert 4 <= len(asked) <= 7, "after 0, 100, 300, 700, 1500, 2300 ms; every 100 ms before"


@pytest.mark.parametrize("reset", [int(time.time()) * 1000, int(time.time()) + 86400], ids=["in ms", "tomorrow"])
def test_a_reset_that_nobody_waits_for_stops_nothing(mount, sandbox, reset):
    m = mount("--timeout=3", source="acme/web")
    names = os.listdir(m.where / "issues")
    told = {"Limit": "40", "Remaining": "0", "Reset": str(reset)}
    sandbox.faults({"path": "/issues/[^/]+/$", "headers": {f"X-Sentry-Rate-Limit-{k}": v for k, v in told.items()}})
    for name in names[::9][:5]:     # no neighbours, of which nothing is fetched ahead
        assert error_of((m.where / "issues" / name / "details.json").read_bytes) is None


def test_who_waits_passes_a_crowd_that_hangs(mount):
    """A server without limits, of which a part hangs: the crowd that waits for it has not every connection."""
    with Sandbox("--dialect", "self-hosted", "--issues", 60, "--unresolved-only") as s:
        m = mount("--timeout=20", server=s, source="acme/web")
        names = os.listdir(m.where / "issues")
        s.faults({"path": "/(events|tags|hashes|comments)/", "hang": "before-headers"})
        each = "for d in events tags hashes comments; do ls issues/$i/$d & done; cat issues/$i/events/latest.json &"
        with subprocess.Popen(["bash", "-c", f"for i in {' '.join(names[:20])}; do {each} done; wait"], cwd=m.where,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as crowd:
            wait_until(lambda: s.control("GET", "faults")["hanging"] >= 16, "the crowd to hang")
            start = time.monotonic()
            for name in names[45:50]:
                assert error_of((m.where / "issues" / name / "details.json").read_bytes) is None
            took = time.monotonic() - start
            s.faults()
            assert crowd.wait(60) == 0
        m.unmount()
    assert took < 5 * PATIENCE, took      # 17 s before


def test_a_crawler_is_slowed_and_named(mount, sandbox):
    m = mount("-o", "crawl=20")
    names = sorted(os.listdir(m.where / ISSUES))
    script = "import os, sys\nfor n in sys.argv[2:]: os.listdir(f'{sys.argv[1]}/{n}/events')"
    sandbox.forget()
    begin = time.monotonic()
    crawler = subprocess.Popen(["python3", "-c", script, m.where / ISSUES, *names[:24]])
    wait_until(lambda: "slowed" in m.status(), "the brake")
    # another process is not slowed
    start = time.monotonic()
    assert (m.where / ISSUES / names[60] / "details.json").read_bytes()
    other = time.monotonic() - start
    assert crawler.wait(60) == 0
    seconds = time.monotonic() - begin
    listings = [r for r in sandbox.requests() if r["path"].endswith("/events/")]
    assert len(listings) >= 22
    assert seconds > 1.5, "each further request waits a second"
    assert not PLAIN or other < 0.9
    line = [x for x in (m.where / ".sentryfs/errors").read_text().splitlines() if "PRUNEFS" in x]
    assert line, (m.where / ".sentryfs/errors").read_text()[-2000:]
    assert len(line) == 1 and f"python3 (pid {crawler.pid}, uid {os.getuid()})" in line[0], line
    assert m.status()["slowed"] == "1 processes, see errors"


def test_no_brake(mount, sandbox):
    m = mount("-o", "crawl=0")
    names = sorted(os.listdir(m.where / ISSUES))
    assert m.sh(f"cat {ISSUES}/*/comments/* {ISSUES}/*/hashes/* > /dev/null; ls {ISSUES}/*/events | wc -l").returncode == 0
    assert "slowed" not in m.status() and len(names) > 50
