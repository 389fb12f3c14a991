"""Many clients at the door, on real processes and Google's emulators, under fire: `scripts/chaos door`."""
