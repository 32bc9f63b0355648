"""What was changed between two models, read from their stored weights; neither model is run."""
