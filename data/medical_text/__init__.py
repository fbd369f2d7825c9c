"""Synthetic clinical text: vocabulary, sentence frames and the code that joins them."""
