"""The paper's evaluation as commands: tables, figures and reports on a user's model and data."""
