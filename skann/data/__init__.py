"""Conversion of tables to scaled matrices of numbers."""
