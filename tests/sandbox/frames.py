# SPDX-License-Identifier: MIT
"""Stack traces by platform: rows of (file, module, function, line, in app, source lines), oldest call first.

Written for the sandbox in the shapes that the SDKs of each language send; {w} and {W} are an issue's word.
"""

PYTHON = (
    ("django/core/handlers/exception.py", "django.core.handlers.exception", "inner", 55, False,
     ("        def inner(request):", "            try:", "                response = get_response(request)",
      "            except Exception as exc:")),
    ("django/core/handlers/base.py", "django.core.handlers.base", "_get_response", 197, False,
     ("            try:", "                response = wrapped_callback(", "                    request, *args, **kwargs",
      "                )")),
    ("acme/{w}/views.py", "acme.{w}.views", "get", 41, True,
     ("    def get(self, request, pk):", "        {w} = self.get_{w}(pk)",
      "        return self.render(self.get_context_data({w}))", "")),
    ("acme/{w}/views.py", "acme.{w}.views", "get_context_data", 67, True,
     ("        context = super().get_context_data()", "        # the cart may be empty after a merge",
      "        context[\"total\"] = totals[\"{w}_id\"]", "        return context")),
)
JAVASCRIPT = (
    ("webpack:///./node_modules/react-dom/cjs/react-dom.production.js", None, "performWorkOnRoot", 13187, False,
     ("  do {", "    try {", "      renderRootSync(root, lanes);", "    } catch (error) {")),
    ("webpack:///./src/components/App.tsx", "components/App", "App", 28, True,
     ("export function App() {", "  const route = useRoute();", "  return <{W}List items={{route.items}} />;", "}}")),
    ("webpack:///./src/components/{W}List.tsx", "components/{W}List", "{W}List", 14, True,
     ("  const [open, setOpen] = useState(false);", "  useEffect(() => {{", "    setOpen(items[0].{w}.open);",
      "  }}, [items]);")),
)
JAVA = (
    ("Thread.java", "java.lang.Thread", "run", 1583, False, ()),
    ("ThreadPoolExecutor.java", "java.util.concurrent.ThreadPoolExecutor", "runWorker", 1144, False, ()),
    ("FrameworkServlet.java", "org.springframework.web.servlet.FrameworkServlet", "processRequest", 1014, False, ()),
    ("{W}Controller.java", "com.acme.{w}.{W}Controller", "show", 58, True, ()),
    ("{W}Service.java", "com.acme.{w}.{W}Service", "find", 112, True, ()),
)
GO = (
    ("runtime/asm_amd64.s", "runtime", "goexit", 1700, False, ()),
    ("net/http/server.go", "net/http", "(*conn).serve", 2102, False, ()),
    ("internal/{w}/handler.go", "acme.example/api/internal/{w}", "(*Handler).ServeHTTP", 88, True,
     ("\tctx, cancel := context.WithTimeout(r.Context(), h.timeout)", "\tdefer cancel()",
      "\titem, err := h.client.Get{W}(ctx, id)", "\tif err != nil {{")),
    ("internal/{w}/client.go", "acme.example/api/internal/{w}", "(*Client).Get{W}", 131, True,
     ("\tres, err := c.do(req)", "\tif err != nil {{", "\t\treturn nil, fmt.Errorf(\"reading {w}: %w\", err)", "\t}}")),
)
NATIVE = (
    ("start.S", None, "_start", None, False, ()),
    ("src/app/main.cc", None, "main", 77, True, ()),
    ("src/app/event_loop.cc", None, "acme::app::EventLoop::run", 203, True, ()),
    ("src/{w}/{w}_view.cc", None, "acme::{w}::{W}View::paint", 418, True,
     ("void {W}View::paint(Canvas &canvas)", "{{", "\tcanvas.draw(*layers_[active_]);", "}}")),
)
RUBY = (
    ("/usr/local/bundle/gems/puma-6.6.0/lib/puma/thread_pool.rb", None, "block in spawn_thread", 167, False, ()),
    ("/usr/local/bundle/gems/actionpack-7.2.2/lib/action_controller/metal.rb", None, "dispatch", 245, False, ()),
    ("app/controllers/{w}s_controller.rb", None, "show", 19, True,
     ("  def show", "    @{w} = {W}.find(params[:id])", "    @{w}.recalculate!", "  end")),
)
CSHARP = (
    ("/_/src/Http/Routing/src/EndpointMiddleware.cs", "Microsoft.AspNetCore.Routing.EndpointMiddleware", "Invoke", 71,
     False, ()),
    ("/src/Acme.{W}/{W}Controller.cs", "Acme.{W}.{W}Controller", "Task<IActionResult> Details(int id)", 34, True,
     ("    public async Task<IActionResult> Details(int id)", "    {{", "        var {w} = await _store.FindAsync(id);",
      "        return View({w}.Summary);")),
)
NODE = (
    ("node:internal/process/task_queues", None, "process.processTicksAndRejections", 103, False, ()),
    ("/srv/app/node_modules/fastify/lib/handleRequest.js", "fastify.lib:handleRequest", "preHandlerCallback", 137, False,
     ("    let result", "", "    result = reply[kRouteContext].handler(request, reply)", "  }}")),
    ("src/{w}/routes.ts", "{w}:routes", None, 22, True,
     ("  app.post('/{w}', async (request) => {{", "    const order = parse(request.body)",
      "    return service.charge(order)", "  }})")),
    ("src/{w}/service.ts", "{w}:service", "{W}Service.charge", 61, True,
     ("    const answer = await this.client.post(url, order)", "    if (!answer.ok)",
      "      throw new PaymentError(`charge ${{order.id}} was refused`, {{ cause: answer.error }})", "  }}")),
)
PHP = (
    ("public/index.php", None, None, 25, True, ()),
    ("vendor/symfony/http-kernel/HttpKernel.php", None, "Symfony\\Component\\HttpKernel\\HttpKernel::handleRaw", 181, False,
     ("        // call controller", "", "        $response = $controller(...$arguments);", "")),
    ("src/Controller/{W}Controller.php", None, "App\\Controller\\{W}Controller::show", 44, True,
     ("        ${w} = $this->repository->find($id);", "        if (!${w}->isPayable()) {{",
      "            throw new {W}Exception('not payable');", "        }}")),
)
COCOA = (
    ("", None, "main", 0, False, ()),
    ("", None, "-[UIApplication _run]", 0, False, ()),
    ("{W}View.swift", None, "{W}View.draw(_:)", 88, True, ("", "        let pass = passes[active]",
                                                           "        pass.encode(into: buffer)", "    }}")),
    ("{W}Pass.mm", None, "-[{W}Pass encode:]", 131, True, ()),
)
ELIXIR = (
    ("gen_server.erl", "gen_server", "handle_call/3", 1113, False, ()),
    ("lib/acme/{w}.ex", "Elixir.Acme.{W}", "Acme.{W}.total/1", 33, True,
     ("  def total(%{{lines: lines}}) do", "    lines", "    |> Enum.map(& &1.amount)", "  end")),
)
TRACES = {"python": PYTHON, "javascript": JAVASCRIPT, "java": JAVA, "go": GO, "native": NATIVE, "ruby": RUBY,
          "csharp": CSHARP, "node": NODE, "php": PHP, "cocoa": COCOA, "elixir": ELIXIR}


