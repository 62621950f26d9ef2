# SPDX-License-Identifier: MIT
"""What goes wrong at acme: the kinds of failure from which issues are made, one row a kind.

A row: platform, type, message with {w} and {n} to fill, module or file, function, level, logger, handled.
Each project draws from the rows of its platforms. The words keep titles of one kind apart.
"""

KINDS = {
    "python": (
        ("KeyError", "'{w}_id'", "acme/{w}/views.py", "get_context_data", "error", "django.request", False),
        ("OperationalError", "could not connect to server: Connection refused\n\tIs the server running on host "
         "\"db-{n}.internal\" and accepting TCP/IP connections on port 5432?", "django/db/backends/base/base.py",
         "connect", "fatal", "django.db.backends", False),
        ("ValidationError", "{{'{w}': ['This field is required.']}}", "acme/{w}/serializers.py", "validate_{w}",
         "warning", "acme.api", True),
        ("TypeError", "unsupported operand type(s) for +: 'NoneType' and 'Decimal'", "acme/billing/{w}.py",
         "total_with_tax", "error", "celery.app.trace", False),
        ("SoftTimeLimitExceeded", "SoftTimeLimitExceeded({n},)", "acme/tasks/{w}.py", "rebuild_{w}_index", "error",
         "celery.worker", False),
        (None, "{w} queue is {n} messages behind", "acme/tasks/monitor.py", "check_lag", "warning", "acme.monitor",
         True),
    ),
    "javascript": (
        ("TypeError", "Cannot read properties of undefined (reading '{w}')", "app:///static/js/{w}.chunk.js",
         "render{W}", "error", "javascript", False),
        ("ChunkLoadError", "Loading chunk {n} failed.", "app:///static/js/runtime.js", "__webpack_require__.f.j",
         "error", "javascript", False),
        ("UnhandledRejection", "Request failed with status code {n}", "app:///static/js/api/{w}.js", "fetch{W}",
         "error", "javascript", False),
        ("RangeError", "Maximum call stack size exceeded", "app:///static/js/{w}/tree.js", "flatten", "fatal",
         "javascript", False),
        (None, "Slow render of <{W}List>: {n} ms", "app:///static/js/perf.js", "report", "info", "console", True),
    ),
    "java": (
        ("NullPointerException", "Cannot invoke \"com.acme.{w}.{W}.getId()\" because \"{w}\" is null",
         "{W}Service.java", "com.acme.{w}.{W}Service.find", "error", "com.acme.{w}", False),
        ("SQLTimeoutException", "ORA-01013: user requested cancel of current operation after {n} ms",
         "{W}Repository.java", "com.acme.{w}.{W}Repository.query", "error", "com.zaxxer.hikari.pool", True),
        ("IllegalStateException", "{W} {n} is already closed", "{W}State.java", "com.acme.{w}.{W}State.transition",
         "error", "com.acme.{w}", False),
        ("OutOfMemoryError", "Java heap space", "ByteArrayOutputStream.java", "com.acme.{w}.{W}Exporter.run", "fatal",
         "com.acme.export", False),
    ),
    "go": (
        ("*errors.errorString", "context deadline exceeded while reading {w}", "internal/{w}/client.go",
         "(*Client).Get{W}", "error", "", True),
        ("runtime.boundsError", "runtime error: index out of range [{n}] with length {n}", "internal/{w}/parse.go",
         "parse{W}", "fatal", "", False),
        ("*net.OpError", "dial tcp 10.0.{n}.7:6379: connect: connection refused", "internal/cache/{w}.go",
         "(*Pool).dial", "error", "", True),
        (None, "retrying {w} upload, attempt {n}", "internal/{w}/upload.go", "(*Uploader).Put", "warning", "", True),
    ),
    "native": (
        ("SIGSEGV", "Segfault at 0x{n:x}", "src/{w}/{w}_view.cc", "acme::{w}::{W}View::paint", "fatal", "", False),
        ("SIGABRT", "Abort: assertion \"{w} != nullptr\" failed", "src/core/{w}.cc", "acme::core::check_{w}", "fatal",
         "", False),
        ("EXC_BAD_ACCESS / KERN_INVALID_ADDRESS", "Fatal Error: EXC_BAD_ACCESS / KERN_INVALID_ADDRESS / 0x{n:x}",
         "src/gpu/{w}_pass.mm", "-[{W}Pass encode:]", "fatal", "", False),
        ("std::bad_alloc", "std::bad_alloc", "src/{w}/decoder.cc", "acme::{w}::Decoder::grow", "error", "", True),
    ),
    "ruby": (
        ("NoMethodError", "undefined method `{w}' for nil:NilClass", "app/models/{w}.rb", "recalculate", "error",
         "rails", False),
        ("ActiveRecord::RecordNotFound", "Couldn't find {W} with 'id'={n}", "app/controllers/{w}s_controller.rb",
         "set_{w}", "warning", "rails", True),
    ),
    "csharp": (
        ("System.NullReferenceException", "Object reference not set to an instance of an object.",
         "/src/Acme.{W}/{W}Controller.cs", "Acme.{W}.{W}Controller.Details", "error", "Microsoft.AspNetCore", False),
        ("System.Threading.Tasks.TaskCanceledException", "A task was canceled after {n} ms.",
         "/src/Acme.{W}/{W}Client.cs", "Acme.{W}.{W}Client.SendAsync", "warning", "Acme.{W}", True),
    ),
}
WORDS = ("invoice", "basket", "profile", "checkout", "session", "webhook", "report", "avatar", "coupon", "shipment",
         "ledger", "catalog", "thread", "timeline", "canvas", "layer", "export", "digest", "quota", "replica")
