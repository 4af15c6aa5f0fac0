"""Networks, one file for each framework: the same verbs in the same order. Each is imported when a model is first asked for."""
