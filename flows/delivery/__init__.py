"""Delivery: an issue and its subscribers become one mail each, once, whatever breaks.

- `subscribers`, `directory`: who gets which newsletter, as CSV and beside the ledger
- `ledger`: one row per issue and recipient, and who may move it; in SQLite or DynamoDB
- `compose`: an issue and a reader make a mail
- `send`: every open row over several connections; `smtp` opens them, `policy` has the numbers
- `outbox`: mails as files, where no mail server is set
- `unsubscribe`: the signed one-click link
"""
