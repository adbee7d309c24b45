"""The management API under ``/api``: all that the console does, for programs too; described at `/api/openapi.json`."""
