"""Reports of results: the terminal table, records in JSON, pages in Markdown, and declarations. They run no checks."""
