"""A newsletter is a notebook: which notebooks there are, when they run, and how they are run.

newsletter ─ a notebook's contract, checked without running anything
  header      its first cell: title, documents that it listens to, needs
  parameters  its parameters cell: what a flow may set
run        ─ one newsletter on one document, within limits; what came of it
  engine      the papermill engine behind it
  nursery     asks for forks of the zygote, which is started once for this process
  zygote      the process that has imported what notebooks import, and forks for each run
  shell       what a fork does: IPython's shell, without a kernel's sockets
  forked      a fork as the engine has it in hand, with wire, the messages in between
  kernel      a kernel instead of a fork, where there is none or a notebook asks for it
  supervisor  the process that either lives under, so that nothing is left behind
  environment what of this process's environment a notebook is given
  causes      why a run failed, in an operator's words
  settle      what is taken off an executed notebook so that archives can compare it
parts      ─ what a notebook tells its readers, as its outputs carry it
style …    ─ how charts and figures look
plotted    ─ the numbers behind a chart, for a later run to be compared with

Names are imported from their modules, and nothing is here: whoever starts the zygote first, so that
it is ready when it is needed, waits for no reader of documents before.
"""
