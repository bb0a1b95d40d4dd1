"""Requests answered in batches: at half the price, within a day."""
