"""Long audio on a queue: jobs in Redis, their audio in a shared folder, and any worker goes on with any."""
