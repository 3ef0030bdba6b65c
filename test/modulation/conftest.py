import pytest
import torch


@pytest.fixture(autouse=True, scope='package')
def one_thread():
    """The tensors here are small: where cores are shared, threads cost far more than they give."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
