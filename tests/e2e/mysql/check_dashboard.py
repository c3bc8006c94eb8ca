#!/usr/bin/env python3
"""Runs every query of a dashboard, and looks for every metric of the alert rules, in a Prometheus.

A query passes if Prometheus can evaluate it and finds at least one number. Each rule must have been
evaluated without an error.
"""

import argparse
import json
import math
import pathlib
import re
import sys
import urllib.error
import urllib.parse
import urllib.request

# What Grafana puts in the place of its variables.
VARIABLES = {"$__rate_interval": "5m", "$__range": "1h", "$job": ".*", "$instance": ".*"}
METRIC = re.compile(r"\b(?:failover_[a-z0-9_]+|up)\b")


def ask(base: str, path: str, **parameters: str) -> dict:
    url = f"{base}{path}?{urllib.parse.urlencode(parameters)}"
    try:
        with urllib.request.urlopen(url, timeout=20) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        return json.load(error)


def numbers_of(base: str, query: str) -> tuple[list[float], str]:
    """The values that a query has now, and an error if there is one."""
    answer = ask(base, "/api/v1/query", query=query)
    if answer["status"] != "success":
        return [], answer.get("error", "no error text")
    values = [float(sample["value"][1]) for sample in answer["data"]["result"]]
    return [value for value in values if not math.isnan(value)], ""


def queries_of(dashboard: dict) -> list[tuple[str, str]]:
    """All queries with the title of what shows them."""
    found = [
        (panel["title"], target["expr"])
        for panel in dashboard["panels"]
        for target in panel["targets"]
    ]
    found += [(a["name"], a["expr"]) for a in dashboard["annotations"]["list"]]
    for variable in dashboard["templating"]["list"]:
        match = re.fullmatch(r"label_values\((.*), \w+\)", str(variable["query"]))
        if match:
            found.append((variable["name"], match.group(1)))
    return found


def problems_of_queries(base: str, dashboard: dict) -> list[str]:
    problems = []
    for title, query in queries_of(dashboard):
        for variable, value in VARIABLES.items():
            query = query.replace(variable, value)
        values, error = numbers_of(base, query)
        if error or not values:
            problems.append(f"{title}: {error or 'no number'}: {query}")
    return problems


def problems_of_rules(base: str) -> list[str]:
    groups = ask(base, "/api/v1/rules")["data"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    problems = [] if rules else ["Prometheus has no rules"]
    for rule in rules:
        if rule["health"] != "ok":
            problems.append(f"{rule['name']}: {rule['health']} {rule.get('lastError', '')}")
        for metric in sorted(set(METRIC.findall(rule["query"]))):
            if not numbers_of(base, metric)[0]:
                problems.append(f"{rule['name']}: there is no {metric}")
    return problems


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prometheus", required=True, help="http://host:port")
    parser.add_argument("--dashboard", required=True, type=pathlib.Path)
    options = parser.parse_args()
    dashboard = json.loads(options.dashboard.read_text(encoding="utf-8"))
    problems = problems_of_queries(options.prometheus, dashboard)
    problems += problems_of_rules(options.prometheus)
    for problem in problems:
        print(problem)
    print(f"{len(queries_of(dashboard))} queries, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
