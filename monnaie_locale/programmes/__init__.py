"""Programmes: decisions, budgets, eligibility, funding and distributions."""
