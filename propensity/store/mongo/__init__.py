"""The store in MongoDB: for a cluster, and the only package that imports pymongo."""

from propensity.store.mongo.store import MongoStore

__all__ = ["MongoStore"]
