"""The witness over real HTTP: it signs what continues and nothing else; in a crowd, after kill -9, if the ledger goes back."""

import contextlib
import os
import socket
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from ledger.limits import WITNESS_BODY_BYTES_MAX
from ledger.sealing import checkpoints, notes, submissions
from ledger.sealing import witness as witnessing
from ledger.sealing.notes import Signer, Verifier
from ledger.sealing.submissions import Submission, SubmissionError
from ledger.sealing.witness import Recorded, Witness, WitnessError
from ledger.sealing.witness_server import WitnessServer
from tests.ledger.sealing.chain import ORIGIN, Chain

ROOT = Path(__file__).parents[3]
HONEST = Chain(120)
# The same ledger, with the same key, and another history from leaf 50 on.
FORK = Chain(120, signer=HONEST.signer)
FORK.entries[50] = b"another"


def submission(chain, old, new):
    return str(Submission(old, tuple(chain.consistency(old, new)), str(chain.checkpoint(new)))).encode()


def post(address, body, path="/add-checkpoint"):
    answer = httpx.post(f"{address}{path}", content=body, timeout=30)
    return answer.status_code, answer.text, answer.headers["Content-Type"]


@pytest.fixture
def witness(tmp_path):
    witness = Witness.create(folder=tmp_path / "witness", name="witness.example.com")
    witness.trust(origin=ORIGIN, vkey=HONEST.signer.verifier.vkey)
    return witness


@contextlib.contextmanager
def served(witness):
    server = WitnessServer(("127.0.0.1", 0), witness, lambda _: None)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def address(witness):
    with served(witness) as address:
        yield address


def test_it_cosigns_what_continues(witness, address):
    for old, new in ((0, 10), (10, 10), (10, 60), (60, 120)):
        status, body, _ = post(address, submission(HONEST, old, new))

        assert status == 200
        note = HONEST.checkpoint(new).with_signatures([notes.parse_signature(body.removesuffix("\n"))])
        opened = checkpoints.open_signed(str(note), [HONEST.signer.verifier], [witness.signer.verifier])
        assert [signature.name for signature in opened.cosigned] == ["witness.example.com"]
        assert abs(opened.cosigned[0].cosigned_at_seconds - datetime.now(UTC).timestamp()) < 3600

    assert witness.chains() == [(ORIGIN, HONEST.signer.verifier.vkey, 120)]


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (submission(HONEST, 0, 50), 409, "60\n"),
        (submission(HONEST, 50, 90), 409, "60\n"),
        (submission(FORK, 60, 60), 409, "60\n"),
        (submission(FORK, 60, 100), 422, "does not verify"),
        (submission(HONEST, 60, 100).replace(b"old 60", b"old 59"), 409, "60\n"),
        (submission(HONEST, 60, 60).replace(b"old 60", b"old 61"), 400, "larger"),
        (submission(Chain(60), 0, 60), 403, "known keys"),
        (submission(Chain(60, origin="other", signer=HONEST.signer), 0, 60), 404, "does not follow"),
        (b"", 400, "old SIZE"),
        (b"\xff", 400, "utf-8"),
        (b"old 060\n\n" + str(HONEST.checkpoint(60)).encode(), 400, "old SIZE"),
        (b"old 60\nAAAA\n\n" + str(HONEST.checkpoint(60)).encode(), 400, "a hash"),
        (b"old 60\n\nhello\n", 400, "signed note"),
        (str(Submission(60, (b"x" * 32,) * 64, str(HONEST.checkpoint()))).encode(), 400, "at most 63"),
    ],
)
def test_it_refuses_everything_else_and_forgets_nothing(witness, address, body, status, said):
    post(address, submission(HONEST, 0, 60))

    answer = post(address, body)

    assert answer[0] == status
    assert said in answer[1]
    if status == 409:
        assert answer[2] == "text/x.tlog.size"
    assert witness.chains()[0][2] == 60
    assert post(address, submission(HONEST, 60, 120))[0] == 200


