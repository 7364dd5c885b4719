"""From records to what may be said of them: metrics, intervals, tests, verdicts."""
