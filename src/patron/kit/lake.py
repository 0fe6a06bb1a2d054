"""A Delta table that only grows: appended by one writer, read by anybody.

Delta records which version of an application's data a commit holds but does not check it, so the
writer reads that version from the snapshot it commits on and never lets a commit be rebased.
Statistics cover positions and times only: the log of a Delta table outlives its data files, and
must not hold what identifies a person.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa
    from deltalake import CommitProperties, DeltaTable

CHECKPOINT_EVERY = 100
COMPACT_FILES = 40
TARGET_BYTES = 128 * 1024 * 1024
DELETED_AT_ONCE = 2_000


class LakeError(Exception):
    """The lake is not as it should be; the message says what to do."""


class Lake:
    """The Delta table at `uri`, partitioned by `month`, with a `position` and an `origin_id`."""

    def __init__(self, uri: str, storage_options: dict[str, str] | None = None) -> None:
        self.uri = uri
        self._options = storage_options

    def table(self) -> "DeltaTable | None":
        """The newest snapshot, or None before the first append."""
        from deltalake import DeltaTable

        if not DeltaTable.is_deltatable(self.uri, self._options):
            return None
        return DeltaTable(self.uri, storage_options=self._options)

    def position(self, epoch: str) -> int | None:
        """Up to which position the lake holds the log of `epoch`; None when it knows none."""
        table = self.table()
        return None if table is None else table.transaction_version(epoch)

    def append(self, columns: "pa.Table", epoch: str, after: int, upto: int) -> None:
        """Add the rows of the positions `after` + 1 … `upto`, once.

        Raises LakeError when the snapshot is not at `after`: somebody else has written.
        """
        from deltalake import DeltaTable, write_deltalake

        table = self.table()
        if table is None:
            table = DeltaTable.create(
                self.uri,
                schema=columns.schema,
                partition_by=["month"],
                storage_options=self._options,
                configuration={
                    "delta.checkpointInterval": str(CHECKPOINT_EVERY),
                    "delta.dataSkippingStatsColumns": "position,ts",
                },
            )
        found = table.transaction_version(epoch)
        if (found or 0) != after:
            raise LakeError(
                f"lake {self.uri} holds the log up to {found or 0}, not {after}; run the copy again"
            )
        write_deltalake(
            table,
            columns,
            mode="append",
            commit_properties=self._commit(epoch, upto),
            target_file_size=TARGET_BYTES,
        )

    def compact(self) -> bool:
        """Merge small files and write a checkpoint, if there are many; whether it was done."""
        table = self.table()
        if table is None or len(table.file_uris()) < COMPACT_FILES + len(table.partitions()):
            return False
        table.optimize.compact(target_size=TARGET_BYTES)
        table.create_checkpoint()
        table.vacuum(retention_hours=24, enforce_retention_duration=False, dry_run=False)
        return True

    def files(self) -> list[str]:
        """The files of the newest snapshot, for any reader of Parquet."""
        table = self.table()
        return [] if table is None else table.file_uris()

    def rows_after(self, position: int) -> Iterator["pa.RecordBatch"]:
        """Rows behind `position`, all columns."""
        from pyarrow import dataset

        table = self.table()
        if table is not None:
            behind = dataset.field("position") > position
            yield from table.to_pyarrow_dataset().to_batches(filter=behind)

    def columns(
        self, names: Sequence[str], only: Sequence[str] | None, upto: int, after: int = 0
    ) -> Iterator["pa.RecordBatch"]:
        """These columns of the rows behind `after` and up to `upto`, and only those whose `name` is
        in `only`."""
        import pyarrow as pa
        import pyarrow.compute as pc
        from pyarrow import dataset

        table = self.table()
        if table is None:
            return
        wanted = sorted({*names, "name", "position"})
        # Compared batch by batch, as in `positions_of`.
        behind = dataset.field("position") > after  # whole files that are older are not read
        for batch in table.to_pyarrow_dataset().to_batches(columns=wanted, filter=behind):
            fits = pc.less_equal(batch["position"], upto)
            if only is not None:
                known = pa.array(list(only), pa.string())
                fits = pc.and_(fits, pc.is_in(batch["name"].cast(pa.string()), known))
            found = batch.filter(fits)
            if found.num_rows:
                yield found.select(list(names))

    def cut(self, position: int, epoch: str) -> None:
        """Remove every row behind `position` and let `epoch` go on from there, in one commit."""
        table = self.table()
        if table is not None and table.transaction_version(epoch) is None:
            table.delete(f"position > {position}", commit_properties=self._commit(epoch, position))

    def positions_of(self, origins: Sequence[str]) -> list[int]:
        """Where the rows of these origins are."""
        import pyarrow as pa
        import pyarrow.compute as pc

        table = self.table()
        if table is None or not origins:
            return []
        found: list[int] = []
        # Compared batch by batch, not by the scan's filter: files that a deletion wrote anew hold
        # another kind of text, which the filter cannot compare with their statistics.
        for batch in table.to_pyarrow_dataset().to_batches(columns=["position", "origin_id"]):
            theirs = pc.is_in(batch["origin_id"].cast(pa.string()), pa.array(origins, pa.string()))
            found += batch["position"].filter(theirs).to_pylist()
        return sorted(found)

    def erase(self, origins: Sequence[str]) -> int:
        """Remove all rows of these origins, from every file; how many there were.

        The predicate of a deletion stays in the table's log, so it names positions, not people;
        a full vacuum then removes the files that still hold the rows.
        """
        positions = self.positions_of(origins)
        table = self.table()
        if table is None:
            return 0
        for start in range(0, len(positions), DELETED_AT_ONCE):
            some = positions[start : start + DELETED_AT_ONCE]
            table.delete(f"position IN ({', '.join(map(str, some))})")
        table.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False, full=True)
        return len(positions)

    def months(self) -> list[str]:
        """The months there are rows of, such as `2026-03`, in order."""
        table = self.table()
        return [] if table is None else sorted({str(p["month"]) for p in table.partitions()})

    def drop_months(self, before: str) -> list[str]:
        """Remove the months before `before` (`2025-02`), files included; which they were.

        Whole partitions go, so nothing is written anew, and how far the lake is stays as it was.
        """
        old = [month for month in self.months() if month < before]
        table = self.table()
        if table is None or not old:
            return []
        table.delete(f"month < '{before}'")
        table.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False, full=True)
        return old

    def _commit(self, epoch: str, upto: int) -> "CommitProperties":
        from deltalake import CommitProperties, Transaction

        # No retries: a commit that lost a race must look at the new snapshot first.
        return CommitProperties(
            max_commit_retries=0, app_transactions=[Transaction(app_id=epoch, version=upto)]
        )


def lake_of(data_dir: Path, slug: str) -> Lake:
    """The lake of events of the shop `slug`."""
    folder = data_dir / "shops" / slug / "lake" / "events"
    folder.mkdir(parents=True, exist_ok=True)
    return Lake(str(folder))
