"""Public stand-ins for tests: virtual time and a scripted provider."""
