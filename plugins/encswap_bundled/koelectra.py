"""KoELECTRA base v3, the discriminator."""

from encswap_bundled import registers

ENCSWAP_API = 1
register_encoders = registers("encoders.yaml", "koelectra")
