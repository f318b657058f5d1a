"""What faces the web: a thin HTTP surface over the ledger, without Prefect, for self-hosting.

unsubscribe   the page behind each mail's unsubscribe link, and the one-click POST
body          a request's body, bounded in size and time
"""
