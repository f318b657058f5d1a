"""What faces the web, without Prefect, for self-hosting: pushes in, pages out.

Where do I go to…?
- see all addresses at once: `app`; and how they are served: `serving`, `headers`
- change what a push must be, and how it is answered: `push`, `content`, `glance`, `answers`
- let senders in: `signature`
- follow a message from the push to its flow run: `inbox`, `inbox_file`
- bound what a request may take: `body`, `room`
- serve the archive: `site`; the page behind each mail's unsubscribe link: `unsubscribe`
"""
