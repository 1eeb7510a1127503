"""Who the customers are: features scaled to a matrix, factored, clustered, named, and tested for stability."""
