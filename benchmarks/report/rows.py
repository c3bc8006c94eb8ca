"""The rows of the table: what is compared with what, and what is promised.

The names are those of the benchmarks, without what Google Benchmark appends (/real_time, ...).
"""

from dataclasses import dataclass
from typing import Optional, Tuple


@dataclass(frozen=True)
class Time:
    """The time of one operation, in ns."""

    benchmark: str


@dataclass(frozen=True)
class Fastest:
    """The time of one operation, in ns, in the fastest round, which was disturbed least."""

    benchmark: str


@dataclass(frozen=True)
class Counter:
    """A number that a benchmark reports beside its time."""

    benchmark: str
    counter: str


@dataclass(frozen=True)
class Quotient:
    over: object
    under: object


@dataclass(frozen=True)
class AtMost:
    """The most that the library may take.

    A time is promised for a machine on which the floor takes no longer than `floor`. If the floor
    takes longer, the library may take longer by the same factor.
    """

    most: float
    floor: Optional[float] = None


@dataclass(frozen=True)
class TimesFloor:
    """The most that the library may take, as a multiple of what the floor takes in the same run."""

    most: float


@dataclass(frozen=True)
class Row:
    title: str
    unit: str  # ns, ms, bytes, MB, x
    library: object  # None: there is nothing to compare with the floor
    limit: object  # None: there is no promise
    floor: object = None
    other: Optional[Tuple[str, object]] = None  # another solution: its name, its figure
    headline: str = ""  # the title in README.md; empty: README.md does not show the row


@dataclass(frozen=True)
class Family:
    """Benchmarks whose names begin with `name`/; they are run in turns, in one process."""

    name: str
    repetitions: int = 3
    seconds: float = 0.01  # per repetition, at the least
    # True: each benchmark has a process of its own.
    alone: bool = False
    # These benchmarks run only in the first round: they are slow, and only there to compare with.
    once: Tuple[str, ...] = ()
    # malloc gets so many megabytes beforehand, so that a row does not measure the kernel. The number
    # is about twice what the largest benchmark takes.
    warm_megabytes: int = 0


FAMILIES = (
    # The repetitions are many and short, so that in some of them each thread has a processor.
    Family("idle_by_handle", repetitions=9, seconds=0.003),
    Family("idle_by_names", repetitions=9, seconds=0.003),
    Family("idle_other_error"),
    Family("disabled_shard", repetitions=9, seconds=0.003),
    Family("counted_work", repetitions=9, seconds=0.003),
    Family("async_trip", once=("thread_per_request",), warm_megabytes=64),
    Family("coroutine", warm_megabytes=64),
    Family("cancel", once=("searched_list",), warm_megabytes=32),
    Family("eviction"),
    Family("comebacks", warm_megabytes=32),
    Family("many_shards", once=("thread_per_failover",), warm_megabytes=192),
    Family("know_shards", warm_megabytes=128),
    Family("blocking", once=("one_condition",)),
    Family("memory_held", alone=True, repetitions=1),
    Family("memory_coroutine", alone=True, repetitions=1),
    Family("memory_shard", alone=True, repetitions=1),
    Family("held_scale", repetitions=1, warm_megabytes=320),
    Family("names_scale"),
    Family("shards_scale", warm_megabytes=128),
    Family("fresh_page"),
)


def _idle_by_handle():
    def times(who, threads, shards):
        return Time(f"idle_by_handle/{who}/shards:{shards}/threads:{threads}")

    for title, threads, shards, most, floor in (
        ("idle, by handle, 1 thread", 1, 1, 2, 0.9),
        ("idle, by handle, 2 threads, one shard", 2, 1, 1, 0.45),
        ("idle, by handle, 2 threads, two shards", 2, 2, 1, 0.45),
    ):
        yield Row(
            title,
            "ns",
            times("library", threads, shards),
            AtMost(most, floor),
            times("floor", threads, shards),
            ("reader lock", times("reader_lock", threads, shards)),
            headline="a query while nothing fails over, by handle" if threads == 1 else "",
        )
    # On a machine without other work the figure is 0.5: two threads have twice the throughput.
    for words, shards in (("one shard", 1), ("two shards", 2)):
        yield Row(
            f"idle, by handle, 2 threads against 1, {words}",
            "x",
            Quotient(times("library", 2, shards), times("library", 1, 1)),
            AtMost(0.55, 0.5),
            Quotient(times("floor", 2, shards), times("floor", 1, 1)),
            ("reader lock", Quotient(times("reader_lock", 2, shards), times("reader_lock", 1, 1))),
        )
    yield Row(
        "the epoch of a shard, by handle",
        "ns",
        Time("idle_by_handle/epoch/shards:1"),
        AtMost(1, 0.9),
        times("floor", 1, 1),
    )


