"""What my-encoder promises, asked at mini scale and without a download."""

from __future__ import annotations

from encswap.testing import conforms

import encswap_my_encoder

test_conforms = conforms("my-encoder")


def test_the_encoder_is_registered() -> None:
    registered = []
    encswap_my_encoder.register_encoders(registered.append)
    assert [spec.name for spec in registered] == ["my-encoder"]
