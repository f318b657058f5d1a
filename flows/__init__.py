"""Gridletter: an event arrives, a notebook runs, a newsletter goes out.

bytes ─► document ─► notebook ─► issue ─► archive ─► delivery
 push     parsed,     chosen,     page,    write-    per recipient
 message  validated   executed    mail     once

Each arrow is a folder here, and a stage imports only stages to its left. Prefect is imported by the
flows (`publish`, `resume`, `deliver`, `unsubscribe`, `backfill`, `corrections`), by what stands
behind them (`steps`, `press`, `sending`, `shards`, `embedded`, `arrivals`, `tls`) and by what
starts them (`backfill_pool`, `deploy`, `serve`): each stage is plain Python for a notebook, a test
or a REPL.

Where do I go to …
    change a newsletter?                     notebooks/<name>.ipynb, and nowhere else
    see what a notebook may call?            desk
    change what a new notebook begins with?  starter
    see an issue before there is one?        preview
    check a notebook before deployment?      check
    accept another form of push message?     document.message
    read another document family or code?    document.market, document.codes, document.zones
    change when a notebook runs, or how?     notebook.newsletter, notebook.run
    change how pages and mails look?         issue/templates
    change where issues are kept?            archive.store
    change the archive's pages?              archive.pages; which are written when: archive.archive
    change the search?                       archive.search
    change what readers are told has moved?  issue.change
    run an archived issue again?             reproduce, corrections
    change who gets what?                    delivery.subscribers, delivery.directory
    change how mails go out?                 delivery.send, delivery.ledger, sending
    change what a click on unsubscribe does? gateway.unsubscribe, unsubscribe
    change what a push is answered?          gateway.push, gateway.answers
    change what runs under `serve`?          serve.serve; how runs are taken: serve.runner
    change what is created in Prefect?       deploy.deploy
    be told what did not come?               deploy.expect
    share a send or backfill among tasks?    shards, deliver, backfill_pool
    follow an event through all of it?       publish
    make a command start faster?             startup, embedded
    add a setting or an error?               settings, errors
"""
