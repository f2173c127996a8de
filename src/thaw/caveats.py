"""What is said wherever thaw tells a figure or hands a model over."""

RESEARCH_ONLY = "Not a medical device; for research only."
NOISY = "Labels are noisy: figures say how well a network agrees with them, not how often it is right about patients."
LEAKING = (
    "**The split leaks: patients of the test images were trained on. These figures only show what leakage claims.**"
)
