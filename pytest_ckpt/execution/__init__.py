"""Build what a spec describes, save it, load it, and record what was observed. Nothing here judges."""
