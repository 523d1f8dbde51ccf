"""Load on the running service, from outside: nothing of propensity is imported, only its HTTP is known."""
