"""What models in this process share, whichever library runs them: files, devices, batches."""
