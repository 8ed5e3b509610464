"""Tables, transactions and one repository per aggregate."""
