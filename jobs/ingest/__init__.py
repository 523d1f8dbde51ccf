"""Event logs of any shape, cleaned into the store: files -> lines -> rows -> cleaning -> spill -> writing."""

from jobs.ingest.ingestion import ingest
from jobs.ingest.summary import IngestSummary

__all__ = ["IngestSummary", "ingest"]
