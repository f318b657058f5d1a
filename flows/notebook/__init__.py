"""A newsletter is a notebook: which notebooks there are, when they run, and how they are run.

newsletter ─ a notebook's contract, checked without running anything
  header      its first cell: title, documents that it listens to, needs
  parameters  its parameters cell: what a flow may set
run        ─ one newsletter on one document, within limits; what came of it
  engine      the papermill engine behind it
  kernel      how the kernel's process is started and ended
  supervisor  the process that a kernel lives under, so that nothing is left behind
  causes      why a run failed, in an operator's words
  settle      what is taken off an executed notebook so that archives can compare it
parts      ─ what a notebook tells its readers, as its outputs carry it
style …    ─ how charts and figures look

`run` is imported from its module: papermill takes its time, and no kernel needs it.
"""

from flows.notebook.newsletter import KNOWN_PARAMETERS, Catalogue, Newsletter, catalogue, load

__all__ = ["KNOWN_PARAMETERS", "Catalogue", "Newsletter", "catalogue", "load"]
