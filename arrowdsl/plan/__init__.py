"""Plans: frozen nodes, sources, optimizer rules, compiler, runner."""
