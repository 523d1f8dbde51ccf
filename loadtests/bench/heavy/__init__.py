"""Event logs to feature rows with other engines, each as one would write it by hand."""
