"""The life of a model version: pure decisions and the states they leave in the ledger."""
