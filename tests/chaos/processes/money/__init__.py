"""Budgets on real processes and Google's emulators, under fire: `scripts/chaos money`."""
