"""Side by side with the alternatives: each row is one ratio, measured in one run on one machine.

    python -m benchmarks                            all rows
    python -m benchmarks mails_vs_smtplib_1         some rows
    python -m benchmarks --json results.json        for machines
    python -m benchmarks --against results.json     fail where a ratio has become far worse

A module measures the rows that it can measure together; `__main__` knows them all.
"""
