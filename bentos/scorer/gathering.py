"""Asks the model once for all requests that arrived in the same two turns of the event loop.

A call of ONNX Runtime costs several times what one more row in it costs. Nobody waits for company by the clock: the
call is made when the requests that are there have been read, so that a lone request is a batch of one.
"""

import asyncio

from bentos.scorer.serving import Serving


class Gathering:
    """Rows waiting for the end of the next turn; for one event loop."""

    def __init__(self) -> None:
        self._serving: Serving | None = None
        self._waiting: list[tuple[bytes, asyncio.Future[float]]] = []

    async def probability(self, row: bytes, *, serving: Serving) -> float:
        """Return the model's answer for a row."""
        loop = asyncio.get_running_loop()
        if serving is not self._serving:
            self._ask()
            self._serving = serving
        if not self._waiting:
            # A turn later: clients that were answered in the last one are just asking again.
            loop.call_soon(loop.call_soon, self._ask)
        future = loop.create_future()
        self._waiting.append((row, future))
        answer: float = await future
        return answer

    def _ask(self) -> None:
        waiting, self._waiting = self._waiting, []
        if not waiting or self._serving is None:
            return
        try:
            answers = self._serving.probabilities([row for row, _ in waiting])
        except Exception as error:  # noqa: BLE001 - each request's own door deals with it
            for _, future in waiting:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), answer in zip(waiting, answers, strict=True):
            if not future.done():
                future.set_result(answer)
