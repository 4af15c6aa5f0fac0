"""Training runs, one file for each framework: the same verbs in the same order. Each is imported when a run is first asked for."""
