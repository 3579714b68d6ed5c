"""Tools for agents, over the Model Context Protocol. It needs the extra ``mcp``."""
