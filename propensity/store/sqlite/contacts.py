"""Target lists and their contacts in SQLite: who a campaign was aimed at, and who was held back."""

from collections.abc import Iterable, Iterator

from propensity.store.records import Contact, TargetList
from propensity.store.sqlite.database import Database
from propensity.store.sqlite.table import Table


class SqliteContacts:
    """protocol.ContactStore on one file."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lists = Table(database, "target_lists", TargetList)
        self._table = Table(database, "contacts", Contact)

    def add_list(self, target_list: TargetList) -> bool:
        """Store what a list is; False where it is there."""
        return bool(self._lists.add([target_list]))

    def get_list(self, list_id: str) -> TargetList | None:
        """Return one list's record."""
        found = self._lists.select("WHERE list_id = ?", list_id)
        return found[0] if found else None

    def lists(self, limit: int) -> list[TargetList]:
        """Return the newest by created_at, then list_id, descending."""
        return self._lists.select("ORDER BY created_at DESC, list_id DESC LIMIT ?", limit)

    def add(self, contacts: Iterable[Contact]) -> int:
        """Store contacts; return how many were new."""
        return self._table.add(contacts)

    def scan(self, list_id: str, *, chunk_rows: int = 50_000) -> Iterator[list[Contact]]:
        """Yield a list's contacts by user, in chunks."""
        return self._table.chunks("WHERE list_id = ? ORDER BY user_id", list_id, rows=chunk_rows)

    def users(self, arm: str, *, since: int, until: int) -> set[str]:
        """Return the users listed in an arm within a time."""
        statement = "SELECT DISTINCT user_id FROM contacts WHERE arm = ? AND listed_at >= ? AND listed_at < ?"
        with self._database.reading() as connection:
            return {row[0] for row in connection.execute(statement, (arm, since, until))}
