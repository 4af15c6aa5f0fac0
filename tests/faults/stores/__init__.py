"""For each backend the two things that only it can do: pack tensors without loss, and lose one thing at a time."""
