"""The challenger's own process and what asks it: what it may do, how it starts, hangs, lies and ends."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bentos.scorer.challenger import child as child_module
from bentos.scorer.challenger.challenger import Challenger
from bentos.scorer.challenger.child import Child, Failed
from bentos.scorer.challenger.questions import Questions
from bentos.scorer.challenger.tally import Tally
from propensity.bundle import Bundle
from propensity.errors import BrokenBundle
from propensity.features.definition import NAMES
from tests.scorer.conftest import is_running, wait_for


def test_the_process_has_nothing_of_the_pods_and_can_open_nothing(
    other_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROPENSITY_STORE_URI", "mongodb://secret")
    child = Child(other_bundle.files, niceness=19, memory_mb=100)
    try:
        environment = Path(f"/proc/{child.pid}/environ").read_bytes().split(b"\0")
        names = {entry.partition(b"=")[0] for entry in environment if entry}
        assert names == {b"PYTHONPATH"}
        limits = Path(f"/proc/{child.pid}/limits").read_text()
        (line,) = [line for line in limits.splitlines() if line.startswith("Max open files")]
        assert line.split()[3:5] == ["0", "0"]
        assert os.getpriority(os.PRIO_PROCESS, child.pid) == 19
    finally:
        child.end()


CLOSES_AND_OPENS = """
import os, resource, socket
from bentos.scorer.challenger.process import _shut
_shut(memory_mb=100)
os.close(0)
for open_more in (lambda: os.open("/dev/null", os.O_RDONLY), socket.socket, os.pipe, lambda: os.dup(1),
                  lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (9, 9)), lambda: bytearray(200_000_000)):
    try:
        open_more()
    except (OSError, ValueError, MemoryError):
        os.write(1, b"refused ")
"""


def test_what_the_process_closes_makes_no_room_for_anything_else() -> None:
    words = [sys.executable, "-c", CLOSES_AND_OPENS]
    found = subprocess.run(words, capture_output=True, check=True)
    said = found.stdout.split()
    assert len(said) >= (5 if os.geteuid() == 0 else 6), found  # root may raise a limit again
    assert set(said) == {b"refused"}


def test_a_model_is_read_only_after_the_process_has_shut_itself() -> None:
    with child_module._started(0, 100) as process:
        limits = Path(f"/proc/{process.pid}/limits")
        wait_for(lambda: b"Max open files            0 " in limits.read_bytes(), seconds=60)
        assert process.poll() is None  # it waits for the bundle
        process.kill()


def test_the_process_ends_with_the_pod_however_that_ends(other_bundle: Bundle, tmp_path: Path) -> None:
    other_bundle.save(tmp_path)
    program = (
        "import os, sys\nfrom pathlib import Path\nfrom propensity.bundle import Bundle\n"
        "from bentos.scorer.challenger.child import Child\n"
        "child = Child(Bundle.load(Path(sys.argv[1])).files, niceness=0, memory_mb=100)\n"
        "os.kill(child.pid, 19)\n"  # stopped, so that it can't notice the closed pipe
        "sys.stdout.write(f'{child.pid}\\n'); sys.stdout.flush(); os._exit(1)"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE) as pod:
        assert pod.stdout is not None
        process = int(pod.stdout.readline())
        assert pod.wait(timeout=60) == 1
        os.kill(process, signal.SIGCONT)
        wait_for(lambda: not is_running(process))


def test_questions_that_would_wait_behind_too_many_are_refused(
    other_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bentos.scorer.challenger.questions.MAX_ROWS", 5)
    tally = Tally(number=1, mode="ab")
    challenger = Challenger(other_bundle.files, niceness=0, memory_mb=100, patience=10, tally=tally)
    questions = Questions(challenger, seconds=10, tally=tally)
    row = b"\0" * 4 * len(NAMES)
    assert questions.answers([row]) == [None]  # not started
    questions.start()
    try:
        wait_for(lambda: challenger.child, seconds=60)
        assert questions.answers([row] * 6) == [None] * 6
        assert None not in questions.answers([row] * 5)
    finally:
        questions.close()
    assert questions.answers([row]) == [None]


def test_on_closing_those_who_still_wait_are_told_and_those_who_gave_up_are_passed_over(
    other_bundle: Bundle,
) -> None:
    tally = Tally(number=1, mode="ab")
    challenger = Challenger(other_bundle.files, niceness=0, memory_mb=1024, patience=10, tally=tally)
    questions = Questions(challenger, seconds=10, tally=tally)
    challenger.child = Child(other_bundle.files, niceness=0, memory_mb=1024)
    row = b"\0" * 4 * len(NAMES)
    given_up, waiting = questions._ask([row]), questions._ask([row, row])
    assert given_up is not None
    assert waiting is not None
    given_up.cancel()
    questions._stopping.set()
    questions._run()
    assert waiting.result(timeout=1) == [None, None]
    assert (tally.given_up, challenger.child) == ("", None)


def test_a_process_that_wants_to_say_more_than_it_was_asked_is_not_listened_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    liar = (
        "import os, struct, time\n"
        "os.write(1, struct.pack('<I', 0) + struct.pack('<I', 600_000_000))\n"
        "time.sleep(60)\n"
    )
    monkeypatch.setattr(child_module, "PROGRAM", (sys.executable, "-c", liar))
    child = Child({"a": b"b"}, niceness=0, memory_mb=100)
    try:
        with pytest.raises(Failed, match="more than it was asked"):
            child.probabilities([b"\0" * 4], seconds=5.0)
    finally:
        child.end()


def test_a_process_has_the_least_claim_to_the_processor_before_its_program_begins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    honest = (
        "import os, struct\n"
        "said = b'nice %d' % os.nice(0)\n"
        "os.write(1, struct.pack('<I', len(said)) + said)\n"
    )
    monkeypatch.setattr(child_module, "PROGRAM", (sys.executable, "-c", honest))
    with pytest.raises(BrokenBundle, match=r"^nice 19$"):
        Child({"a": b"b"}, niceness=19, memory_mb=100)
