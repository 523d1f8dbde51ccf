"""When a run has failed: the limits given with --max-failures, --max-p99-ms and --min-requests, and the exit code.

A run that sent next to nothing has shown nothing, so there is a least number of requests too.
"""

import json
import logging
from pathlib import Path
from typing import Any, Final

from locust import events

logger = logging.getLogger(__name__)

EXCEEDED: Final = 3
"""Exit code of a run that passed a limit; 1 is locust's own, 2 a wrong call."""


def listen() -> None:
    """Have locust ask for the limits and apply them at the end."""
    events.init_command_line_parser.add_listener(add_options)
    events.quitting.add_listener(judge)


def add_options(parser: Any, **_: object) -> None:
    """Add what can be set, each with its environment variable."""
    group = parser.add_argument_group("Propensity")
    options: tuple[tuple[str, type, float | str, str], ...] = (
        ("pause-ms", float, 20, "Milliseconds a client pauses between requests, on average"),
        ("max-failures", int, 0, "Failed requests allowed"),
        ("max-p99-ms", float, 1000, "Milliseconds within which 99 of 100 single requests must be answered"),
        ("min-requests", int, 100, "Requests below which the run has shown nothing"),
        ("host-header", str, "", "Name to ask for, where --host is an address that serves several"),
        ("outcome-file", str, "", "File that gets the totals and each kind of failure as JSON"),
    )
    for name, kind, default, text in options:
        variable = f"LOADTEST_{name.replace('-', '_').upper()}"
        group.add_argument(
            f"--{name}", type=kind, default=default, env_var=variable, help=f"{text}. [{default}]"
        )


def judge(environment: Any, **_: object) -> None:
    """Set the exit code from what was measured."""
    if environment.process_exit_code is not None:
        return
    options = environment.parsed_options
    exceeded = broken(environment.stats, options)
    for sentence in exceeded:
        logger.error(sentence)
    if options.outcome_file:
        Path(options.outcome_file).write_text(json.dumps(outcome(environment.stats)), encoding="utf-8")
    environment.process_exit_code = EXCEEDED if exceeded else 0


def outcome(stats: Any) -> dict[str, Any]:
    """Return the totals, and how often each kind of failure occurred."""
    return {
        "requests": stats.total.num_requests,
        "failures": stats.total.num_failures,
        "single_p99_ms": single_p99(stats),
        "errors": {f"{error.name}: {error.error}": error.occurrences for error in stats.errors.values()},
    }


def single_p99(stats: Any) -> float:
    """Return the milliseconds within which 99 of 100 single requests were answered; 0 where none was sent."""
    single = stats.get("single", "POST")
    return float(single.get_response_time_percentile(0.99)) if single.num_requests else 0.0


def broken(stats: Any, options: Any) -> list[str]:
    """Return a sentence for each limit that was passed."""
    total = stats.total
    p99 = single_p99(stats)
    found = [
        (
            total.num_failures > options.max_failures,
            f"{total.num_failures} requests failed; {options.max_failures} may.",
        ),
        (
            p99 > options.max_p99_ms,
            f"p99 of single requests is {p99:.0f} ms; {options.max_p99_ms:.0f} is the limit.",
        ),
        (
            total.num_requests < options.min_requests,
            f"{total.num_requests} requests were sent; fewer than {options.min_requests} show nothing.",
        ),
    ]
    return [sentence for is_broken, sentence in found if is_broken]
