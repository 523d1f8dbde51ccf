"""`python -m propensity` is the program `propensity`."""

from propensity.cli import main

main()
