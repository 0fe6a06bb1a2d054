"""Where the reports of trainings lie: beside the models, one file each, the latest hundred."""

from pathlib import Path

import msgspec

from patron.recommend.training.report import Report

KEPT = 100
WANTED = "train-now"
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
