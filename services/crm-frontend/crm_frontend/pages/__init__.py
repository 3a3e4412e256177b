"""The pages, a module an area: signing in, Accounting Link, the Xero module, the CRM's records, the API's documents."""
