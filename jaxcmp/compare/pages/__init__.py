"""What the report looks like: figures, one page of HTML, and Markdown, from the document alone."""
