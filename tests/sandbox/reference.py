# SPDX-License-Identifier: MIT
"""The project `reference`: issues and events made from event files, each event served byte for byte as its file is."""

import json
import os

from .world import DAY, HOUR, MINUTE, Project, iso


def load(world, folder):
    project = Project(len(world.projects), "reference", "Reference", "python", ("python", "python"),
                      iso(world.now0 - 300 * DAY))
    project.kinds = ("python", "python")
    world.projects.append(project)
    names = sorted(n for n in os.listdir(folder) if n.endswith(".json"))
    for number, name in enumerate(names, 1):
        with open(os.path.join(folder, name), "rb") as f:
            text = f.read()
        event = json.loads(text)
        issue = world.make_issue(project, number)
        wanted = str(event.get("groupID", ""))
        if wanted.isdigit() and int(wanted) not in world.issues:
            del world.issues[issue.id]
            issue.id = int(wanted)
            world.issues[issue.id] = issue
        levels = [t["value"] for t in event.get("tags", []) if t["key"] == "level"]
        loggers = [t["value"] for t in event.get("tags", []) if t["key"] == "logger"]
        issue.literal, issue.literal_text = event, text
        issue.title, issue.culprit = event["title"], event.get("culprit") or ""
        issue.platform, issue.type = event.get("platform"), None if event.get("type") == "default" else event["type"]
        issue.value = (event.get("metadata") or {}).get("value") or event.get("message") or ""
        issue.level, issue.logger = levels[0] if levels else "error", loggers[0] if loggers else None
        issue.unhandled = any(t["key"] == "handled" and t["value"] == "no" for t in event.get("tags", []))
        issue.status, issue.substatus, issue.details, issue.resolved_by = "unresolved", "ongoing", {}, None
        # the files are old; an issue of today is in the window of an ordinary listing
        issue.last = issue.first = world.now0 - HOUR - number * MINUTE
        issue.stored = issue.count = issue.users = issue.hashes = 1
        issue.parts, issue.notes = [(issue.id, 0)], 0
        world.literal_events[event["eventID"]] = issue
        world.literal_events[event["id"]] = issue
    world.changed_all()
