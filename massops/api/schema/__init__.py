"""Mass operations as they are declared in the schema: what the calls are (calls, files, mappings) and their documents."""
