"""The command line: each command in its own module, loaded when the command is run."""
