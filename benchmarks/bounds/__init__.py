"""What a problem's gradient and an optimizer's step must cost at least: counted operations and bytes, measured rates."""