def test_a_wrong_signature_of_the_known_key_is_refused(address):
    note = notes.Note(HONEST.head(60).body, HONEST.checkpoint(59).signatures)

    assert post(address, str(Submission(0, (), str(note))).encode())[0] == 403


def test_contradictions_are_kept_as_evidence(witness, address):
    post(address, submission(HONEST, 0, 60))

    post(address, submission(FORK, 60, 60))
    post(address, submission(FORK, 60, 100))
    post(address, submission(HONEST, 0, 50))

    reasons = [reason for _, reason, _ in witness.evidence()]
    assert reasons == ["another root for the size that was cosigned", "no proof that it continues size 60"]
    kept = checkpoints.open_signed(witness.evidence()[0][2], [HONEST.signer.verifier]).checkpoint
    assert kept == FORK.head(60)


def test_evidence_does_not_fill_the_disk(witness, monkeypatch):
    monkeypatch.setattr(witnessing, "WITNESS_EVIDENCE_ROWS_MAX", 2)
    witness.add_checkpoint(submission(HONEST, 0, 60), datetime.now(UTC))

    for size in range(61, 70):
        assert witness.add_checkpoint(submission(FORK, 60, size), datetime.now(UTC)).status == 422

    assert len(witness.evidence()) == 2


def test_during_a_rotation_both_keys_are_known(witness, address):
    new_key = Signer.generate(ORIGIN)
    note = checkpoints.sign(HONEST.head(60), [new_key])
    body = str(Submission(0, (), str(note))).encode()

    assert post(address, body)[0] == 403
    witness.trust(origin=ORIGIN, vkey=new_key.verifier.vkey)
    assert post(address, body)[0] == 200


def test_readers_get_the_key_and_the_newest_checkpoint(witness, address):
    assert httpx.get(f"{address}/key").text.strip() == witness.signer.verifier.vkey
    assert httpx.get(f"{address}/latest", params={"origin": ORIGIN}).status_code == 404

    post(address, submission(HONEST, 0, 60))

    latest = httpx.get(f"{address}/latest", params={"origin": ORIGIN}).text
    opened = checkpoints.open_signed(latest, [HONEST.signer.verifier], [witness.signer.verifier])
    assert (opened.checkpoint.size, len(opened.cosigned)) == (60, 1)


def test_requests_have_limits(address):
    assert post(address, b"x", "/other")[0] == 404
    host, port = address.removeprefix("http://").split(":")
    for head, status in (
        (f"Content-Length: {WITNESS_BODY_BYTES_MAX + 1}", b"413"),
        ("Content-Length: " + "9" * 5000, b"413"),
        ("Content-Length: -1", b"411"),
        ("Transfer-Encoding: chunked", b"411"),
    ):
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(f"POST /add-checkpoint HTTP/1.1\r\nHost: w\r\n{head}\r\n\r\n".encode())
            assert connection.recv(100).split(b" ")[1] == status


def hammer(address, rounds=12):
    """Let two histories of one ledger race for cosignatures; return the sizes beyond their parting that each got."""

    def grow(chain):
        sizes, recorded = [], 0
        for size in range(60, 60 + rounds * 5, 5):
            for old in (recorded, 0):
                status, body, _ = post(address, submission(chain, min(old, size), size))
                if status == 200:
                    recorded = size
                    sizes.append(size)
                elif status == 409:
                    recorded = min(int(body), size)
        return sizes

    with ThreadPoolExecutor(8) as pool:
        honest = [pool.submit(grow, HONEST) for _ in range(4)]
        forked = [pool.submit(grow, FORK) for _ in range(4)]
        return (
            [size for done in honest for size in done.result()],
            [size for done in forked for size in done.result()],
        )


def test_of_two_histories_only_one_is_ever_cosigned(address):
    honest, forked = hammer(address)

    assert bool(honest) is not bool(forked)


