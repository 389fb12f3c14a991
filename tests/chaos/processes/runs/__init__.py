"""Runs on real processes and Google's emulators, under fire: `scripts/chaos runs`."""
