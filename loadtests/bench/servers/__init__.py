"""The peers: the same forest behind other servers, each as its own documentation would have one write it."""
