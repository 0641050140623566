"""What is known of the data sets (conf/dataset and the papers named there; AG News: Zhang et al. 2015)."""

CLASSES = {"fashion_mnist_mini": 10, "fashion_mnist": 10, "cifar10": 10, "cifar100": 100, "stl10": 10, "ag_news": 4}
TEST_SIZE = {  # labelled test images
    "fashion_mnist_mini": 1000,
    "fashion_mnist": 10000,
    "cifar10": 10000,
    "cifar100": 10000,
    "stl10": 8000,
    "ag_news": 7600,
}
