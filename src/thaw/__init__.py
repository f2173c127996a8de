"""thaw: which layers of a pretrained network should be thawed for my X-rays, and what does it cost?"""
