"""Training and measuring of the SegFormer checkpoints that the package ships."""
