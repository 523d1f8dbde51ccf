"""What an experiment has shown so far: read from the store, and judged by the limits that were settled beforehand."""
