"""`gridletter serve`: one command for one machine, from the platform's push to the mail.

serve        takes the home and the ports, starts the processes, says where everything is
supervise    starts a process again whenever it ends, and ends all of them together
child        what all processes do first: end with their parent, say when they are ready

Each process is one of these, and none needs another to be up:

    web        the gateway under uvicorn, with forward and watch in threads beside it
    server     a Prefect server, unless another one is named
    deployer   work pool, deployments and triggers; ends when they stand
    runner     takes flow runs from the pool and runs them in this warm process

forward      inbox → event → flow run: every message, in order, until its run is seen
confirm      which messages have a flow run
claims       messages that are too large for a flow run's parameter
bell         the server wakes a runner when there is a run
runs         flow runs of the pool: to claim, to put back, to look through
orphans      runs whose runner died are run again
watch        runs that nobody takes, or that are stuck, are reported
heartbeat    a runner's sign of life
tally        what is noted after a message was published
tell         a mail to the operators
names        what belongs to serve, as Prefect knows it
shared       metrics of several processes, together
"""
