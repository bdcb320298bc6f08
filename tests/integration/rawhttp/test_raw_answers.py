"""Answers of the node on the wire.

SPDX-License-Identifier: MIT
"""
import cases_answer
import cases_broken
import runner


@runner.every(cases_answer, cases_broken, bytewise=False)
def test_wire(peers, case, who):
    runner.play(peers, case, who)
