"""What is made of h2load's words and of its log of single requests."""

import numpy as np
import pytest

from loadtests.bench.h2load import Unmeasured, read

SUMMARY = """
finished in 3.00s, 3646.50 req/s, 448.69KB/s
requests: 12 total, 12 started, 12 done, 10 succeeded, 2 failed, 3 errored, 1 timeout
status codes: 10 2xx, 0 3xx, 2 4xx, 0 5xx
"""


def log_of(*requests: tuple[int, int]) -> str:
    return "".join(f"1700000000000000\t{status}\t{micros}\t0\n" for status, micros in requests)


def test_requests_a_second_and_times_are_of_good_answers_alone() -> None:
    reading = read(log_of(*[(200, 1_000)] * 98, (200, 3_000), (422, 9_000_000)), summary="", seconds=2)
    assert reading.requests_per_second == 49.5
    assert reading.p50_ms == 1.0
    assert 1.0 < reading.p99_ms <= 3.0
    assert reading.requests == 100


def test_other_answers_and_requests_without_one_are_errors() -> None:
    reading = read(log_of((200, 1_000), (503, 1_000), (404, 1_000)), summary=SUMMARY, seconds=1)
    assert reading.errors == 2 + 3 + 1


def test_what_was_in_flight_when_the_warm_up_ended_is_no_error() -> None:
    summary = SUMMARY.replace("2 4xx", "0 4xx").replace("3 errored, 1 timeout", "0 errored, 0 timeout")
    reading = read(log_of((200, 1_000), (0, 1_000), (200, 1_000)), summary=summary, seconds=1)
    assert (reading.errors, reading.requests, reading.requests_per_second) == (0, 2, 2.0)


def test_a_peer_that_only_refuses_is_no_measurement() -> None:
    with pytest.raises(Unmeasured, match="status codes: 10 2xx, 0 3xx, 2 4xx"):
        read(log_of((422, 10)), summary=SUMMARY, seconds=1)


def test_a_peer_too_slow_to_answer_once_has_no_times() -> None:
    reading = read("", summary="", seconds=5)
    assert reading.requests_per_second == 0
    assert np.isnan(reading.p99_ms)
