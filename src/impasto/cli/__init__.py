"""The command line: it parses, shows and reports. What is done is done below, by the engine."""
