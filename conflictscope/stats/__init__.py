"""Statistics: pure functions of arrays, without tables, clocks or global randomness."""
