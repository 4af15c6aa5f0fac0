"""What is shown of results. Reads results and cells, asks nothing."""
