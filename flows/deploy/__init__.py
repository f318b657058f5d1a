"""From flows to what starts them: work pool, deployments, triggers, alarms, webhooks and blocks.

deploy       does it all, in order; a second time it changes nothing
wanted       what a deployment is asked for, and what became of it
outputs      what the stack of `infra/` tells: read and checked
environment  what a flow's container is told, and how secrets reach it
variables    job variables, checked before anything is created
template     how a pool of a type starts a container
pool         the work pool
deployments  the flows in it, by their place in the package
automations  triggers, and alarms for what hangs, crashes or never begins
alarm        the flow that mails the operators what an automation noticed
expect       the flow that tells them of a document that has not come by its time
expected     which document, of which zone, by when
schedules    when it looks
webhooks     Prefect Cloud's way in for pushes and clicks
blocks       credentials that are missing
events       what the webhook's event looks like
plan         compares what stands with what is wanted
"""
