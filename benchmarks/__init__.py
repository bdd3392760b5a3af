"""The benchmark: `python -m benchmarks`. What each figure means is in README.md; the folder reads as its data flow.

servers.py starts a whole ledger of its own, with aggregator.py beside it; limits.py, posting.py, batches.py, http.py, hordak.py
and growth.py hold the cases, one group each; sql_load.py, http_load.py and together.py make the load; __main__.py runs all
cases in turns; report.py makes medians, ratios, a table and results/latest.json.
"""
