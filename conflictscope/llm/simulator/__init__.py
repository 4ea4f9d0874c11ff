"""A local server that answers like language models whose values, errors and faults are known.

It speaks the wire protocols of OpenAI and Anthropic, so that the real SDKs talk to it, and it decides by reading the text of
what it is asked, as a real LLM would: nobody passes it an id, a value or a hint. Nothing here needs a database, except
`endpoints`, which is the only module that knows a table.

Where to look: `personas` says who its LLMs are, `reading` what a scenario's text truly is, `content/` holds all the words,
`answering` turns a question into an answer, `server` puts it on the wire.
"""
