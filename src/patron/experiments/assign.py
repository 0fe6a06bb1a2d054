"""Assignment by a stable hash, so that nothing has to be stored to be remembered.

The subject of an assignment is a person's oldest origin: it does not change when she is recognised
on another device. When two people turn out to be one and each had been given an arm, the arms may
differ; such a person leaves the analysis (`mixed`).
"""

from hashlib import blake2b
from typing import Literal
from uuid import UUID

Arm = Literal["treatment", "holdout"]


def arm(experiment: str, subject: UUID, holdout: float) -> Arm:
    """ "holdout" for the share `holdout` (0 to 1) of all subjects, "treatment" for the others.

    The first 64 bits of BLAKE2b over experiment and subject, read as a number in [0, 1), fall below
    `holdout` or not. Raising `holdout` therefore only moves subjects into it, and two experiments
    are independent of each other. Raises ValueError for a share outside 0 to 1.
    """
    if not 0 <= holdout <= 1:
        raise ValueError(f"holdout {holdout!r}: give a share from 0 to 1")
    return "holdout" if point(experiment, subject) < holdout else "treatment"


def point(experiment: str, subject: UUID) -> float:
    """Where `subject` lies in [0, 1) for `experiment`: uniform over subjects."""
    digest = blake2b(subject.bytes, digest_size=8, key=_key(experiment)).digest()
    return (int.from_bytes(digest, "big") >> 11) / (1 << 53)


def _key(experiment: str) -> bytes:
    """A BLAKE2b key is at most 64 bytes long; a digest of the name always fits."""
    return blake2b(experiment.encode(), digest_size=32).digest()
