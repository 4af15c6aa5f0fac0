"""What pytest needs to know before it collects: the tests of a plugin run pytest themselves."""

pytest_plugins = ["pytester"]