PROJECTS = (  # slug, name, platform, kinds drawn from, issues by default
    ("web", "Web", "python-django", ("python", "javascript"), 180),
    ("api", "API", "java-spring-boot", ("java", "go"), 90),
    ("desktop", "Desktop", "native", ("native", "csharp"), 60),
    ("jobs", "Jobs", "ruby-rails", ("ruby", "python"), 40),
    ("edge", "Edge", "go", ("go", "javascript"), 40),
)
SDKS = {
    "python": ("sentry.python.django", "2.35.0"), "javascript": ("sentry.javascript.react", "10.8.0"),
    "java": ("sentry.java.spring-boot.jakarta", "8.20.0"), "go": ("sentry.go", "0.35.1"),
    "native": ("sentry.native", "0.10.1"), "ruby": ("sentry.ruby.rails", "5.26.0"),
    "csharp": ("sentry.dotnet.aspnetcore", "5.14.1"), "node": ("sentry.javascript.node", "10.8.0"),
    "php": ("sentry.php.symfony", "5.4.0"), "cocoa": ("sentry.cocoa", "8.55.0"),
    "elixir": ("sentry-elixir", "11.0.2"), "other": ("sentry.other", "1.0.0"),
}
CAUSES = {  # what an exception was raised for, by its type: type, value, module, how Python tells of it, frames it has
    "NullPointerException": ("java.io.IOException", "Broken pipe", None, None, 3),
    "InvoiceError": ("KeyError", "'net'", "builtins", "__cause__", 4),
    "PaymentError": ("TypeError", "fetch failed", None, "cause", 3),
    "System.AggregateException": ("System.Net.Http.HttpRequestException", "Connection refused", "System.Net.Http", None, 1),
}
ENVIRONMENTS = ("production", "staging", "development")

HOSTILE_TITLE = "HostileError: \u202ereversed\u202c \x1b[31mred\x1b[0m ../../etc/passwd 'q' \"dq\" `id` $(id) \\ \t末尾 🙈 é\u0301"
HOSTILE_TEXT = ("first line\nsecond line \x1b]0;title\x07\x1b[2J\r\n\u202eRTL\u202c\u2028separator\u2029 nul:\u0000 "
                "<script>alert(1)</script> ../../../tmp/x ; rm -rf / # \"'`$(){}[]|&*?~!\\ Привет, 世界, مرحبا, 👩\u200d💻")


def fill(text, word, number):
    return text.format(w=word, W=word.capitalize(), n=number)
