"""Hostile input by case number: one test at least for each case that the public door can show."""
