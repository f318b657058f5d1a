"""The process without a network that runs notebooks on their cases: a request in, findings out.

    python -P -m flows.check.worker

One line of JSON comes in: the paths of notebooks and the limits of a run. The lines out are: how
the network is kept away, how many runs there will be, then one for each run and for each sample
that can't be run on. See `flows.reproduce.offline` for what keeps the network away.
"""

from __future__ import annotations

import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from flows.reproduce.offline import isolate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flows.check.cases import Case
    from flows.check.finding import Finding
    from flows.notebook.limits import Limits
    from flows.notebook.newsletter import Newsletter

    Job = tuple[Newsletter, Case]

_WATCHED = Path(__file__).with_name("watched")


def _answers(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Run every notebook on its sample, and what passes on its edge cases, side by side."""
    from flows.check import cases  # noqa: PLC0415 - slow, and may start threads
    from flows.check.finding import Finding  # noqa: PLC0415
    from flows.notebook import newsletter, nursery  # noqa: PLC0415
    from flows.notebook.limits import Limits  # noqa: PLC0415

    nursery.warm()
    jobs: list[Job] = []
    for path in request["paths"]:
        letter = newsletter.load(Path(path))
        document = cases.sample(letter)
        if isinstance(document, Finding):
            yield {"notebook": letter.path.name, "findings": [document.as_dict()]}
        else:
            jobs += [(letter, case) for case in cases.of(letter, document)]
    yield {"runs": len(jobs)}
    limits, broken = Limits(**request["limits"]), set()
    for job, findings in _run([job for job in jobs if job[1].is_sample], limits):
        if findings:
            broken.add(job[0].path)
        yield _answer(job, findings)
    edge = [job for job in jobs if not job[1].is_sample and job[0].path not in broken]
    for job, findings in _run(edge, limits):
        yield _answer(job, findings)


def _run(jobs: list[Job], limits: Limits) -> Iterator[tuple[Job, list[Finding]]]:
    """Run as many at once as there are processors; yield each, in order, with what is wrong."""
    from flows.check import trial  # noqa: PLC0415 - as above

    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        yield from zip(
            jobs, pool.map(lambda job: trial.run(job[0], job[1], limits), jobs), strict=True
        )


def _answer(job: Job, findings: list[Finding]) -> dict[str, Any]:
    letter, case = job
    found = [finding.as_dict() for finding in findings]
    return {"notebook": letter.path.name, "case": case.name, "findings": found}


def _say(answers: TextIO, **line: object) -> None:
    print(json.dumps(line), file=answers, flush=True)


def main() -> None:
    """Leave the network, then answer the one request."""
    # What a library prints goes to the error stream: this one is for answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    _say(answers, offline=isolate())
    paths = [str(_WATCHED), *filter(None, [os.environ.get("PYTHONPATH")])]
    os.environ["PYTHONPATH"] = os.pathsep.join(paths)
    for line in _answers(json.loads(sys.stdin.readline())):
        _say(answers, **line)


if __name__ == "__main__":
    main()