def braces(text, word):
    return text.replace("{{", "{").replace("}}", "}").replace("{w}", word).replace("{W}", word.capitalize())


def frames(platform, word, serial):
    """The frames of a trace as Sentry answers them."""
    out = []
    for name, module, function, line, in_app, source in TRACES.get(platform, PYTHON):
        name = braces(name, word)
        function = braces(function, word) if function else None
        native = platform in ("native", "cocoa")
        frame = {
            "filename": name or None, "absPath": name if name.startswith(("/", "webpack:")) else "/srv/app/" + name if name else None,
            "module": braces(module, word) if module else None,
            "package": ("/opt/acme/bin/desktop" if in_app or platform == "native" else "/usr/lib/UIKitCore") if native else None, "platform": None,
            "instructionAddr": f"0x{0x55e0c0de1000 + len(out) * 4096 + serial % 64:x}" if native else None,
            "symbolAddr": f"0x{0x55e0c0de1000 + len(out) * 4096:x}" if native else None, "function": function,
            "rawFunction": function + "()" if platform == "native" else None, "symbol": None,
            "context": [[line - 2 + i, braces(text, word)] for i, text in enumerate(source)] if line else [],
            "lineNo": line or None, "colNo": 17 if platform in ("javascript", "node") else None, "inApp": in_app,
            "trust": "cfi" if native else None, "errors": None, "lock": None, "sourceLink": None,
            "vars": {"self": f"<acme.{word}.views.{word.capitalize()}View object at 0x7f{serial % 4096:03x}d10>",
                     "pk": str(serial + 1), "totals": {"net": "12.50", "items": [1, 2, 3], "closed": False}}
            if platform == "python" and in_app else None,
        }
        if platform == "javascript":
            frame.update(sourceMap="app.js.map", map="app.js.map", origAbsPath="https://acme.example/static/app.js")
        out.append(frame)
    return out
