"""Opening a run: a new one is set up, an earlier one is checked against what is asked now."""

from pathlib import Path

import msgspec

from unisafebench.datasets.builtin import shown_path
from unisafebench.datasets.selection import Selection
from unisafebench.runs.directory import RunDirectory
from unisafebench.runs.manifest import (
    DatasetRecord,
    JudgingRecord,
    Manifest,
    ModelRecord,
    check_same,
    now,
    read_manifest,
    software,
    write_manifest,
)
from unisafebench.runs.progress import Progress
from unisafebench.runs.snapshot import (
    commit_samples,
    drop_samples,
    file_sha256,
    only_fills_gaps,
    snapshot_samples,
)

__all__ = ["Asked", "begin_judging", "open_run", "take_up"]


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a command asks of a run."""

    dataset_name: str
    dataset_path: Path
    tasks: tuple[str, ...]
    not_supported: tuple[str, ...] = ()
    model: ModelRecord
    subcategories: tuple[str, ...] = ()
    """Only these; all when empty."""
    limit: int | None = None
    shuffle: int | None = None
    epochs: int = 1
    seed: int = 0
    allow_outside: bool = False

    @property
    def selection(self) -> Selection:
        """Which samples of the data set are asked, and in which order."""
        return Selection(
            tasks=self.tasks,
            subcategories=self.subcategories,
            limit=self.limit,
            shuffle=self.shuffle,
        )


def open_run(run: RunDirectory, asked: Asked, progress: Progress) -> Manifest:
    """Set up a new run, or take up one that was made with the same settings.

    Raises:
        DataError: the data set cannot be used.
        RunMismatchError: the run was made with something else.
    """
    recorded = read_manifest(run)
    file_hash = file_sha256(asked.dataset_path)
    if recorded is None:
        manifest = _manifest(asked, _take_dataset(run, asked, file_hash))
        commit_samples(run)
        write_manifest(run, manifest)
        return manifest
    dataset = recorded.dataset
    if dataset.file_sha256 == file_hash and not dataset.missing:
        check_same(run, recorded, _manifest(asked, dataset))
        return recorded
    # The file changed, or pictures were missing that may be there now.
    try:
        now_asked = _manifest(asked, _take_dataset(run, asked, file_hash))
        return take_up(run, recorded, now_asked, progress)
    finally:
        drop_samples(run)


def take_up(run: RunDirectory, recorded: Manifest, asked: Manifest, progress: Progress) -> Manifest:
    """Go on with a run whose samples were written aside anew; take pictures that it lacked.

    Raises:
        RunMismatchError: the run was made with something else; it is left as it was.
    """
    if recorded.dataset.file_sha256 == asked.dataset.file_sha256:
        check_same(run, recorded, msgspec.structs.replace(asked, dataset=recorded.dataset))
        found = recorded.dataset.missing - asked.dataset.missing
        if found > 0 and only_fills_gaps(run):
            progress.note(f"{found} samples now have the picture that was missing before.")
            recorded = msgspec.structs.replace(recorded, dataset=asked.dataset)
            commit_samples(run)
            write_manifest(run, recorded)
    check_same(run, recorded, asked)
    return recorded


def begin_judging(run: RunDirectory, manifest: Manifest, judging: JudgingRecord) -> Manifest:
    """Note how the run is judged, or check that it was judged this way so far.

    Raises:
        RunMismatchError: it was judged with something else.
    """
    earlier = manifest.judging
    if earlier is not None:
        check_same(run, manifest, msgspec.structs.replace(manifest, judging=judging))
        # A run that is complete is not probed again; what the first probe found still holds.
        judging = msgspec.structs.replace(
            judging,
            probe_wrong=judging.probe_wrong or earlier.probe_wrong,
            learned=judging.learned or earlier.learned,
        )
    # Read afresh: the note of this invocation has been written meanwhile.
    current = read_manifest(run) or manifest
    manifest = msgspec.structs.replace(current, judging=judging)
    write_manifest(run, manifest)
    return manifest


def _take_dataset(run: RunDirectory, asked: Asked, file_hash: str) -> DatasetRecord:
    taken = snapshot_samples(
        run,
        asked.dataset_path,
        selection=asked.selection,
        allow_outside=asked.allow_outside,
    )
    return DatasetRecord(
        name=asked.dataset_name,
        path=shown_path(asked.dataset_path),
        fingerprint=taken.fingerprint,
        file_sha256=file_hash,
        samples=taken.samples,
        missing=taken.missing,
    )


def _manifest(asked: Asked, dataset: DatasetRecord) -> Manifest:
    return Manifest(
        created=now(),
        software=software(),
        dataset=dataset,
        tasks=asked.tasks,
        not_supported=asked.not_supported,
        subcategories=asked.subcategories,
        limit=asked.limit,
        shuffle=asked.shuffle,
        epochs=asked.epochs,
        seed=asked.seed,
        model=asked.model,
    )
