"""conftest - the peers of the wire cases, shared by the tests of one file.

SPDX-License-Identifier: MIT
"""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from peers import Peers  # noqa: E402


@pytest.fixture(scope="module")
def peers(tmp_path_factory):
    peers = Peers(tmp_path_factory.mktemp("peers"))
    yield peers
    peers.stop()
