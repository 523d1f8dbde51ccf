"""A second model version beside the one that is served, in a process of its own: its hangs and its end are not ours."""
