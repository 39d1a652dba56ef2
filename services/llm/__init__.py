"""The embedded model server: llama.cpp's own, of OpenAI's dialect, for machines that have no other."""
