"""Files that people bring: texts in any encoding, cells of spreadsheets, uploads."""
