from tests.store.engines import clock, database, empty_postgres, ids, postgres, sqlite_store, store

__all__ = ["clock", "database", "empty_postgres", "ids", "postgres", "sqlite_store", "store"]
