"""The drainer: works a file of requests off beside an engine, and ends. It imports nothing else of ours."""
