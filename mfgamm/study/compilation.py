"""Seconds that the compiler took, apart from those that the solve took."""

import contextlib
import dataclasses
from collections.abc import Iterator

import jax

# Tracing is left out: its events nest, and their sum would count some seconds twice.
COMPILE_EVENTS = (
    "/jax/core/compile/jaxpr_to_mlir_module_duration",
    "/jax/core/compile/backend_compile_duration",
)


@dataclasses.dataclass
class CompileClock:
    """Compile time since the clock was started, s."""

    seconds: float = 0.0


@contextlib.contextmanager
def measure_compilation() -> Iterator[CompileClock]:
    """Count the seconds that JAX spends on lowering and compiling in this block."""
    clock = CompileClock()

    def listen(event: str, duration_secs: float, **_: str | int) -> None:
        if event in COMPILE_EVENTS:
            clock.seconds += duration_secs

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        yield clock
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)
