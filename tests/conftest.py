"""Double precision everywhere in the tests; one hypothesis profile for every machine."""

import hypothesis
import jax

jax.config.update("jax_enable_x64", True)

hypothesis.settings.register_profile(
    "steady", deadline=None, derandomize=True, max_examples=60, print_blob=True
)
hypothesis.settings.load_profile("steady")
