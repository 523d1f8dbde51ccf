"""Experiments between two model versions: who is on which side, and when a difference may be believed."""
