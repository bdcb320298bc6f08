"""Chunked bodies on the wire.

SPDX-License-Identifier: MIT
"""
import cases_chunked
import runner


@runner.every(cases_chunked)
def test_wire(peers, case, who):
    runner.play(peers, case, who)
