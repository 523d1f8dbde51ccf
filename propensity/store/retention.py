"""What can be dropped once it is too old, and the time each is judged by."""

from typing import Final, Literal

Kept = Literal["events", "refused", "predictions", "shadows", "scores", "outcomes", "contacts"]

TIMES: Final[dict[Kept, str]] = {
    "events": "event_time",
    "refused": "refused_at",
    "predictions": "predicted_at",
    "shadows": "predicted_at",
    "scores": "cutoff",
    "outcomes": "cutoff",
    "contacts": "listed_at",
}
