"""How exactly media's 20 ms clock runs while it plays to many legs: see `bench_prompts_per_core`."""

from __future__ import annotations

import bench_prompts_per_core

if __name__ == "__main__":
    bench_prompts_per_core.main("ticker_jitter_p99_ms")
