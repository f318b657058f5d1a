"""Does an archived issue come out again? Its notebook and parameters, no network, a comparison.

source    ─ where the issue's files are (folder, web server, archive), each checked by its sum
recipe    ─ the notebook as it was written, and the parameters that it was given
offline   ─ the process that runs notebooks without a network; `worker` is this side of it
reproduce ─ all of it at once; what differs, `flows.issue.compare` says

Nothing is imported here: the process without a network has to begin with one thread.
"""
