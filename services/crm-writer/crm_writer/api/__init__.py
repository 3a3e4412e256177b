"""crm-writer over HTTP: companies, contacts, transactions and the state of every record. Reading only."""
