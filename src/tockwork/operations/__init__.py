"""What people do with a data folder, whichever way they ask for it: by command, by API or in the console."""
