# SPDX-License-Identifier: MIT
"""What an agent's triage costs in bytes that it reads: through the mount, and through the JSON of the API.

    SENTRYFS=build/sentryfs /usr/bin/python3 -m pytest -s tests/test_mount_cost.py     prints the figures of docs/AGENTS-COST.md
"""

import json
import urllib.request

import pytest
from conftest import server_of

# what is looked at: three issues of web, and of the gallery three of each kind of program
PLACES = {"web": ("web", 3), "services (python, node, java)": ("gallery", (1, 3, 4)),
          "clients (javascript, cocoa, native)": ("gallery", (2, 9, 8))}


server = server_of("--gallery", "--now", 1780000000)


class Api:
    """A client that asks for no more than it must, and counts the bytes of the answers as they are read: minified JSON."""

    def __init__(self, s):
        self.s, self.bytes, self.answers = s, 0, 0

    def ask(self, path, body=None):
        request = urllib.request.Request(f"{self.s.url}/api/0/organizations/acme/{path}",
                                         json.dumps(body).encode() if body else None, {
                                             "Authorization": f"Bearer {self.s.token}",
                                             "Content-Type": "application/json"}, method="PUT" if body else "GET")
        with urllib.request.urlopen(request, timeout=20) as answer:
            text = answer.read()
        self.bytes += len(text)
        self.answers += 1
        return json.loads(text)


def by_api(s, project, wanted):
    """The newest issues; of each its details, latest event and tags; one is resolved."""
    api = Api(s)
    slug = {"web": "web", "gallery": "gallery"}[project]
    ids = {p["slug"]: p["id"] for p in Api(s).ask("projects/")}     # not counted: a mount has it from its start
    count = wanted if isinstance(wanted, int) else 12
    listed = api.ask(f"issues/?project={ids[slug]}&limit={count}&collapse=stats&collapse=filtered&collapse=unhandled")
    numbers = range(wanted) if isinstance(wanted, int) else [n - 1 for n in wanted]
    for n in numbers:
        one = listed[n]["id"]
        api.ask(f"issues/{one}/")
        api.ask(f"issues/{one}/events/latest/")
        api.ask(f"issues/{one}/tags/?limit=3")
    answer = api.ask(f"issues/{listed[numbers[0]]['id']}/", {"status": "resolved"})
    assert answer["status"] == "resolved"
    return api, [listed[n]["shortId"] for n in numbers]


def by_mount(m, project, names):
    """The same by ls, cat and echo: what they print is what is read."""
    out = m.sh(f"cd acme/projects/{project}/issues && ls -t | head -n 12 && cat {' '.join(n + '/summary.txt' for n in names)} "
               f"&& echo resolved > {names[0]}/status && cat {names[0]}/status")
    assert out.returncode == 0 and out.stdout.endswith("\nresolved\n"), out.stderr
    return out.stdout


@pytest.mark.parametrize("what", PLACES)
def test_a_triage_costs_less_than_through_json(mount, server, what):
    m = mount(server=server)
    project, wanted = PLACES[what]
    api, names = by_api(server, project, wanted)
    server.control("POST", "mutate", {"op": "status", "issue": names[0], "status": "unresolved"})
    m.sh(f"ls acme/projects/{project}/issues")
    server.forget()
    text = by_mount(m, project, names)
    asked = len(server.requests())
    # the same facts: titles, who and when, the deepest frame of the program, breadcrumbs, the values of tags
    for name in names:
        where = m.where / f"acme/projects/{project}/issues" / name
        issue, event = (json.loads((where / f).read_text()) for f in ("issue.json", "events/latest.json"))
        assert event["eventID"] in text and issue["permalink"] in text and issue["lastSeen"] in text
        crumbs = next(e["data"]["values"] for e in event["entries"] if e["type"] == "breadcrumbs")
        assert crumbs[-1]["timestamp"] in text and event["user"]["id"] in text
    size = len(text.encode())
    print(f"\n| {what} | {size} | {api.bytes} | {api.bytes / size:.1f} | {asked} | {api.answers} |")
    assert size * 2 < api.bytes
    assert asked <= api.answers


def test_an_event_as_text_is_shorter_than_its_json(mount, server):
    m = mount(server=server)
    text = json_ = 0
    for number in "12345678":
        where = m.where / f"acme/projects/gallery/issues/GALLERY-{number}/events"
        text += len((where / "latest.txt").read_bytes())
        json_ += len(json.dumps(json.loads((where / "latest.json").read_text()), separators=(",", ":"),
                                ensure_ascii=False).encode())
    print(f"\n| a whole event, the mean of 8 platforms | {text // 8} | {json_ // 8} | {json_ / text:.1f} | 1 | 1 |")
    assert text * 1.5 < json_