def _idle_by_names():
    for threads, promises in (
        (1, ((8, 20, 15), (1_000, 30, 25), (10_000, 30, 23))),
        (2, ((8, 10, 8), (1_000, 16, 13), (10_000, 16, 12))),
    ):
        for shards, most, floor in promises:
            suffix = f"shards:{shards}/threads:{threads}"
            yield Row(
                f"idle, by names, {shards:,} shards, {threads} thread{'s' * (threads > 1)}",
                "ns",
                Time(f"idle_by_names/library/{suffix}"),
                AtMost(most, floor),
                Time(f"idle_by_names/floor/{suffix}"),
                ("locked map", Time(f"idle_by_names/locked_map/{suffix}")),
                headline="the same by names, 1,000 shards known"
                if (threads, shards) == (1, 1_000)
                else "",
            )


    yield Row(
        "idle, by names, 10,000 shards at random",
        "ns",
        Time("names_scale/library/shards:10000"),
        None,
        Time("names_scale/floor/shards:10000"),
        ("locked map", Time("names_scale/locked_map/shards:10000")),
    )


def _idle_otherwise():
    for title, text in (("the code tells", 0), ("the text is searched", 1)):
        yield Row(
            f"idle, an error of another cause: {title}",
            "ns",
            Time(f"idle_other_error/library/text:{text}"),
            TimesFloor(1.5),
            Time(f"idle_other_error/floor/text:{text}"),
        )
    yield Row(
        "disabled shard, counted, 1 thread",
        "ns",
        Time("disabled_shard/library/threads:1"),
        None,
        Time("disabled_shard/floor/threads:1"),
        ("one counter", Time("disabled_shard/one_counter/threads:1")),
    )
    yield Row(
        "disabled shard, 2 threads against 1",
        "x",
        Quotient(Time("disabled_shard/library/threads:2"), Time("disabled_shard/library/threads:1")),
        AtMost(0.55, 0.5),
        Quotient(Time("disabled_shard/floor/threads:2"), Time("disabled_shard/floor/threads:1")),
        (
            "one counter",
            Quotient(
                Time("disabled_shard/one_counter/threads:2"),
                Time("disabled_shard/one_counter/threads:1"),
            ),
        ),
    )


def _counted():
    def times(who, shards, threads):
        return Time(f"counted_work/{who}/shards:{shards}/threads:{threads}")

    for shards, words in ((1, "one shard"), (1000, "1,000 shards")):
        yield Row(
            f"a counted statement, entered and left, 1 thread, {words}",
            "ns",
            times("library", shards, 1),
            AtMost(15, 10) if shards == 1 else None,
            times("floor", shards, 1),
            ("one counter", times("one_counter", shards, 1)),
        )
        yield Row(
            f"a counted statement, 2 threads against 1, {words}",
            "x",
            Quotient(times("library", shards, 2), times("library", shards, 1)),
            AtMost(0.55, 0.5) if shards == 1 else None,
            Quotient(times("floor", shards, 2), times("floor", shards, 1)),
            (
                "one counter",
                Quotient(times("one_counter", shards, 2), times("one_counter", shards, 1)),
            ),
        )


