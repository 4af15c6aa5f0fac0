"""The family `crash`: the files that remain when a save is interrupted."""
