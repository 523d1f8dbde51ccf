"""The command line: the table of contents of the system, and the door where environment and clock come in.

Commands import the rooms when they run, not before, so that `propensity --help` answers at once.
"""

from propensity.cli.program import main

__all__ = ["main"]