def _held():
    for variant, words in (("library", ""), ("library_failed", ", with an error")):
        for held in (10_000, 100_000):
            yield Row(
                f"callback, whole trip, {held:,} held{words}",
                "ns",
                Time(f"async_trip/{variant}/held:{held}/shards:1"),
                AtMost(250, 83),
                Time(f"async_trip/floor/held:{held}"),
                ("a thread each", Time("async_trip/thread_per_request/held:1000")),
                headline="a held request: held, released, called back, its retry ended"
                if (variant, held) == ("library", 10_000)
                else "",
            )
    yield Row(
        "callback, whole trip, handles detached",
        "ns",
        Time("async_trip/library_detached/held:10000/shards:1"),
        AtMost(250, 83),
        Time("async_trip/floor/held:10000"),
    )
    yield Row(
        "callback, whole trip, service thread",
        "ns",
        Time("async_trip/library_service_thread/held:10000/shards:1"),
        AtMost(250, 83),
        Time("async_trip/floor/held:10000"),
    )
    yield Row(
        "callback, whole trip, through an inbox against the service thread",
        "x",
        Quotient(
            Time("async_trip/library_inbox/held:10000/shards:1"),
            Time("async_trip/library_service_thread/held:10000/shards:1"),
        ),
        # The processor time of all threads. Two runs of one program differ by as much.
        AtMost(1.05),
    )
    yield Row(
        "callback, 100,000 shards known against 1",
        "x",
        Quotient(
            Time("shards_scale/library/held:1000/shards:100000"),
            Time("shards_scale/library/held:1000/shards:1"),
        ),
        AtMost(1.25),
    )
    for held in (10_000, 100_000):
        yield Row(
            f"coroutine, whole trip, {held:,} held",
            "ns",
            Time(f"coroutine/library/held:{held}"),
            AtMost(250, 95),
            Time(f"coroutine/floor/held:{held}"),
        )
    for held in (1_000, 10_000, 50_000):
        searched = held if held < 50_000 else 10_000
        yield Row(
            f"cancel, {held:,} held, newest first",
            "ns",
            Time(f"cancel/library/held:{held}"),
            AtMost(60, 23),
            Time(f"cancel/floor/held:{held}"),
            (f"searched list of {searched:,}", Time(f"cancel/searched_list/held:{searched}")),
            headline="a held request cancelled, among 10,000" if held == 10_000 else "",
        )
    yield Row(
        "cancel, 50,000 held against 1,000",
        "x",
        Quotient(Time("cancel/library/held:50000"), Time("cancel/library/held:1000")),
        AtMost(1.5),
        Quotient(Time("cancel/floor/held:50000"), Time("cancel/floor/held:1000")),
    )
    yield Row(
        "full buffer, an arrival evicts the oldest",
        "ns",
        Time("eviction/library"),
        AtMost(120, 37),
        Time("eviction/floor"),
        ("its absl::Status alone", Time("eviction/error_alone")),
    )
    yield Row(
        "full shard (max_per_shard), an arrival evicts the oldest",
        "ns",
        Time("eviction/full_shard"),
        AtMost(120, 37),
        Time("eviction/floor"),
        ("its absl::Status alone", Time("eviction/error_alone")),
    )
    for benchmark, title in (
        ("held_again", "a retry is refused and its request held again"),
        ("probe", "a probe, from its time to the end of its retry"),
        ("adaptive_drain", "callback, whole trip, the drain adapts"),
    ):
        yield Row(
            title,
            "ns",
            Time(f"comebacks/{benchmark}"),
            None,
            Time("async_trip/floor/held:10000"),
        )


