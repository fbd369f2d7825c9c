"""`encswap serve`: a run or an export over HTTP."""
