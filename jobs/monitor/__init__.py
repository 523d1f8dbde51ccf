"""The monitor: what came of the scores, whether the events and the users are still as they were, and what follows."""
