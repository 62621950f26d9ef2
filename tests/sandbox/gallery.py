# SPDX-License-Identifier: MIT
"""The project `gallery`: an issue of each platform, with the secrets and the escape sequences that programs send."""

from . import catalog
from .world import DAY, HOUR, MINUTE, Project, iso

SECRET = "hunter2"      # part of all that must never be in a text made of an event
ESCAPES = "\x1b[31mred\x1b[0m \x9b31m \u202ertl\u202c \x07\r"

ISSUES = (  # platform, and a row as in catalog.KINDS; the first is GALLERY-1
    ("python", ("InvoiceError", "invoice {n} has no total\n  see the lines of {w}", "acme/{w}/views.py",
                "get_context_data", "error", "django.request", False)),
    ("javascript", ("TypeError", "Cannot read properties of undefined (reading '{w}')",
                    "app:///static/js/{w}.chunk.js", "render{W}", "error", "javascript", False)),
    ("node", ("PaymentError", "charge {n} was refused", "src/{w}/service.ts", "charge", "error", "", False)),
    ("java", ("NullPointerException", "Cannot invoke \"com.acme.{w}.{W}.getId()\" because \"{w}\" is null",
              "{W}Service.java", "com.acme.{w}.{W}Service.find", "error", "com.acme.{w}", False)),
    ("go", ("runtime.boundsError", "runtime error: index out of range [{n}] with length {n}",
            "internal/{w}/parse.go", "parse{W}", "fatal", "", False)),
    ("ruby", ("NoMethodError", "undefined method `{w}' for nil:NilClass\n  did you mean? `id'",
              "app/models/{w}.rb", "recalculate", "error", "rails", False)),
    ("csharp", ("System.AggregateException", "One or more errors occurred.", "/src/Acme.{W}/{W}Controller.cs",
                "Acme.{W}.{W}Controller.Details", "error", "Microsoft.AspNetCore", False)),
    ("native", ("SIGSEGV", "Segfault at 0x{n:x}", "src/{w}/{w}_view.cc", "acme::{w}::{W}View::paint", "fatal", "",
                False)),
    ("cocoa", ("EXC_BAD_ACCESS", "KERN_INVALID_ADDRESS at 0x{n:x}", "{W}Pass.mm", "-[{W}Pass encode:]", "fatal", "",
               False)),
    ("php", ("App\\Exception\\{W}Exception", "{w} {n} is not payable", "src/Controller/{W}Controller.php", "show",
             "error", "", False)),
    ("elixir", ("FunctionClauseError", "no function clause matching in Acme.{W}.total/1", "lib/acme/{w}.ex", "total",
                "error", "", False)),
    ("python", (None, "{w} queue is {n} messages behind", "acme/tasks/monitor.py", "check_lag", "warning",
                "acme.monitor", True)),
)


def load(world):
    project = Project(len(world.projects), "gallery", "Gallery", "other", ("python", "python"),
                      iso(world.now0 - 300 * DAY))
    world.projects.append(project)
    for number, (platform, row) in enumerate(ISSUES, 1):
        issue = world.make_issue(project, number)
        word, detail = catalog.WORDS[(issue.shape >> 16) % len(catalog.WORDS)], 100 + number
        kind, value, _, function, level, logger, handled = row
        issue.platform, issue.kind = platform, row
        issue.type = catalog.fill(kind, word, detail) if kind else None
        issue.value, issue.culprit = catalog.fill(value, word, detail), catalog.fill(function, word, detail)
        issue.title = (f"{issue.type}: {issue.value}" if issue.type else issue.value).split("\n")[0]
        issue.level, issue.logger, issue.unhandled = level, catalog.fill(logger, word, detail) or None, not handled
        issue.status, issue.substatus, issue.details, issue.resolved_by = "unresolved", "ongoing", {}, None
        issue.assigned, issue.notes, issue.priority, issue.activity = None, number % 3, "high", None
        issue.stored = issue.count = 40 + number
        issue.users, issue.hashes, issue.parts = 7, 1, [(issue.id, 0)]
        issue.last = world.now0 - HOUR - number * MINUTE
        issue.first = issue.last - 3 * DAY
    world.changed_all()


def plant(event, word):
    """Puts secrets and escape sequences wherever SDKs have been seen to send them."""
    event["context"].update({
        "api_token": f"tok-{SECRET}", "settings": {"DB_PASSWORD": f"{SECRET}-db", "debug": False,
                                                   "nested": [{"client_secret": SECRET}]},
        "headers": [["Cookie", f"sid={SECRET}"], ["Accept", "*/*"]],
        "dsn": f"postgres://acme:{SECRET}@db.internal/acme", "answer": f"{{\"password\": \"{SECRET}\", \"ok\": true}}",
        "curl": f"curl -H 'Authorization: Bearer {SECRET}.aaaaaaaaaaaa' https://api.acme.example/",
        "escapes": ESCAPES, "order": 9007199254740993})
    event["user"]["data"] = {"refresh_token": SECRET, "plan": "pro"}
    for entry in event["entries"]:
        data = entry["data"]
        if entry["type"] == "breadcrumbs":
            data["values"].append(dict(data["values"][-1], type="http", category="http", message=None, data={
                "url": f"https://api.acme.example/{word}?access_token={SECRET}&page=2", "method": "GET",
                "status_code": 401}))
            data["values"].append(dict(data["values"][-1], type="default", category="console", data=None,
                                       message=f"login with password={SECRET} {ESCAPES}"))
            data["values"].append(dict(data["values"][-1], type="default", category="rpc", message="call", data={
                "x-api-key": SECRET, "body": f"{{'token': '{SECRET}'}}"}))
        elif entry["type"] == "request":
            data["url"] += f"?token={SECRET}"
            data["query"].append(["token", SECRET])
            data["headers"] += [["Cookie", f"sessionid={SECRET}"], ["X-Api-Key", SECRET],
                                ["Proxy-Authorization", f"Basic {SECRET}"], ["X-Note", ESCAPES]]
            data["cookies"].append(["remember", SECRET])
            data["env"]["SECRET_KEY"] = SECRET
            if isinstance(data["data"], dict):
                data["data"]["password"] = SECRET
        elif entry["type"] == "exception":
            for value in data["values"]:
                for frame in value["stacktrace"]["frames"]:
                    if frame["vars"]:
                        frame["vars"].update({"password": f"'{SECRET}'", "headers": {"Authorization": SECRET},
                                              "kwargs": f"{{'auth_token': '{SECRET}', 'page': 2}}",
                                              "terminal": ESCAPES})
    return event
