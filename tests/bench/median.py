"""median.py RUNS COMMAND...: milliseconds of wall time and KiB of peak memory, medians, after one run to warm up."""
import os, statistics, sys, time

def run():
    start = time.perf_counter()
    child = os.fork()
    if child == 0:
        null = os.open(os.devnull, os.O_RDWR)
        for fd in range(3):
            os.dup2(null, fd)
        os.execvp(sys.argv[2], sys.argv[2:])
    _, status, usage = os.wait4(child, 0)
    assert status == 0, sys.argv[2:]
    return (time.perf_counter() - start) * 1000, usage.ru_maxrss

run()
runs = [run() for _ in range(int(sys.argv[1]))]
print(f"{statistics.median(r[0] for r in runs):.1f} {statistics.median(r[1] for r in runs):.0f}")
