"""The command line: each command's module is loaded only when the command is run."""
