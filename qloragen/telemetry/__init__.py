"""Traces and metrics by OpenTelemetry: an observer of runs."""
