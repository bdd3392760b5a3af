"""The benchmark: `python -m benchmarks`. What each figure means is in README.md; the folder reads as its data flow.

servers.py starts a whole ledger of its own; limits.py, posting.py and http.py hold the cases, one group each;
sql_load.py and http_load.py make the load; __main__.py runs all cases in turns; report.py makes medians, ratios, a
table and results/latest.json.
"""
