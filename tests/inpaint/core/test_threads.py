"""Work on one thread.

Mutations seen to fail here: no thread given up; the number not restored, or only where nothing fails.
"""

import pytest
import torch

from inpaint.core.threads import one_thread


@pytest.fixture
def three_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("three_threads")
def test_one_thread_for_a_while():
    @one_thread()
    def inside(fails: bool) -> int:
        with one_thread():
            pass
        if fails:
            raise ValueError("as it should")
        return torch.get_num_threads()

    assert inside(fails=False) == 1
    assert torch.get_num_threads() == 3
    with pytest.raises(ValueError, match="as it should"):
        inside(fails=True)
    assert torch.get_num_threads() == 3