def test_control_a_witness_that_believes_the_old_size_cosigns_a_fork(address, monkeypatch):
    judge = witnessing.judge
    monkeypatch.setattr(
        witnessing,
        "judge",
        lambda recorded, submission, head: judge(
            Recorded() if submission.old_size == 0 else recorded, submission, head
        ),
    )

    honest, forked = hammer(address)

    assert honest
    assert forked


def race(witness, monkeypatch):
    """Let two submissions, of two histories, meet between the reading of the memory and its writing."""
    both = threading.Barrier(2)
    read = witnessing._recorded

    def read_slowly(memory, origin):
        recorded = read(memory, origin)
        with contextlib.suppress(threading.BrokenBarrierError):
            both.wait(timeout=1)
        return recorded

    monkeypatch.setattr(witnessing, "_recorded", read_slowly)
    with ThreadPoolExecutor(2) as pool:
        answers = [
            pool.submit(witness.add_checkpoint, submission(chain, 0, 60), datetime.now(UTC)) for chain in (HONEST, FORK)
        ]
        return sorted(answer.result().status for answer in answers)


def test_two_at_a_time_are_judged_one_after_the_other(witness, monkeypatch):
    assert race(witness, monkeypatch) == [200, 409]


def test_control_without_the_transaction_both_histories_are_cosigned(witness, monkeypatch):
    monkeypatch.setattr(witnessing, "_transaction", lambda _: contextlib.nullcontext())

    assert race(witness, monkeypatch) == [200, 200]


@pytest.fixture
def manage(tmp_path):
    """Call manage.py as somebody who has the program and none of the ledger's servers."""
    environment = {"PATH": os.environ["PATH"], "STATE_DIR": str(tmp_path / "nothing"), "PYTHONUNBUFFERED": "1"}

    def manage(*arguments, **options):
        command = [sys.executable, "manage.py", "witness", *arguments, "--folder", str(tmp_path / "w")]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(command, cwd=ROOT, env=environment, **pipes, **options)

    return manage


def told(process):
    output, errors = process.communicate(timeout=60)
    return process.returncode, output, errors


def serving(process):
    line = process.stdout.readline()
    assert "listens on" in line, process.stderr.read()
    return "http://" + line.strip().rstrip(".").split(" ")[-1]


def test_the_command_needs_no_server_and_survives_a_kill(manage, tmp_path):
    assert told(manage("status"))[0] == 1
    status, key, errors = told(manage("create", "witness.example.com"))
    assert status == 0, errors
    assert Verifier.parse(key).name == "witness.example.com"
    assert stat.S_IMODE((tmp_path / "w" / "witness.key").stat().st_mode) == 0o600
    assert "already" in told(manage("create", "witness.example.com"))[2]
    assert told(manage("trust", ORIGIN, HONEST.signer.verifier.vkey))[0] == 0
    assert told(manage("trust", ORIGIN, "nonsense"))[0] == 1

    first = manage("serve", "--port", "0")
    assert post(serving(first), submission(HONEST, 0, 60))[0] == 200
    first.kill()
    told(first)
    second = manage("serve", "--port", "0")
    address = serving(second)
    try:
        # The ledger went back to size 40 and on from there: the witness remembers 60.
        assert post(address, submission(HONEST, 40, 50))[:2] == (409, "60\n")
        assert post(address, submission(FORK, 60, 100))[0] == 422
        assert post(address, submission(HONEST, 60, 100))[0] == 200
    finally:
        second.terminate()
    assert told(second)[0] == 0
    said = told(manage("status"))[1]
    assert f"chain: {ORIGIN}, cosigned up to size 100" in said
    assert "contradiction" in said


def test_a_witness_without_its_memory_does_not_start(witness):
    (witness.folder / "witness.sqlite").unlink()

    with pytest.raises(WitnessError, match="memory is missing"):
        Witness.open(witness.folder)


def test_a_submission_is_read_back():
    text = submission(HONEST, 60, 100).decode()

    assert str(submissions.parse(text)) == text
    with pytest.raises(SubmissionError):
        submissions.parse(text.replace("old ", "OLD "))
