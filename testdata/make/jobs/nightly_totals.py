"""The same job for one day after another: lines of a file added up by key.

usage: nightly_totals.py DAY LINES SECONDS [check] [fail]

Each task of the first stage waits for SECONDS. `check` counts the lines before, so that all stages
after that have other ids; `fail` ends with exit code 1 after the work is done.
"""
import sys
import time

from pyspark import SparkContext

day, lines, seconds, options = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), sys.argv[4:]
sc = SparkContext(appName="nightly-totals")
with open("sales.txt", "w") as file:
    file.writelines(f"{n % 10} {n:08}\n" for n in range(lines))


def keyed(part):
    time.sleep(seconds)
    for line in part:
        key, value = line.split()
        yield key, int(value)


sales = sc.textFile("sales.txt", 2)
if "check" in options:
    sc.setJobDescription(f"check {day}")
    sales.count()
sc.setJobDescription(f"totals of {day}")
sales.mapPartitions(keyed).groupByKey(2).mapValues(sum).collect()
if "fail" in options:
    # A Python driver that just ends leaves ExitCode 0 in its log; this one tells.
    sc._jsc.sc().stop(1)
    sys.exit(1)
sc.stop()
