"""Every limit of the metrics, with its reason."""

# The history for a person's view: a day, and an hour so that the point of a day ago is still there.
HISTORY_HOURS = 25
# A second sample within this time says nothing new; beat may ring twice.
SAMPLE_SECONDS_MIN = 45
# Sizes on disk cost a look at each file of each partition, and nobody needs them by the second.
SIZES_CACHED_SECONDS = 60
# The windows of rates, in seconds. A sample comes each minute, so the shortest window is between one and two minutes long.
RATE_WINDOWS_SECONDS = (60, 300, 900)
# Points of a sparkline or chart: one for each quarter of an hour of a day.
CHART_POINTS = 96
# Lines of the growth chart; more cannot be told apart.
GROWTH_LINES = 6
# A sparkline in a row of a table, in pixels.
SPARKLINE_WIDTH, SPARKLINE_HEIGHT = 120, 24
