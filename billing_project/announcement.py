"""The text that `make run` prints when the service answers: addresses, log-in, a first request, how to stop.

Promises: passwords are in the text of the first run only; after that the text names the file that holds them.
"""

import json
import shlex
from contextlib import suppress
from pathlib import Path
from typing import Any


def text(state_dir: Path, *, url: str) -> str:
    """Return the text for this start, and remember that the passwords have been shown."""
    facts_file, shown = state_dir / "demo.json", state_dir / "demo.shown"
    lines = ["", f"Billing answers at {url}"]
    facts: dict[str, Any] = {}
    with suppress(FileNotFoundError):
        facts = json.loads(facts_file.read_text())
    lines.append(f"  Administration  {facts.get('admin_url', f'{url}/admin/')}")
    if facts and not shown.exists():
        lines.append(f"                  user {facts['admin_user']}, password {facts['admin_password']}")
    lines.append(f"  API documents   {facts.get('docs_url', f'{url}/api/docs')}")
    if facts and not shown.exists():
        lines += ["  A first operation:", f"    {_first_operation(facts)}"]
        lines.append(f"  These passwords are shown once; they stay in {facts_file} (only you can read it).")
        shown.touch(mode=0o600)
    elif facts:
        lines.append(f"  The log-in and the demonstration client are in {facts_file}.")
    lines += ["  Stop            Ctrl-C here, or `make stop`", ""]
    return "\n".join(lines) + "\n"


def _first_operation(facts: dict[str, Any]) -> str:
    """Return one shell line that gets a token and moves one unit from the first demonstration account to the next."""
    client = shlex.quote(f"{facts['client_id']}:{facts['client_secret']}")
    payer, payee = facts["accounts"][:2]
    body = json.dumps({"entries": [{"account": payer, "amount": "-1.00"}, {"account": payee, "amount": "1.00"}]})
    token = (
        f"curl -s -u {client} -d grant_type=client_credentials {facts['url']}/oauth/token/"
        """ | sed 's/.*"access_token": *"\\([^"]*\\)".*/\\1/'"""
    )
    return (
        f'curl -s {facts["url"]}/api/v1/operations -H "Authorization: Bearer $({token})"'
        f" -H 'Content-Type: application/json' -H \"Idempotency-Key: first-$(date +%s)\" -d {shlex.quote(body)}"
    )
