"""What a model from elsewhere may not do: run code, read other files, or ask for endless memory."""
