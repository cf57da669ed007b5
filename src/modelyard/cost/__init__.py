"""Cost: what steps, runs, models and predictions used and what that is worth; budgets that warn and then stop work."""
