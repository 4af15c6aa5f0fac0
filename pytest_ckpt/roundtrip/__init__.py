"""Assert that an object of the user is restored by a save and a load function."""
