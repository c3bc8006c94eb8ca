"""Runs the benchmarks in turns, and keeps what each benchmark took in each round."""

import collections
import json
import os
import re
import statistics
import subprocess
import sys

# If each thread had a processor to itself, the wall time is the processor time of all threads
# divided by their number. If other programs took a processor away, the time says nothing about the
# benchmark.
UNDISTURBED = 1.15
TIMEOUT_SECONDS = 300


class Samples:
    """The results of each benchmark in each round. A round has several repetitions."""

    def __init__(self):
        self._rounds = collections.defaultdict(dict)  # name -> round -> [result]
        self.disturbed = collections.Counter()

    def add(self, round_number, result):
        name = plain_name(result["name"])
        if is_disturbed(result):
            self.disturbed[name] += 1
            return
        self._rounds[name].setdefault(round_number, []).append(result)

    def rounds(self, name):
        """Returns the results of `name` by round. The answer is empty if there are none."""
        return self._rounds.get(name, {})

    def all(self):
        return {
            name: [time_of(result) for results in rounds.values() for result in results]
            for name, rounds in self._rounds.items()
        }


def plain_name(name):
    return re.sub(r"/(real_time|manual_time|iterations:\d+|repeats:\d+)", "", name)


def is_disturbed(result):
    if result["threads"] == 1:
        return False
    return result["real_time"] > UNDISTURBED * result["cpu_time"] / result["threads"]


def time_of(result):
    """Returns the time of a result in ns per operation."""
    if "items_per_second" in result:
        return 1e9 / result["items_per_second"]
    # With one thread its processor time counts, because other programs disturb that time less.
    by_cpu = result["threads"] == 1 and "manual_time" not in result["name"]
    return result["cpu_time" if by_cpu else "real_time"]


def median_of(results, value):
    return statistics.median(value(result) for result in results)


def run(binary, pattern, *, repetitions, seconds, warm_megabytes):
    command = [
        binary,
        f"--benchmark_filter={pattern}",
        f"--benchmark_repetitions={repetitions}",
        f"--benchmark_min_time={seconds}",
        "--benchmark_enable_random_interleaving=true",
        "--benchmark_format=json",
    ]
    environment = dict(os.environ)
    if warm_megabytes:
        environment["FAILOVER_BENCHMARK_WARM_MB"] = str(warm_megabytes)
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
        env=environment,
    )
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}\nended with {done.returncode}:\n{done.stderr}")
    results = json.loads(done.stdout)["benchmarks"]
    for result in results:
        if result.get("error_occurred"):
            sys.exit(f"{result['name']}: {result['error_message']}")
    return [result for result in results if result["run_type"] == "iteration"]


def names_of(binary, family):
    listed = subprocess.run(
        [binary, "--benchmark_list_tests=true", f"--benchmark_filter=^{family}/"],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=True,
    )
    return listed.stdout.split()


def run_family(binary, family, first_round, speed_up):
    names = names_of(binary, family.name)
    if not first_round:
        names = [name for name in names if not any(slow in name for slow in family.once)]
    patterns = [f"^{re.escape(name)}$" for name in names]
    if not family.alone:
        patterns = ["|".join(patterns)]
    for pattern in patterns:
        yield from run(
            binary,
            pattern,
            repetitions=1 if speed_up else family.repetitions,
            seconds=0.0001 if speed_up else family.seconds,
            warm_megabytes=family.warm_megabytes,
        )


def measure(binary, families, rounds, speed_up, progress):
    samples = Samples()
    for round_number in range(rounds):
        for family in families:
            progress(f"round {round_number + 1} of {rounds}: {family.name}")
            for result in run_family(binary, family, round_number == 0, speed_up):
                samples.add(round_number, result)
    return samples
