"""The app's health check: ends with 0 where /ready answers 200."""

# No HTTP client, whose import costs more than all the rest: this runs every few seconds.
import socket
import sys

with socket.create_connection(("127.0.0.1", 8000), 5) as connection:
    connection.sendall(b"GET /ready HTTP/1.0\r\n\r\n")
    sys.exit(b" 200 " not in connection.recv(64))
