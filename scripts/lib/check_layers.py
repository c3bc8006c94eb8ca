"""The floors of the project, and the check that every include points down.

A file belongs to the first floor whose patterns match its path. The files of a floor may include
each other and the files of the floors that the row names. A row inherits nothing from another row,
so it tells everything. No files may include each other in a circle.
"""

import fnmatch
import pathlib
import re
import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class Floor:
    name: str
    patterns: tuple[str, ...]
    below: tuple[str, ...]
    # The headers of GUARDED_OUTSIDE that this floor may include, by the first part of their names.
    outside: tuple[str, ...] = ()


CORE_HEADERS = ("headers: plain", "headers: handles", "headers: buffer")
OF_C = CORE_HEADERS + ("headers: watch", "headers: c")
API = CORE_HEADERS + ("src/base", "src/shard", "src/run")
USER_OF_LIBRARY = CORE_HEADERS + (
    "headers: outcome",
    "headers: watch",
    "headers: mysql",
    "headers: postgres",
    "headers: topology",
    "headers: flags",
    "headers: testing",
)

FLOORS = (
    # What a user of the library sees.
    Floor(
        "headers: buffer",
        tuple(
            f"include/failover/{name}.h"
            for name in (
                "attempt_of",
                "block_on",
                "buffer",
                "coroutine*",
                "retry*",
                "switchover",
                "internal/buffer_access",
            )
        ),
        ("headers: plain", "headers: handles"),
    ),
    # What needs an Asio of the embedder.
    Floor(
        "headers: asio",
        tuple(
            f"include/failover/{name}.h" for name in ("asio", "boost_asio", "internal/asio_waits")
        ),
        CORE_HEADERS,
        ("asio", "boost"),
    ),
    # What a caller of a Buffer keeps, without the Buffer.
    Floor(
        "headers: handles",
        tuple(f"include/failover/{name}.h" for name in ("handles", "last_attempt", "transition")),
        ("headers: plain",),
    ),
    Floor("headers: flags", ("include/failover/flags.h",), CORE_HEADERS),
    Floor("headers: outcome", ("include/failover/outcome.h",), ("headers: plain",)),
    # The watchers report to a HealthCheckStatsListener and know no Buffer.
    Floor("headers: watch", ("include/failover/watch/*",), ("headers: plain",)),
    Floor(
        "headers: mysql",
        ("include/failover/mysql/*",),
        ("headers: plain", "headers: outcome", "headers: watch"),
    ),
    Floor(
        "headers: postgres",
        ("include/failover/postgres/*",),
        ("headers: plain", "headers: outcome", "headers: watch"),
    ),
    Floor("headers: topology", ("include/failover/topology/*",), ("headers: plain",)),
    Floor("headers: c", ("include/failover/c/*",), ()),
    Floor("headers: testing", ("include/failover/testing/*",), ("headers: plain",)),
    Floor("headers: plain", ("include/failover/*",), ()),
    # The library, from its lowest floor to its highest.
    Floor("src/base", ("src/base/*",), ("headers: plain",), ("spdlog",)),
    Floor("src/shard", ("src/shard/*",), ("headers: plain", "src/base")),
    Floor("src/run", ("src/run/*",), ("headers: plain", "src/base", "src/shard")),
    Floor("src/api/flags", ("src/api/flags.cc",), CORE_HEADERS + ("headers: flags",)),
    Floor("src/api", ("src/api/*",), API),
    # The interface in C. The part of each database stands on the part that knows none.
    Floor(
        "src/c/mysql",
        ("src/c/mysql/*",),
        OF_C + ("headers: outcome", "headers: mysql", "src/c"),
    ),
    Floor(
        "src/c/postgres",
        ("src/c/postgres/*",),
        OF_C + ("headers: outcome", "headers: postgres", "src/c"),
    ),
    Floor("src/c", ("src/c/*",), OF_C + ("headers: outcome",)),
    Floor("src/outcome", ("src/outcome/*",), ("headers: plain", "headers: outcome")),
    Floor(
        "src/watch",
        ("src/watch/*",),
        ("headers: plain", "headers: handles", "headers: watch", "src/base"),
    ),
    Floor(
        "src/mysql",
        ("src/mysql/*",),
        (
            "headers: plain",
            "headers: outcome",
            "headers: watch",
            "headers: mysql",
            "src/outcome",
            "src/watch",
        ),
        ("mysql.h", "errmsg.h"),
    ),
    Floor(
        "src/postgres",
        ("src/postgres/*",),
        (
            "headers: plain",
            "headers: outcome",
            "headers: watch",
            "headers: postgres",
            "src/outcome",
            "src/watch",
        ),
        ("libpq-fe.h",),
    ),
    # The feeds of topology services hold the requests of a Buffer, and know no database.
    Floor(
        "src/topology",
        ("src/topology/*",),
        CORE_HEADERS + ("headers: watch", "headers: topology", "src/base", "src/watch"),
        ("curl", "nlohmann"),
    ),
    # The products. They see only the headers that every user of the library sees. The core of the
    # proxies knows no protocol.
    Floor(
        "proxy/core",
        ("proxy/core/*",),
        CORE_HEADERS + ("headers: outcome", "headers: flags", "headers: watch"),
        ("asio", "openssl", "spdlog"),
    ),
    # failoverctl speaks to a proxy, and needs nothing of the proxy or of the library.
    Floor("proxy/ctl", ("proxy/ctl/*",), (), ("curl", "nlohmann")),
    Floor("proxy/mysql/protocol", ("proxy/mysql/protocol/*",), ("headers: mysql",), ("openssl",)),
    Floor(
        "proxy/mysql/session",
        ("proxy/mysql/session/*",),
        USER_OF_LIBRARY[:-1] + ("proxy/core", "proxy/mysql/protocol"),
        ("asio", "spdlog"),
    ),
    Floor(
        "proxy/mysql",
        ("proxy/mysql/*",),
        USER_OF_LIBRARY[:-1] + ("proxy/core", "proxy/mysql/protocol", "proxy/mysql/session"),
        ("asio", "spdlog"),
    ),
    Floor(
        "proxy/postgres/protocol",
        ("proxy/postgres/protocol/*",),
        ("headers: postgres",),
        ("openssl",),
    ),
    # Only this floor sees the grammar of PostgreSQL.
    Floor("proxy/postgres/sql", ("proxy/postgres/sql/*",), ("headers: postgres",), ("pg_query",)),
    Floor(
        "proxy/postgres/session",
        ("proxy/postgres/session/*",),
        USER_OF_LIBRARY[:-1] + ("proxy/core", "proxy/postgres/protocol", "proxy/postgres/sql"),
        ("asio", "openssl", "spdlog"),
    ),
    Floor(
        "proxy/postgres",
        ("proxy/postgres/*",),
        USER_OF_LIBRARY + ("proxy/core", "proxy/postgres/protocol", "proxy/postgres/session"),
        ("asio", "spdlog"),
    ),
    Floor("demo", ("demo/*",), USER_OF_LIBRARY, ("spdlog", "mysql.h", "errmsg.h", "libpq-fe.h")),
    Floor("examples/nginx", ("examples/nginx/*",), ("headers: c",)),
    Floor(
        "examples",
        ("examples/*",),
        USER_OF_LIBRARY + ("headers: asio", "headers: c"),
        ("asio", "boost", "uv.h"),
    ),
)

