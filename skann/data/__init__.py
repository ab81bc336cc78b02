"""What stands between a table and a matrix of numbers."""
