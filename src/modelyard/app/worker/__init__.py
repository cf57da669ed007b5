"""The worker: a process that does one attempt of one flow run, and reports to its yard over HTTP.

`python -m modelyard.app.worker`, with its run and its credential in the environment. It opens no home.
"""
