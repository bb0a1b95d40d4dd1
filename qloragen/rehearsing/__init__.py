"""A run before it is paid for: the real pipeline in virtual time, against a model of the provider."""
