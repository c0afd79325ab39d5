"""Charts, maps and markup that the report and the page share: numbers and texts in, HTML and SVG out."""