def _scale():
    for shards, most, floor in ((1_000, 1, 0.10), (10_000, 10, 1.0)):
        yield Row(
            f"{shards:,} shards fail over at once",
            "ms",
            Time(f"many_shards/library/shards:{shards}/known:{shards}"),
            AtMost(most, floor),
            Time(f"many_shards/floor/shards:{shards}"),
            ("1,000 with a thread each", Time("many_shards/thread_per_failover/shards:1000")),
            headline=f"{shards:,} shards that fail over at once" if shards == 1_000 else "",
        )
    yield Row(
        "10,000 shards fail over at once, 100,000 known against 10,000",
        "x",
        Quotient(
            Time("many_shards/library/shards:10000/known:100000"),
            Time("many_shards/library/shards:10000/known:10000"),
        ),
        AtMost(1.5),
    )
    for threads in (1_000, 10_000):
        yield Row(
            f"{threads:,} blocked threads, from one to the next",
            "ns",
            Fastest(f"blocking/library/threads:{threads}"),
            TimesFloor(1.25),
            Fastest(f"blocking/floor/threads:{threads}"),
            ("one condition for 1,000", Fastest("blocking/one_condition/threads:1000")),
        )
    # Waking one of many threads is not flat in the kernel, so the floor says what flat is.
    yield Row(
        "10,000 blocked threads against 1,000, from one to the next",
        "x",
        Quotient(
            Fastest("blocking/library/threads:10000"), Fastest("blocking/library/threads:1000")
        ),
        TimesFloor(1.25),
        Quotient(Fastest("blocking/floor/threads:10000"), Fastest("blocking/floor/threads:1000")),
    )
    yield Row(
        "1,000,000 held against 10,000, per request",
        "x",
        Quotient(
            Time("held_scale/library/held:1000000/shards:1"),
            Time("held_scale/library/held:10000/shards:1"),
        ),
        AtMost(2),
        Quotient(
            Time("held_scale/floor/held:1000000/shards:1"),
            Time("held_scale/floor/held:10000/shards:1"),
        ),
    )
    yield Row(
        "getting to know a shard, the 100,000th against the 1,000th",
        "x",
        Quotient(Time("know_shards/library/shards:100000"), Time("know_shards/library/shards:1000")),
        None,
    )


def _memory():
    yield Row("a page of memory, fresh from the kernel", "ns", None, None, Time("fresh_page/floor"))
    yield Row(
        "1,000,000 held, with their callbacks",
        "MB",
        Counter("memory_held/library/count:1000000", "bytes"),
        AtMost(256),
        Counter("memory_held/floor/count:1000000", "bytes"),
        headline="memory of 1,000,000 held requests, with their callbacks",
    )
    for variant, words in (("library", ""), ("library_failed", ", with an error")):
        yield Row(
            f"memory of one held request{words}",
            "bytes",
            Counter(f"memory_held/{variant}/count:100000", "bytes_per_item"),
            AtMost(192),
            Counter("memory_held/floor/count:100000", "bytes_per_item"),
        )
    yield Row(
        "memory of one suspended coroutine",
        "bytes",
        Counter("memory_coroutine/library/count:100000", "bytes_per_item"),
        AtMost(256),
        Counter("memory_coroutine/floor/count:100000", "bytes_per_item"),
    )
    yield Row(
        "memory of one shard at rest, 100,000 known",
        "bytes",
        Counter("memory_shard/library/count:100000", "bytes_per_item"),
        AtMost(512),
        Counter("memory_shard/floor/count:100000", "bytes_per_item"),
    )


ROWS = (
    *_idle_by_handle(),
    *_idle_by_names(),
    *_idle_otherwise(),
    *_counted(),
    *_held(),
    *_scale(),
    *_memory(),
)


@dataclass(frozen=True)
class Curve:
    title: str
    benchmark: str  # has {} in the place of the number


@dataclass(frozen=True)
class Plot:
    title: str
    axis: str
    numbers: Tuple[int, ...]
    curves: Tuple[Curve, ...]


_SHARDS = (1, 10, 100, 1_000, 10_000, 100_000)

PLOTS = (
    Plot(
        "Cost against the number of shards",
        "shards known",
        _SHARDS,
        (
            Curve("idle, by names", "names_scale/library/shards:{}"),
            Curve("idle, by names: floor", "names_scale/floor/shards:{}"),
            Curve("held and released", "shards_scale/library/held:1000/shards:{}"),
            Curve("held and released: floor", "shards_scale/floor/held:1000/shards:{}"),
        ),
    ),
    Plot(
        "Cost against the number of held requests",
        "requests held at once",
        (1_000, 10_000, 100_000, 1_000_000),
        (
            Curve("held and released", "held_scale/library/held:{}/shards:1"),
            Curve("held and released: floor", "held_scale/floor/held:{}/shards:1"),
        ),
    ),
)
