"""Real processes on Google's emulators, under fire: `scripts/chaos run`."""
