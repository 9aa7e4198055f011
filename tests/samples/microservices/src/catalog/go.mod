module catalog
