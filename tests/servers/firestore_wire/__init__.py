"""`python -m tests.servers.firestore_wire`: Firestore's v1 wire as far as we speak it, in memory, indexed.

Google's emulator reads every document of a database for each query. That is right, and of no use where a
proof has forty thousand of them. Whatever this server does not know it refuses with UNIMPLEMENTED.
"""
