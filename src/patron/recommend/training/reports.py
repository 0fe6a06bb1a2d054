"""Where the reports of trainings lie: beside the models, one file each, the latest hundred."""

from pathlib import Path

import msgspec

from patron.recommend.training.report import Counted, Report

KEPT = 100
WANTED = "train-now"
COUNTED = "counted.json"
NAME = "report-%Y%m%dT%H%M%S%f.json"


def keep(models: Path, report: Report) -> Report:
    """Keep a report, in plain numbers; the oldest go."""
    folder = models / "reports"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / report.made_at.strftime(NAME)
    draft = file.with_suffix(".new")
    written = msgspec.json.encode(report, enc_hook=float)
    draft.write_bytes(written)
    draft.replace(file)
    for old in _files(models)[:-KEPT]:
        old.unlink(missing_ok=True)
    return msgspec.json.decode(written, type=Report)


def latest(models: Path) -> Report | None:
    """The report of the last training, or None before the first."""
    for file in reversed(_files(models)):
        try:
            return msgspec.json.decode(file.read_bytes(), type=Report)
        except (OSError, msgspec.DecodeError):
            continue  # written by another version, or being removed
    return None


def note(models: Path, counted: Counted) -> None:
    """Keep what is told of the latest counting, instead of what was of the one before."""
    models.mkdir(parents=True, exist_ok=True)
    draft = models / f"{COUNTED}.new"
    draft.write_bytes(msgspec.json.encode(counted))
    draft.replace(models / COUNTED)


def counted(models: Path) -> Counted | None:
    """What is told of the latest counting."""
    try:
        return msgspec.json.decode((models / COUNTED).read_bytes(), type=Counted)
    except (OSError, msgspec.DecodeError):
        return None


def told(models: Path) -> Report | None:
    """The latest report, with the latest counting."""
    found = latest(models)
    return None if found is None else msgspec.structs.replace(found, counted=counted(models))


def ask_for_training(models: Path) -> None:
    """Have the worker train when it looks next."""
    models.mkdir(parents=True, exist_ok=True)
    (models / WANTED).touch()


def is_asked_for(models: Path) -> bool:
    return (models / WANTED).exists()


def taken_up(models: Path) -> None:
    """Somebody trains now."""
    (models / WANTED).unlink(missing_ok=True)


def _files(models: Path) -> list[Path]:
    return sorted((models / "reports").glob("report-*.json"))
