"""Lanes that wait on real processes and Google's emulators, under fire: `scripts/chaos run --lanes`."""
