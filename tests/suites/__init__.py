"""What a broker, a store, a Xero must do: each suite is run on the twin in memory and on the real part."""
