"""The front door: existing code that speaks OpenAI's API works by another base URL (docs/door.md).

Nothing here knows a web framework: functions/main.py hands over what came (`Asked`) and sends what is said
(`Reply`).
"""
