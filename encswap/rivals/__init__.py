"""What a person would use instead, trained and scored on the same documents."""
