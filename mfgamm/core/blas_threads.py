"""One thread for small dense systems."""

from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Keep dense linear algebra on one thread for a while, in the whole process.

    For a few hundred unknowns a second thread gains nothing; where the machine has other things to
    do, threads that wait for each other cost a hundredfold.
    """
    with threadpool_limits(limits=1, user_api="blas"):
        yield
