"""What there is to see of a run at work: values, rates, when it will be done; kept in a file for other processes."""
