"""Exports: what runs a trained model without encswap's training stack or torch."""
