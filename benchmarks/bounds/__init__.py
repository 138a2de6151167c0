"""What a gradient and a step must cost at least: operations and bytes that are counted, rates that are measured."""
