"""Prometheus figures of this process, in one registry."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

CONTENT_TYPE = "text/plain; version=1.0.0; charset=utf-8"
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

REGISTRY = CollectorRegistry()


def counter(name: str, description: str, labels: Sequence[str] = ()) -> Counter:
    return Counter(name, description, labels, registry=REGISTRY)


def gauge(name: str, description: str, labels: Sequence[str] = ()) -> Gauge:
    return Gauge(name, description, labels, registry=REGISTRY)


def histogram(
    name: str, description: str, labels: Sequence[str] = (), buckets: Sequence[float] = SECONDS
) -> Histogram:
    return Histogram(name, description, labels, registry=REGISTRY, buckets=tuple(buckets))


class Tally:
    """One figure of `Tallies`; `count` is added to by whoever counts."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0


class Tallies(Collector):
    """A counter that one thread alone counts up: no lock, a tenth of the cost. For hot doors."""

    def __init__(self, name: str, description: str, labels: Sequence[str]) -> None:
        self.name, self.description, self.labelled = name, description, tuple(labels)
        self._tallies: dict[tuple[str, ...], Tally] = {}

    def labels(self, *values: str) -> Tally:
        return self._tallies.setdefault(values, Tally())

    def describe(self) -> Iterable[Metric]:
        yield CounterMetricFamily(self.name, self.description, labels=self.labelled)

    def collect(self) -> Iterable[Metric]:
        family = CounterMetricFamily(self.name, self.description, labels=self.labelled)
        for values, tally in tuple(self._tallies.items()):
            family.add_metric(values, tally.count)
        yield family


class Durations(Collector):
    """A histogram of seconds that one thread alone tells, without a lock. For hot doors."""

    def __init__(self, name: str, description: str) -> None:
        self.name, self.description = name, description
        self.labelled: tuple[str, ...] = ()
        self._counts = [0] * (len(SECONDS) + 1)
        self._sum = 0.0

    def observe(self, seconds: float) -> None:
        self._counts[bisect_left(SECONDS, seconds)] += 1
        self._sum += seconds

    def describe(self) -> Iterable[Metric]:
        yield HistogramMetricFamily(self.name, self.description)

    def collect(self) -> Iterable[Metric]:
        upto, buckets = 0, []
        for bound, count in zip((*map(str, SECONDS), "+Inf"), tuple(self._counts), strict=True):
            upto += count
            buckets.append((bound, upto))
        yield HistogramMetricFamily(
            self.name, self.description, buckets=buckets, sum_value=self._sum
        )


def tallies(name: str, description: str, labels: Sequence[str]) -> Tallies:
    made = Tallies(name, description, labels)
    REGISTRY.register(made)
    return made


def durations(name: str, description: str) -> Durations:
    made = Durations(name, description)
    REGISTRY.register(made)
    return made


def exposition() -> bytes:
    """All figures in the Prometheus text format."""
    return generate_latest(REGISTRY)
