"""The official GLiNER2 models: the bases that a swap operates on."""

from encswap_bundled import registers

ENCSWAP_API = 1
register_encoders = registers("bases.yaml")
