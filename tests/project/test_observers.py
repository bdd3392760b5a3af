"""Sentry and OpenTelemetry: not there unless configured, and a sentence where their packages are missing."""

import os
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.util import find_spec
from pathlib import Path
from threading import Event, Thread

import pytest

ROOT = Path(__file__).resolve().parents[2]
# A library that finds OpenTelemetry may load its interface by itself; these are ours alone.
LOADED = "{'sentry_sdk', 'opentelemetry.instrumentation.wsgi', 'opentelemetry.exporter.otlp.proto.http.trace_exporter'}"
START = f"import billing_project.wsgi, sys; print(sorted(sys.modules.keys() & {LOADED}))"


def start(code: str = START, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=os.environ | variables, capture_output=True, text=True, check=False
    )


def test_it_loads_nothing_unless_configured() -> None:
    done = start()

    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr


@pytest.mark.parametrize(
    ("variable", "value", "package"),
    [
        ("SENTRY_DSN", "https://key@sentry.invalid/1", "sentry_sdk"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9", "opentelemetry"),
    ],
)
def test_it_says_what_is_missing(variable: str, value: str, package: str) -> None:
    if find_spec(package) is not None:
        pytest.skip(f"{package} is installed")

    done = start(**{variable: value})

    assert f"{variable} is set, and a package is missing: pip install -r requirements-extras.txt" in done.stderr


@pytest.mark.skipif(find_spec("opentelemetry") is None, reason="requirements-extras.txt is not installed")
def test_it_sends_a_span_for_a_request() -> None:
    came, paths = Event(), []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            paths.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()
            came.set()

        def log_message(self, *_arguments: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Collector)
    Thread(target=server.serve_forever, daemon=True).start()
    call = (
        "from wsgiref.util import setup_testing_defaults as d; from billing_project.wsgi import application as a;"
        " e = {'PATH_INFO': '/livez', 'HTTP_HOST': 'localhost'}; d(e); list(a(e, lambda *x: None))"
    )

    done = start(call, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{server.server_port}")

    assert came.wait(20), done.stderr
    server.shutdown()
    assert paths[0][0] == "/v1/traces"
    assert b"billing" in paths[0][1]


@pytest.mark.skipif(find_spec("sentry_sdk") is None, reason="requirements-extras.txt is not installed")
def test_it_starts_sentry() -> None:
    code = "import billing_project.wsgi, sentry_sdk; print(sentry_sdk.get_client().options['send_default_pii'])"

    assert start(code, SENTRY_DSN="https://key@sentry.invalid/1").stdout.strip() == "False"
