"""The layers that networks are made of, one file for each framework: what builds each kind, and how it is applied."""
