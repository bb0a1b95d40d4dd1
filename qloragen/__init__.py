"""qloragen"""
