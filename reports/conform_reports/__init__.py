"""Writers of a finished run: HTML, JUnit, SARIF, Markdown. Each is `write(result, path)`.

A run stored as JSON is read back with `conform.reading.read_result` and written the same way.
"""
