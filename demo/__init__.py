"""The demo's small trained model: networks, training data, training and evaluation."""
