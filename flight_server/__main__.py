"""``python -m flight_server`` is ``flight-server``."""

from flight_server.cli.main import main

if __name__ == "__main__":
    main()
