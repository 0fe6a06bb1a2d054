"""What comes next in a visit, told from the visits of others; knows numbers, nobody and no id."""
