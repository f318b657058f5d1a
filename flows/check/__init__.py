"""Whether a notebook will work as a newsletter, before anybody deploys it: `gridletter check`.

check    ─ notebooks in, findings out: what is written, what git keeps, what runs
finding    what is wrong, in which cell, and what to do
contract   header and parameters: known, typed, with defaults
written    sources: secrets, absolute paths
stored     what git keeps: no outputs
cases      the inputs that a notebook is run on, made from its sample
altered    the changes to a sample that make them: another day, gaps, a type less, another zone
worker     the process without a network in which notebooks run (`watched` tells who asks for one)
trial      one run: how it ended, and what it would show its readers
shown      headline, alternative texts, and the mail's budget of rows, columns and bytes
support    the mail's HTML and CSS against what mail programs support (`support.json`)

Importing this package loads neither pandas nor Jupyter.
"""

from flows.check.check import Checked, check
from flows.check.finding import Finding

__all__ = ["Checked", "Finding", "check"]
