"""Delivery: an issue and its subscribers become one mail each.

- `subscribers`: who gets which newsletter
- `compose`: an issue and a reader make a mail
- `outbox`: mails as files, where no mail server is set
"""
