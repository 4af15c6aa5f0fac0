"""Build the object of a spec, save it, load it, and record observations. Nothing here judges."""
