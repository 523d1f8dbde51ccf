"""The page's picture: requests a second of each peer at each number of connections, on a scale of powers of ten."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np

from loadtests.bench.rounds import CONNECTIONS, Result
from loadtests.bench.spread import spread
from loadtests.bench.tables import peer_names, values_of

mpl.use("Agg")


def draw(results: Sequence[Result], path: Path) -> None:
    """Write the picture as SVG: the same numbers give the same bytes."""
    from matplotlib import pyplot as plt  # noqa: PLC0415 - the backend has to be chosen first

    mpl.rcParams["svg.hashsalt"] = "bench"
    peers = peer_names(results)
    figure, axes = plt.subplots(figsize=(8, 1 + 0.5 * len(peers)), layout="constrained")
    places = np.arange(len(peers))
    for number, count in enumerate(CONNECTIONS):
        found = [
            spread(values_of(results, peer, connections=count, number=lambda one: one.requests_per_second))
            for peer in peers
        ]
        middles = np.array([one.middle for one in found])
        reach = np.array([[one.middle - one.low, one.high - one.middle] for one in found]).T
        axes.barh(
            places + 0.27 * (number - 1), middles, height=0.25, xerr=reach, label=f"{count} connections"
        )
    axes.set_xscale("log")
    axes.set_yticks(places, peers)
    axes.invert_yaxis()
    axes.set_xlabel("requests a second; whiskers: lowest and highest round")
    axes.legend()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
