"""The tables of the page, in Markdown, from what was measured."""

from collections.abc import Callable, Iterable, Sequence

from loadtests.bench.h2load import Reading
from loadtests.bench.heavy_path import PANDAS, Run
from loadtests.bench.peers import BASELINE, FLOOR
from loadtests.bench.rounds import CONNECTIONS, Result
from loadtests.bench.spread import ratio, spread


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table with its numbers on the right."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def peer_names(results: Sequence[Result]) -> list[str]:
    """Return the peers in the order of their first round."""
    return list(dict.fromkeys(result.peer for result in results))


def values_of(
    results: Sequence[Result], peer: str, *, connections: int, number: Callable[[Reading], float]
) -> list[float]:
    """Return one number of a peer for each round."""
    return [number(one.readings[connections]) for one in results if one.peer == peer]


def _rate(reading: Reading) -> float:
    return reading.requests_per_second


def speed_table(results: Sequence[Result]) -> str:
    """Return requests a second, and the ratios at 16 connections."""
    columns = [f"{count} connections" for count in CONNECTIONS]
    header = [
        "requests/s",
        *columns,
        "to the baseline, at 16",
        "to the floor, at 16",
        "CPU µs a request, at 16",
    ]
    return markdown(header, [_speed_row(results, peer) for peer in peer_names(results)])


def _speed_row(results: Sequence[Result], peer: str) -> list[str]:
    speeds = [
        spread(values_of(results, peer, connections=count, number=_rate)).written() for count in CONNECTIONS
    ]
    own = values_of(results, peer, connections=16, number=_rate)
    ratios = [
        ratio(own, values_of(results, other, connections=16, number=_rate)) for other in (BASELINE, FLOOR)
    ]
    cpu = spread([one.cpu_micros[16] for one in results if one.peer == peer]).written()
    return [peer, *speeds, ratios[0].written(".3g"), ratios[1].written(".2f"), cpu]


def time_table(results: Sequence[Result]) -> str:
    """Return times of answers, memory, start and errors."""
    header = ["ms", *[f"p50 / p99 at {count}" for count in CONNECTIONS], "memory MB", "start s", "errors"]
    return markdown(header, [_time_row(results, peer) for peer in peer_names(results)])


def _time_row(results: Sequence[Result], peer: str) -> list[str]:
    own = [one for one in results if one.peer == peer]
    times = [
        " / ".join(
            f"{spread(values_of(results, peer, connections=count, number=number)).middle:.3g}"
            for number in (lambda one: one.p50_ms, lambda one: one.p99_ms)
        )
        for count in CONNECTIONS
    ]
    memory = spread([one.memory_mb for one in own]).written()
    start = spread([one.start_seconds for one in own]).written(".1f")
    readings = [reading for one in own for reading in one.readings.values()]
    errors, requests = sum(one.errors for one in readings), sum(one.requests for one in readings)
    return [peer, *times, memory, start, f"{errors:,} of {requests:,}"]


def heavy_table(runs: Sequence[Run]) -> str:
    """Return time and memory of each engine, and how many times as long plain pandas takes."""
    header = ["engine", "seconds", "CPU seconds", "pandas takes times the seconds", "peak MB", "checksum"]
    names = list(dict.fromkeys(run.name for run in runs))
    return markdown(header, [_heavy_row(runs, name) for name in names])


def _heavy_row(runs: Sequence[Run], name: str) -> list[str]:
    own = [run for run in runs if run.name == name]
    slowest = [run.seconds for run in runs if run.name == PANDAS]
    against = ratio(slowest, [run.seconds for run in own]).written(".2f") if slowest else "-"
    return [
        name,
        spread([run.seconds for run in own]).written(".1f"),
        spread([run.cpu_seconds for run in own]).written(".1f"),
        against,
        spread([run.peak_mb for run in own]).written(),
        ", ".join(sorted({f"`{run.checksum[:12]}`" for run in own})),
    ]
