"""Everything that is measured: cost, speed, memory, round trips (`penstock bench`, docs/performance.md)."""
