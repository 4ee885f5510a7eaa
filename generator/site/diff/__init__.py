"""Compare two galleries: values, gates, Markdown and a report."""
