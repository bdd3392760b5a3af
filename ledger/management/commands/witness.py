"""`manage.py witness`: run a witness of somebody else's ledger. It needs a folder, and neither database nor cache."""

import signal
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ledger.sealing.notes import KeyTextError
from ledger.sealing.witness import Witness, WitnessError
from ledger.sealing.witness_server import WitnessServer


class Command(BaseCommand):
    """Parses, makes one call of ledger.sealing.witness, prints."""

    help = "Run a witness: it cosigns only checkpoints that continue the chain it saw before."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """One sub-command for each act."""
        acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
        create = acts.add_parser("create", help="make a witness with a new key, and print its public key")
        create.add_argument("name", metavar="NAME", help="such as witness.example.com")
        trust = acts.add_parser("trust", help="follow a chain under a public key of its ledger")
        trust.add_argument("origin", metavar="ORIGIN", help="the first line of the ledger's checkpoints")
        trust.add_argument("key", metavar="KEY", help="the ledger's public key, NAME+ID+KEY")
        acts.add_parser("status", help="print the public key, the chains and what contradicted them")
        serve = acts.add_parser("serve", help="answer POST /add-checkpoint")
        serve.add_argument("--host", default="127.0.0.1")
        serve.add_argument("--port", type=int, default=8090)
        for act in acts.choices.values():
            act.add_argument("--folder", type=Path, required=True, help="the folder of the witness's key and memory")

    def handle(self, *_args: Any, act: str, folder: Path, **options: Any) -> None:
        """Dispatch to the act; a refusal becomes one sentence on standard error and exit code 1."""
        try:
            if act == "create":
                witness = Witness.create(folder=folder, name=options["name"])
                self.stdout.write(witness.signer.verifier.vkey)
                return
            witness = Witness.open(folder)
            if act == "trust":
                witness.trust(origin=options["origin"], vkey=options["key"])
            elif act == "status":
                self._tell(witness)
            else:
                self._serve(witness, options["host"], options["port"])
        except (WitnessError, KeyTextError) as refusal:
            raise CommandError(str(refusal)) from refusal

    def _tell(self, witness: Witness) -> None:
        self.stdout.write(f"key: {witness.signer.verifier.vkey}")
        for origin, vkey, size in witness.chains():
            self.stdout.write(f"chain: {origin}, cosigned up to size {size}, under {vkey}")
        for seen_at, reason, note in witness.evidence():
            self.stdout.write(f"\ncontradiction at {seen_at}: {reason}\n{note}")

    def _serve(self, witness: Witness, host: str, port: int) -> None:
        with WitnessServer((host, port), witness, self.stderr.write) as server:
            # A stop in the middle of a request would lose an answer, never a memory: that is written first.
            signal.signal(signal.SIGTERM, signal.default_int_handler)
            self.stdout.write(f"The witness {witness.signer.verifier.name} listens on {host}:{server.server_port}.")
            self.stdout.flush()
            try:
                server.serve_forever()
            except KeyboardInterrupt:
                self.stdout.write("The witness stopped.")
