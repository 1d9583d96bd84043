"""The looks of the report: figures, one page of HTML, and Markdown, from the document alone."""
