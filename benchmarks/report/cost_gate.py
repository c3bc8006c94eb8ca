"""Counts what the library takes for each row, and fails if a row is above its ceiling.

scripts/cost-gate is the way to call it.
"""

import argparse
import math
import os
import pathlib
import re
import subprocess
import sys
import tempfile

OPERATIONS = 1000
TIMEOUT_SECONDS = 300
COLUMNS = ("instructions", "allocations", "bytes", "locks", "clock_readings", "wakeups")
# --tighten leaves this much above the measured instructions, for another version of the C library.
HEADROOM = 1.06
# The rows of a pair must take the same number of instructions, up to TOLERANCE: the number of other
# shards or requests must not matter, and a refusal must cost no more than a first attempt. malloc alone
# differs by 4 %, because it merges what is freed with what is free beside it. A search, even one in a tree
# of 50,000, would cost far more.
ALIKE = (
    ("enqueue", "enqueue_among_10000_shards"),
    ("enqueue", "enqueue_refused"),
    ("cancel", "cancel_among_50000_held"),
)
TOLERANCE = 1.05


def parse_arguments():
    parser = argparse.ArgumentParser(prog="scripts/cost-gate")
    parser.add_argument("--probe", required=True)
    parser.add_argument("--ceilings", type=pathlib.Path, required=True)
    parser.add_argument("--tighten", action="store_true")
    parser.add_argument("--only", action="append", default=[])
    return parser.parse_args()


def read_ceilings(path):
    """Returns the ceilings of each row, per operation."""
    ceilings = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        words = line.split("#")[0].split()
        if words:
            ceilings[words[0]] = dict(zip(COLUMNS, map(float, words[1:]), strict=True))
    return ceilings


def try_to_run(command):
    # With LD_BIND_NOW the dynamic linker works at the start, so that the first call of a function
    # does not count the linker's work.
    environment = {**os.environ, "LD_BIND_NOW": "1"}
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        env=environment,
        check=False,
    )


def run(command):
    done = try_to_run(command)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}\nended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done


def prove_read_only(probe):
    """Prints what the probe says, and returns the problems."""
    done = try_to_run([probe, "--read-only"])
    print(f"{done.stdout}{done.stderr}", flush=True)
    return [] if done.returncode == 0 else [f"idle path: {done.stderr.strip()}"]


def count(probe, row, folder):
    """Returns what one operation of the row takes."""
    done = run(
        [
            "valgrind",
            "--tool=callgrind",
            f"--callgrind-out-file={folder}/{row}",
            "--toggle-collect=MeasuredPart",
            probe,
            row,
            str(OPERATIONS),
        ]
    )
    collected = re.search(r"Collected\s*:\s*(\d+)", done.stderr)
    if collected is None or int(collected.group(1)) == 0:
        sys.exit(f"{row}: callgrind counted nothing:\n{done.stderr}")
    counted = {"instructions": int(collected.group(1))}
    for line in done.stdout.splitlines():
        what, number = line.split()
        counted[what] = int(number)
    return {what: counted[what] / OPERATIONS for what in COLUMNS}


def cell(value, ceiling):
    over = " !" if value > ceiling else "  "
    return f"{value:10.2f} /{ceiling:9.2f}{over}"


def judge(row, counted, ceilings):
    """Prints the row, and returns the problems: what is above its ceiling."""
    print(f"{row:28}" + "".join(cell(counted[what], ceilings[what]) for what in COLUMNS), flush=True)
    return [
        f"{row}: {counted[what]:g} {what} per operation, at most {ceilings[what]:g} are allowed"
        for what in COLUMNS
        if counted[what] > ceilings[what]
    ]


def compare(counted):
    """Returns the problems: rows that should be alike and are not."""
    return [
        f"{dearer}: {counted[dearer]['instructions']:g} instructions, but {row} takes only"
        f" {counted[row]['instructions']:g}"
        for pair in ALIKE
        for row, dearer in (pair, pair[::-1])
        if set(pair) <= counted.keys()
        and counted[dearer]["instructions"] > TOLERANCE * counted[row]["instructions"]
    ]


def tightened(counted, ceilings):
    lower = {what: math.ceil(counted[what] * 100) / 100 for what in COLUMNS}
    lower["instructions"] = math.ceil(counted["instructions"] * HEADROOM)
    return {what: min(lower[what], ceilings[what]) for what in COLUMNS}


def write_ceilings(path, ceilings):
    """Replaces the numbers in the file, and keeps its comments."""
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        row = line.split()[0] if line.split() else ""
        if row in ceilings:
            line = f"{row:28}" + "".join(f"{ceilings[row][what]:15g}" for what in COLUMNS)
        lines.append(line)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def main():
    arguments = parse_arguments()
    ceilings = read_ceilings(arguments.ceilings)
    rows = run([arguments.probe, "--list"]).stdout.split()
    if sorted(rows) != sorted(ceilings):
        sys.exit(f"{arguments.ceilings}: its rows are not those of the probe: {sorted(rows)}")
    unknown = set(arguments.only) - set(rows)
    if unknown:
        sys.exit(f"there is no row {', '.join(sorted(unknown))}; there are: {', '.join(rows)}")
    too_much = [] if arguments.only else prove_read_only(arguments.probe)
    print(f"{'per operation / ceiling':28}" + "".join(f"{what:^23}" for what in COLUMNS))
    counted = {}
    with tempfile.TemporaryDirectory() as folder:
        for row in arguments.only or ceilings:
            counted[row] = count(arguments.probe, row, folder)
            too_much += judge(row, counted[row], ceilings[row])
            if arguments.tighten:
                ceilings[row] = tightened(counted[row], ceilings[row])
    too_much += compare(counted)
    if arguments.tighten:
        write_ceilings(arguments.ceilings, ceilings)
    if too_much:
        sys.exit("\n" + "\n".join(too_much))
    print(f"\n{len(counted)} rows, none above its ceiling")


main()
