"""The agent: a LangGraph workflow over the language models, its threads kept in Redis. Two colours of it."""
