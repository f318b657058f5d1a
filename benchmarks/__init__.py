"""Side by side with the alternatives: each row is one ratio, measured in one run on one machine.

    python -m benchmarks                            all rows
    python -m benchmarks mails_vs_smtplib_1         some rows
    python -m benchmarks --json results.json        for machines

A module measures the rows that it can measure together; `__main__` knows them all.
"""