# Headers of other projects that only the floors may include that name them.
GUARDED_OUTSIDE = (
    "spdlog",
    "mysql.h",
    "mariadb",
    "errmsg.h",
    "libpq-fe.h",
    "postgresql",
    "asio",
    "boost",
    "uv.h",
    "event2",
    "openssl",
    "curl",
    "nlohmann",
    "pg_query",
    "protobuf-c",
)
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^">]+)[">]', re.MULTILINE)
FOLDERS = ("include", "src", "proxy", "demo", "examples")


def floor_of(path: str) -> Floor | None:
    for floor in FLOORS:
        if any(fnmatch.fnmatchcase(path, pattern) for pattern in floor.patterns):
            return floor
    return None


def resolve(root: pathlib.Path, path: str, name: str) -> str | None:
    """The path of an included file of this project, or None for one of another project."""
    beside = pathlib.PurePosixPath(path).parent
    for folder in (beside, "include", "src", "."):
        candidate = root / folder / name
        if candidate.is_file():
            found = candidate.resolve()
            if found.is_relative_to(root):
                return found.relative_to(root).as_posix()
    return None


def outside_group(name: str) -> str | None:
    first = name.split("/")[0]
    for group in GUARDED_OUTSIDE:
        if first == group or first == f"{group}.hpp":
            return group
    return None


def circle_in(includes: dict[str, list[str]]) -> list[str] | None:
    """The files of a circle of includes, if there is one."""
    done: set[str] = set()
    trail: list[str] = []

    def visit(path: str) -> list[str] | None:
        if path in done:
            return None
        if path in trail:
            return trail[trail.index(path) :] + [path]
        trail.append(path)
        for included in includes.get(path, []):
            found = visit(included)
            if found:
                return found
        trail.pop()
        done.add(path)
        return None

    for path in includes:
        found = visit(path)
        if found:
            return found
    return None


def check(root: pathlib.Path) -> tuple[list[str], int]:
    problems = []
    includes: dict[str, list[str]] = {}
    for folder in FOLDERS:
        for file in sorted((root / folder).rglob("*")):
            if file.suffix not in (".h", ".cc"):
                continue
            path = file.relative_to(root).as_posix()
            floor = floor_of(path)
            if floor is None:
                problems.append(f"{path}: the table of floors does not know this place")
                continue
            includes[path] = []
            text = file.read_text(encoding="utf-8")
            for match in INCLUDE.finditer(text):
                line = text.count("\n", 0, match.start(2)) + 1
                name = match.group(2)
                target = resolve(root, path, name)
                if target is None:
                    group = outside_group(name)
                    if group is not None and group not in floor.outside:
                        problems.append(f"{path}:{line}: {floor.name} must not include <{name}>")
                    continue
                includes[path].append(target)
                target_floor = floor_of(target)
                if target_floor is None:
                    problems.append(f"{path}:{line}: {target} is on no floor")
                elif target_floor != floor and target_floor.name not in floor.below:
                    problems.append(
                        f"{path}:{line}: {floor.name} must not include {target} "
                        f"({target_floor.name})"
                    )
    circle = circle_in(includes)
    if circle:
        problems.append("a circle of includes: " + " -> ".join(circle))
    return problems, len(includes)


def main() -> int:
    root = pathlib.Path(sys.argv[1]).resolve()
    problems, files = check(root)
    for problem in problems:
        print(problem)
    if files == 0:
        print(f"no source files in {root}")
        return 1
    if problems:
        print(f"check-layers: {len(problems)} includes or places are wrong")
        return 1
    print(f"check-layers: {files} files, every include points down")
    return 0


if __name__ == "__main__":
    sys.exit(main())
