"""Examples and their gold: readers and writers, words and what they can express, windows."""
